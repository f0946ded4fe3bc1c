import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { codeOf } from "../../../kernel/errors.ts";
import { IdempotencyRecordModel } from "../../../models/gateway/idempotency-record.model.ts";
import {
	Idempotency,
	type KeyedRequest,
	keyOf,
	type Run,
} from "../../../services/gateway/api/idempotency.ts";
import { memoryCollection, StillClock } from "../../support/memory.ts";

const created = { status: 201, contentType: "application/json; charset=utf-8", body: '{"id":"x"}' };

async function gateways() {
	const records = await memoryCollection(IdempotencyRecordModel);
	const clock = new StillClock();
	const there = new Set(["first", "second"]);
	const replayed: string[] = [];
	const of = (node: string) =>
		new Idempotency({
			records,
			clock,
			node,
			isThere: name => there.has(name),
			onReplay: () => replayed.push(node),
		});
	return { records, clock, there, replayed, first: of("first"), second: of("second") };
}

const request = (change: Partial<KeyedRequest> = {}): KeyedRequest => ({
	key: "key-1",
	userId: "usr_1",
	method: "POST",
	target: "/api/courses",
	body: Buffer.from('{"title":"A"}'),
	...change,
});

async function begun(gateway: Idempotency, change: Partial<KeyedRequest> = {}): Promise<Run> {
	const taken = await gateway.take(request(change));
	assert.ok("run" in taken, "it was answered before");
	return taken.run;
}

const refusal = (promise: Promise<unknown>) => promise.then(() => "ok", codeOf);

describe("a request under a key", () => {
	test("runs once of twenty at once, and is then answered with the same bytes", async () => {
		const { first, second, replayed } = await gateways();
		const taken = await Promise.allSettled(
			Array.from({ length: 20 }, (_, i) => (i % 2 ? first : second).take(request())),
		);
		const runs = taken.flatMap(t =>
			t.status === "fulfilled" && "run" in t.value ? t.value.run : [],
		);
		assert.equal(runs.length, 1);
		await first.finish(runs[0] as Run, created);
		for (const gateway of [first, second])
			assert.deepEqual(await gateway.take(request()), { answer: created });
		assert.deepEqual(replayed, ["first", "second"]);
	});

	test("is another one for another user, method, path, query or key", async () => {
		const { first } = await gateways();
		await first.finish(await begun(first), created);
		for (const change of [
			{ userId: "usr_2" },
			{ method: "PATCH" },
			{ target: "/api/courses?x=1" },
			{ target: "/api/course" },
			{ key: "key-2" },
		])
			await begun(first, change);
	});

	test("of another body is refused, while it runs and afterwards", async () => {
		const { first } = await gateways();
		const run = await begun(first);
		const other = { body: Buffer.from('{"title":"A" }') };
		assert.equal(await refusal(first.take(request(other))), "IDEMPOTENCY_KEY_REUSED");
		await first.finish(run, created);
		assert.equal(await refusal(first.take(request(other))), "IDEMPOTENCY_KEY_REUSED");
	});

	test("that was cut off is taken up under its seed once its gateway is gone, or after 30 s", async () => {
		const { first, second, there, clock } = await gateways();
		const { seed } = await begun(first);
		assert.equal(await refusal(second.take(request())), "IDEMPOTENCY_IN_PROGRESS");
		there.delete("first");
		assert.equal((await begun(second)).seed, seed);
		assert.equal(await refusal(second.take(request())), "IDEMPOTENCY_IN_PROGRESS");
		clock.ms += 30_000;
		assert.equal((await begun(second)).seed, seed);
	});

	test("that was taken up is not answered by the run before", async () => {
		const { first, second, clock } = await gateways();
		const slow = await begun(first);
		clock.ms += 30_000;
		const run = await begun(second);
		await first.finish(slow, { ...created, body: "late" });
		assert.equal(await refusal(second.take(request())), "IDEMPOTENCY_IN_PROGRESS");
		await second.finish(run, created);
		assert.deepEqual(await first.take(request()), { answer: created });
	});

	test("that failed on our side goes on under its seed at once", async () => {
		const { first, second } = await gateways();
		const run = await begun(first);
		await first.finish(run, { status: 503, body: "" }, "SERVICE_UNAVAILABLE");
		assert.equal((await begun(second)).seed, run.seed);
	});

	test("that was refused before it began is forgotten, so that it may be mended", async () => {
		const { first } = await gateways();
		for (const [status, code] of [
			[422, "VALIDATION_ERROR"],
			[401, "UNAUTHENTICATED"],
			[429, "TOO_MANY_REQUESTS"],
		] as const) {
			await first.finish(await begun(first, { key: code }), { status, body: "" }, code);
			await begun(first, { key: code, body: Buffer.from("mended") });
		}
	});

	test("that was refused by what is there is answered so again", async () => {
		const { first } = await gateways();
		const refused = { status: 409, contentType: "application/problem+json", body: "{}" };
		await first.finish(await begun(first), refused, "ALREADY_ENROLLED");
		assert.deepEqual(await first.take(request()), { answer: refused });
	});

	test("is forgotten after 24 h", async () => {
		const { first, clock } = await gateways();
		const run = await begun(first);
		await first.finish(run, created);
		clock.ms += 24 * 3_600_000;
		assert.notEqual((await begun(first)).seed, run.seed);
	});
});

test("a key is a quoted string or a bare token, of 1 to 255 visible characters", () => {
	for (const [header, key] of [
		["abc", "abc"],
		['"abc"', "abc"],
		['"a b"', "a b"],
		['"a\\"b\\\\"', 'a"b\\'],
		["8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"],
		["x".repeat(255), "x".repeat(255)],
	] as const)
		assert.equal(keyOf(header), key);
	for (const header of ["", '""', "x".repeat(256), "a b", "ü", '"abc', 'a"c', "a\tb", '"a\\c"'])
		assert.throws(() => keyOf(header), { type: "BAD_REQUEST" }, JSON.stringify(header));
});
