import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { admitted, register, send } from "../support/http.ts";
import { completePayment, openPayment, publishCourse } from "../support/journey.ts";
import { startMesh } from "../support/mesh.ts";
import { startEmbedded } from "../support/process.ts";
import { needs } from "../support/servers.ts";

interface Said {
	status: number;
	body: string;
	replayed: boolean;
	requestId: string | null;
}

/** A request under a key, its answer byte for byte. */
async function ask(
	base: string,
	token: string,
	key: string,
	body: string,
	{ method = "POST", path = "/api/courses" } = {},
): Promise<Said> {
	const headers = {
		authorization: `Bearer ${token}`,
		"content-type": "application/json",
		"idempotency-key": key,
	};
	const response = await admitted(() => fetch(base + path, { method, headers, body }));
	return {
		status: response.status,
		body: await response.text(),
		replayed: response.headers.get("idempotency-replayed") === "true",
		requestId: response.headers.get("x-request-id"),
	};
}

const codeIn = ({ status, body }: Said) => [status, JSON.parse(body).code];

test("a request under an Idempotency-Key, embedded", async t => {
	const { url } = await startEmbedded(t);
	const { token } = await register(url, "teacher");
	const body = '{"title":"Once"}';

	await t.test("has one effect, and one answer byte for byte", async () => {
		const first = await ask(url, token, "key-1", body);
		const again = await ask(url, token, "key-1", body);
		assert.deepEqual([first.status, first.replayed], [201, false]);
		assert.deepEqual([again.status, again.body, again.replayed], [201, first.body, true]);
		assert.notEqual(again.requestId, first.requestId);
		const quoted = await ask(url, token, '"key-1"', body);
		assert.equal(quoted.body, first.body, "quoted or bare, it is one key");
		const rewritten = await ask(url, token, "key-1", body, { path: "/api/course/courses" });
		assert.equal(rewritten.body, first.body, "the path is the canonical one");
		const { body: metrics } = await send(url, "GET", "/metrics");
		assert.match(metrics, /^zeolite_idempotency_replays_total 3$/m);
		const { body: list } = await send(url, "GET", "/api/courses?q=Once");
		assert.equal(list.total, 1);
	});

	await t.test("with other bytes is refused", async () => {
		assert.deepEqual(codeIn(await ask(url, token, "key-1", `${body} `)), [
			422,
			"IDEMPOTENCY_KEY_REUSED",
		]);
	});

	await t.test("that does not fit may be mended under its key", async () => {
		assert.deepEqual(codeIn(await ask(url, token, "key-2", "{}")), [422, "VALIDATION_ERROR"]);
		assert.equal((await ask(url, token, "key-2", '{"title":"Mended"}')).status, 201);
	});

	await t.test("is nobody else's, and a key that is none is refused", async () => {
		const other = await register(url, "teacher");
		const theirs = await ask(url, other.token, "key-1", body);
		assert.deepEqual([theirs.status, theirs.replayed], [201, false]);
		assert.deepEqual(codeIn(await ask(url, token, "a b", body)), [400, "BAD_REQUEST"]);
		assert.equal((await ask(url, token, "x".repeat(256), body)).status, 400);
	});

	await t.test("of a refund gives back once", async () => {
		const { courseId } = await publishCourse(url);
		const purchase = await openPayment(url, courseId);
		await completePayment(url, purchase, "succeed");
		const path = `/api/payments/${purchase.paymentId}/refund`;
		const refund = () => ask(url, purchase.student.token, "refund-1", "{}", { path });
		const answers = await Promise.all(Array.from({ length: 20 }, refund));
		const done = answers.filter(({ status }) => status === 200);
		assert.ok(done.length >= 1);
		assert.equal(new Set(done.map(answer => answer.body)).size, 1);
		for (const answer of answers)
			if (answer.status !== 200) assert.deepEqual(codeIn(answer), [409, "IDEMPOTENCY_IN_PROGRESS"]);
		assert.equal((await refund()).body, done[0]?.body);
	});
});

const servers = await needs("nats", "mongo");
if (servers)
	test("200 keys, 20 requests each, a gateway killed in between: one effect, equal bytes", async t => {
		const mesh = await startMesh(t, servers);
		const { token } = await register(mesh.gateways[0] as string, "teacher");
		const victim = [...mesh.parts.values()].filter(part => part.part.services === "gateway")[1];
		assert.ok(victim);
		const keys = 200;
		const copies = 20;
		let asked = 0;
		/** Goes on until it is answered, by whichever gateway is there. */
		const insist = async (key: number, copy: number): Promise<Said> => {
			for (let tries = 0; ; tries++) {
				const base = mesh.gateways[(copy + tries) % 2] as string;
				asked++;
				const said = await ask(base, token, `key-${key}`, `{"title":"Course ${key}"}`).catch(
					() => null,
				);
				if (said && said.status < 500 && said.status !== 409) return said;
				assert.ok(tries < 1_000, `no answer: ${JSON.stringify(said)}`);
				await pause(100);
			}
		};
		const work = Array.from({ length: keys * copies }, (_, i) => [i % keys, Math.floor(i / keys)]);
		const answers = new Map<number, Said[]>();
		const worker = async () => {
			for (let next = work.shift(); next; next = work.shift()) {
				const [key, copy] = next as [number, number];
				const said = await insist(key, copy);
				answers.set(key, [...(answers.get(key) ?? []), said]);
			}
		};
		const killed = pause(500).then(async () => {
			await victim.end("SIGKILL");
			await victim.start();
		});
		await Promise.all(Array.from({ length: 32 }, worker));
		await killed;
		for (const [key, said] of answers) {
			assert.deepEqual([...new Set(said.map(({ status }) => status))], [201], `key ${key}`);
			assert.equal(new Set(said.map(({ body }) => body)).size, 1, `key ${key}`);
		}
		assert.equal(answers.size, keys);
		const { body } = await send(mesh.gateways[0] as string, "GET", "/api/courses?q=Course");
		assert.equal(body.total, keys);
		t.diagnostic(`${asked} requests for ${keys * copies} answers`);
	});
