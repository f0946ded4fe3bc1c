import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { batchedWrites } from "../../../kernel/transit/batched-writes.ts";
import { callIds, PendingRequests } from "../../../kernel/transit/pending-requests.ts";
import { RawJson, ResultFirstSerializer } from "../../../kernel/transit/serializer.ts";

function serializer(waiting: Record<string, { rawResult?: boolean }> = {}) {
	const made = new ResultFirstSerializer();
	const get = (id: string) => waiting[id] && { ctx: { options: waiting[id] } };
	made.init({ transit: { pendingRequests: { get } } } as never);
	return made;
}

const answer = (data: unknown) => ({
	ver: "5",
	sender: "node-1",
	id: "call-1",
	meta: { $statusCode: 201, note: 'a,"data":\n{' },
	success: true,
	data,
});

test("whatever an action answers comes through, parsed or as it was written", () => {
	fc.assert(
		fc.property(fc.jsonValue(), data => {
			const plain = JSON.parse(JSON.stringify(answer(data)));
			const bytes = serializer().serialize(answer(data), "RES");
			assert.deepEqual(JSON.parse(bytes.toString()), plain, "JSON to whoever knows no better");
			assert.deepEqual({ ...serializer().deserialize(bytes, "RES") }, plain);
			const raw = serializer({ "call-1": { rawResult: true } }).deserialize(bytes, "RES");
			if (data === null) return;
			const { data: text, ...envelope } = raw as { data: RawJson };
			assert.ok(text instanceof RawJson);
			assert.equal(text.bytes.toString(), JSON.stringify(data));
			assert.deepEqual({ ...envelope, data: plain.data }, plain);
		}),
	);
});

test("what is no plain result keeps its form", () => {
	const { serialize, deserialize } = ResultFirstSerializer.prototype;
	const it = serializer({ "call-1": { rawResult: true } });
	for (const packet of [
		{ ver: "5", id: "call-1", success: false, error: { message: "no" }, data: null },
		{ ver: "5", id: "call-1", success: true, data: undefined },
		{ ver: "5", id: "call-1", success: true, data: Buffer.from("bytes") },
		{ ver: "5", id: "call-1", success: true, stream: true, seq: 1, data: "chunk" },
	]) {
		const bytes = serialize.call(it, packet, "RES");
		assert.equal(bytes.toString(), JSON.stringify(packet));
		assert.deepEqual(deserialize.call(it, bytes, "RES"), JSON.parse(JSON.stringify(packet)));
	}
	const request = { ver: "5", id: "call-1", success: true, data: { a: 1 } };
	assert.equal(serialize.call(it, request, "REQ").toString(), JSON.stringify(request));
});

test("an answer of a node that writes plain JSON is read, for whomever it is", () => {
	const bytes = Buffer.from(JSON.stringify({ data: { a: "\\n" }, id: "call-1", success: true }));
	const read = serializer({ "call-1": { rawResult: true } }).deserialize(bytes, "RES");
	assert.deepEqual(read, { data: { a: "\\n" }, id: "call-1", success: true });
	assert.throws(() => serializer().deserialize(Buffer.from('{"data":1\n,nonsense'), "RES"));
});

/** Of these some have one place, and some none. */
const ids = ["x~1", "x~35t", "y~1", "x~6bl", "x~2", "a", "zz", "__proto__", "", "x~", "x~1.5"];
const id = fc.constantFrom(...ids);
const step = fc.record({
	kind: fc.constantFrom("set", "set", "set", "delete", "delete", "clear"),
	id,
});

test("pending requests do what a map does", () => {
	fc.assert(
		fc.property(fc.array(step, { maxLength: 60 }), steps => {
			const pending = new PendingRequests<object>();
			const map = new Map<string, object>();
			for (const { kind, id } of steps) {
				const request = { id };
				if (kind === "set") {
					pending.set(id, request);
					map.set(id, request);
				} else if (kind === "delete") assert.equal(pending.delete(id), map.delete(id));
				else {
					pending.clear();
					map.clear();
				}
				assert.equal(pending.size, map.size);
			}
			const seen = new Map<string, object>();
			pending.forEach((request, id) => void seen.set(id, request));
			assert.deepEqual([...seen].sort(), [...map].sort());
			for (const id of [...ids, "toString"]) {
				assert.equal(pending.get(id), map.get(id));
				assert.equal(pending.has(id), map.has(id));
			}
		}),
	);
});

test("pending requests may be deleted while they are visited", () => {
	const pending = new PendingRequests<number>().set("a", 1).set("b", 2).set("c", 3);
	const seen: string[] = [];
	pending.forEach((_, id) => {
		seen.push(id);
		pending.delete("b");
		pending.delete(id);
	});
	assert.deepEqual(seen, ["a", "c"]);
	assert.equal(pending.size, 0);
});

test("ids are not made twice, and 4,096 calls in a row have a place of their own", () => {
	const [one, other] = [callIds(), callIds()];
	const made = Array.from({ length: 4_096 }, () => [one(), other()]);
	assert.equal(new Set(made.flat()).size, 8_192);
	const pending = new PendingRequests<number>();
	for (const [i, [id]] of made.entries()) pending.set(id as string, i);
	for (const [i, [id]] of made.entries()) assert.equal(pending.get(id as string), i);
	for (const [, id] of made) assert.equal(pending.get(id as string), undefined);
	assert.equal(pending.size, 4_096);
});

type Send = (topic: string, data: Buffer, meta: object) => Promise<void>;
const { transporterSend } = batchedWrites as unknown as { transporterSend(next: Send): Send };
const turn = () => new Promise<void>(resolve => setImmediate(resolve));

test("the packets of one turn are sent together, in their order", async () => {
	const sent: string[] = [];
	const send = transporterSend(async topic => void sent.push(topic));
	const all = Promise.all(["a", "b", "c"].map(topic => send(topic, Buffer.alloc(1), {})));
	await Promise.resolve();
	assert.deepEqual(sent, []);
	await turn();
	assert.deepEqual(sent, ["a", "b", "c"]);
	await all;
	void send("d", Buffer.alloc(1), {});
	await turn();
	assert.deepEqual(sent, ["a", "b", "c", "d"]);
});

test("a large packet goes at once, after those that wait", async () => {
	const sent: string[] = [];
	const send = transporterSend(async topic => void sent.push(topic));
	void send("small", Buffer.alloc(1), {});
	void send("large", Buffer.alloc(64 * 1_024 + 1), {});
	assert.deepEqual(sent, ["small", "large"]);
	await turn();
	assert.deepEqual(sent, ["small", "large"]);
});

test("one packet that cannot be sent harms no other", async () => {
	const sent: string[] = [];
	const send = transporterSend(topic => {
		if (topic === "thrown") throw new Error("MAX_PAYLOAD");
		sent.push(topic);
		return topic === "refused" ? Promise.reject(new Error("no")) : Promise.resolve();
	});
	const outcomes = await Promise.allSettled(
		["a", "thrown", "refused", "b"].map(topic => send(topic, Buffer.alloc(1), {})),
	);
	assert.deepEqual(
		outcomes.map(({ status }) => status),
		["fulfilled", "rejected", "rejected", "fulfilled"],
	);
	assert.deepEqual(sent, ["a", "refused", "b"]);
	assert.throws(() =>
		transporterSend(() => {
			throw new Error("MAX_PAYLOAD");
		})("x", Buffer.alloc(70_000), {}),
	);
});
