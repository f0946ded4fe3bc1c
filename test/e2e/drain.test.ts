import assert from "node:assert/strict";
import { request } from "node:http";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { publishCourse } from "../support/journey.ts";
import { startMesh } from "../support/mesh.ts";
import { startEmbedded } from "../support/process.ts";
import { needs } from "../support/servers.ts";

interface Sent {
	at: number;
	outcome: Promise<number | string>;
}

/** One request on a connection of its own; its status, or the code of what failed. */
const ask = (url: string): Promise<number | string> =>
	new Promise(resolve => {
		const sent = request(url, { agent: false }, response => {
			response.resume().once("end", () => resolve(response.statusCode ?? 0));
		});
		sent.once("error", error => resolve((error as NodeJS.ErrnoException).code ?? "ERROR"));
		sent.end();
	});

/** Some 200 requests a second until told to stop. */
async function load(url: string, stop: AbortSignal): Promise<Sent[]> {
	const sent: Sent[] = [];
	while (!stop.aborted) {
		sent.push({ at: Date.now(), outcome: ask(url) });
		await pause(5);
	}
	return sent;
}

/** What was sent before the signal is answered; what came later is answered or refused. */
async function assertDrained(sent: Sent[], signalled: number): Promise<void> {
	const before = await Promise.all(sent.filter(s => s.at < signalled - 20).map(s => s.outcome));
	assert.ok(before.length > 50, `only ${before.length} requests`);
	assert.deepEqual(
		before.filter(outcome => outcome !== 200),
		[],
	);
	const after = await Promise.all(sent.filter(s => s.at >= signalled - 20).map(s => s.outcome));
	assert.deepEqual(
		after.filter(outcome => typeof outcome === "number" && outcome !== 200 && outcome !== 503),
		[],
	);
}

test("SIGTERM under load: the embedded process answers what is under way and ends within 10 s", async t => {
	const product = await startEmbedded(t);
	const { courseId } = await publishCourse(product.url);
	const stop = new AbortController();
	const sending = load(`${product.url}/api/courses/${courseId}`, stop.signal);
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
		const { courseId } = await publishCourse(gateway.url);
		const stop = new AbortController();
		const sending = load(`${gateway.url}/api/courses/${courseId}`, stop.signal);
		await pause(1_000);
		const signalled = Date.now();
		assert.equal(await gateway.end("SIGTERM"), 0);
		assert.ok(Date.now() - signalled < 10_000);
		stop.abort();
		await assertDrained(await sending, signalled);
	});
