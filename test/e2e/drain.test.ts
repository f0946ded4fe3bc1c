import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { MeshProcess } from "../../deploy/process.ts";
import { eventually, uniqueEmail } from "../support/http.ts";
import { startMesh } from "../support/mesh.ts";
import { startEmbedded } from "../support/process.ts";
import { needs } from "../support/servers.ts";

/** A registration on a connection of its own; its status, or the code of what failed. */
interface Asked {
	outcome: Promise<number | string>;
	/** Resolves when the server has it, all but its body. */
	isThere: Promise<unknown>;
	/** Sends its body. */
	end(): void;
}

function ask(base: string): Asked {
	const sent = request(`${base}/api/auth/register`, {
		agent: false,
		method: "POST",
		headers: { "content-type": "application/json", expect: "100-continue" },
	});
	const outcome = new Promise<number | string>(resolve => {
		sent.once("response", response => {
			response.resume().once("end", () => resolve(response.statusCode ?? 0));
		});
		sent.once("error", error => resolve((error as NodeJS.ErrnoException).code ?? "ERROR"));
	});
	const isThere = Promise.race([once(sent, "continue").catch(() => {}), outcome]);
	sent.flushHeaders();
	const body = JSON.stringify({ email: uniqueEmail(), password: "password123" });
	return { outcome, isThere, end: () => void sent.end(body) };
}

/** How many are under way at any time. */
const atOnce = 4;

/** Requests one after the other, until told to stop. */
async function load(base: string, outcomes: (number | string)[], stop: AbortSignal): Promise<void> {
	while (!stop.aborted) {
		const { isThere, end, outcome } = ask(base);
		await isThere;
		end();
		outcomes.push(await outcome);
		await pause(20);
	}
}

/** What the server has when the signal comes is answered; what comes later is answered or refused. */
async function assertDrains(server: MeshProcess): Promise<void> {
	const outcomes: (number | string)[] = [];
	const stop = new AbortController();
	const loads = Array.from({ length: atOnce }, () => load(server.url, outcomes, stop.signal));
	await eventually(
		async () => outcomes.length,
		count => count > 10,
	);
	assert.deepEqual([...new Set(outcomes)], [201]);
	const underWay = Array.from({ length: atOnce }, () => ask(server.url));
	await Promise.all(underWay.map(({ isThere }) => isThere));
	const ended = server.end("SIGTERM");
	for (const { end } of underWay) end();
	assert.deepEqual(
		await Promise.all(underWay.map(({ outcome }) => outcome)),
		underWay.map(() => 201),
	);
	assert.equal(await ended, 0, "it ends by itself, within 10 s");
	stop.abort();
	await Promise.all(loads);
	const answered = outcomes.filter(outcome => typeof outcome === "number");
	assert.deepEqual(
		answered.filter(status => status !== 201 && status !== 503),
		[],
	);
}

test("SIGTERM under load: the embedded process answers what is under way and ends within 10 s", async t =>
	assertDrains(await startEmbedded(t)));

const servers = await needs("nats", "mongo");
if (servers)
	test("SIGTERM under load: a gateway answers what is under way and ends within 10 s", async t => {
		const mesh = await startMesh(t, servers);
		await assertDrains(mesh.parts.get("gateway-1") as MeshProcess);
	});
