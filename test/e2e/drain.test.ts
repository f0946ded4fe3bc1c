import assert from "node:assert/strict";
import { request } from "node:http";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { uniqueEmail } from "../support/http.ts";
import { startMesh } from "../support/mesh.ts";
import { startEmbedded } from "../support/process.ts";
import { needs } from "../support/servers.ts";

interface Sent {
	at: number;
	outcome: Promise<number | string>;
}

/** A registration, which takes a while, on a connection of its own; its status, or the code of what failed. */
const ask = (base: string): Promise<number | string> =>
	new Promise(resolve => {
		const url = `${base}/api/auth/register`;
		const headers = { "content-type": "application/json" };
		const sent = request(url, { agent: false, method: "POST", headers }, response => {
			response.resume().once("end", () => resolve(response.statusCode ?? 0));
		});
		sent.once("error", error => resolve((error as NodeJS.ErrnoException).code ?? "ERROR"));
		sent.end(JSON.stringify({ email: uniqueEmail(), password: "password123" }));
	});

/** As many requests as the product takes, so that some are always under way, until told to stop. */
async function load(base: string, stop: AbortSignal): Promise<Sent[]> {
	const sent: Sent[] = [];
	while (!stop.aborted) {
		sent.push({ at: Date.now(), outcome: ask(base) });
		await pause(50);
	}
	return sent;
}

/** What was sent before the signal is answered; what came later is answered or refused. */
async function assertDrained(sent: Sent[], signalled: number): Promise<void> {
	const before = await Promise.all(sent.filter(s => s.at < signalled - 20).map(s => s.outcome));
	assert.ok(before.length > 5, `only ${before.length} requests`);
	assert.deepEqual(
		before.filter(outcome => outcome !== 201),
		[],
	);
	const after = await Promise.all(sent.filter(s => s.at >= signalled - 20).map(s => s.outcome));
	assert.deepEqual(
		after.filter(outcome => typeof outcome === "number" && outcome !== 201 && outcome !== 503),
		[],
	);
}

test("SIGTERM under load: the embedded process answers what is under way and ends within 10 s", async t => {
	const product = await startEmbedded(t);
	const stop = new AbortController();
	const sending = load(product.url, stop.signal);
	await pause(1_000);
	const signalled = Date.now();
	assert.equal(await product.end("SIGTERM"), 0);
	assert.ok(Date.now() - signalled < 10_000);
	stop.abort();
	await assertDrained(await sending, signalled);
});

const servers = await needs("nats", "mongo");
if (servers)
	test("SIGTERM under load: a gateway answers what is under way and ends within 10 s", async t => {
		const mesh = await startMesh(t, servers);
		const gateway = mesh.parts.get("gateway-1") as NonNullable<ReturnType<typeof mesh.parts.get>>;
		const stop = new AbortController();
		const sending = load(gateway.url, stop.signal);
		await pause(1_000);
		const signalled = Date.now();
		assert.equal(await gateway.end("SIGTERM"), 0);
		assert.ok(Date.now() - signalled < 10_000);
		stop.abort();
		await assertDrained(await sending, signalled);
	});
