import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { type Answer, register, send } from "../support/http.ts";
import { startEmbedded } from "../support/process.ts";

const login = (base: string) =>
	send(base, "POST", "/api/auth/login", { body: { email: "nobody@example.com", password: "x" } });

const left = (answer: Answer, policy: string): number =>
	Number(
		new RegExp(`"${policy}";r=(\\d+);t=\\d+`).exec(answer.headers.get("ratelimit") ?? "")?.[1] ??
			Number.NaN,
	);

/** A Redis that takes connections and never says a word. */
async function silentRedis(t: TestContext): Promise<string> {
	const sockets: Socket[] = [];
	const server = createServer(socket => sockets.push(socket.on("error", () => {}).resume()));
	await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
	t.after(() => {
		for (const socket of sockets) socket.destroy();
		server.close();
	});
	return `redis://127.0.0.1:${(server.address() as { port: number }).port}`;
}

test("a route's own limit stands beside that of all routes, and each says how it stands", async t => {
	const { url } = await startEmbedded(t, { RATE_LIMIT: "200" });
	const first = await login(url);
	assert.equal(
		first.headers.get("ratelimit-policy"),
		'"default";q=200;w=60, "auth.login";q=60;w=60',
	);
	assert.deepEqual([left(first, "default"), left(first, "auth.login")], [199, 59]);
	let last = first;
	let served = 1;
	for (; served < 80; served++) {
		last = await send(url, "POST", "/api/auth/login", { body: {} });
		if (last.status !== 422) break;
	}
	assert.deepEqual([served, last.status, last.body.code], [60, 429, "TOO_MANY_REQUESTS"]);
	assert.ok(Number(last.headers.get("retry-after")) >= 1);
	assert.equal(left(last, "auth.login"), 0);
	assert.ok(left(last, "default") > 100);
	const read = await send(url, "GET", "/api/courses");
	assert.equal(read.status, 200, "other routes go on");
	assert.equal(read.headers.get("ratelimit-policy"), '"default";q=200;w=60');
	assert.equal((await register(url)).id.slice(0, 4), "usr_", "so does registration");

	const before = left(await send(url, "GET", "/api/courses"), "default");
	const files = ["/", "/school/now/base.css", "/docs", "/ops/ops.css", "/favicon.ico"];
	for (let i = 0; i < 250; i++) {
		const file = await send(url, "GET", files[i % files.length] as string);
		assert.equal(file.status, 200, "a class behind one address loads the pages");
		assert.equal(file.headers.get("ratelimit-policy"), '"pages";q=10000;w=60');
	}
	const after = left(await send(url, "GET", "/api/courses"), "default");
	assert.ok(
		after > 0 && after >= before - 1,
		`${before} before, ${after} after: pages cost nothing`,
	);
});

test("while Redis is silent, reads are let in and logins counted by memory", async t => {
	const { url } = await startEmbedded(t, { RATE_LIMIT: "10", REDIS_URL: await silentRedis(t) });
	for (let i = 0; i < 20; i++) {
		const start = performance.now();
		const read = await send(url, "GET", "/api/courses");
		assert.equal(read.status, 200);
		assert.equal(read.headers.get("ratelimit"), null, "nothing is known, so nothing is said");
		assert.ok(performance.now() - start < 5_000);
	}
	const statuses = [];
	for (let i = 0; i < 12; i++) statuses.push((await login(url)).status);
	assert.deepEqual(statuses.filter(status => status === 429).length, 2, statuses.join());
});

test("off turns all of them off", async t => {
	const { url } = await startEmbedded(t, { RATE_LIMIT: "off" });
	for (let i = 0; i < 70; i++) {
		const answer = await send(url, "POST", "/api/auth/refresh", { body: { refreshToken: "x" } });
		assert.equal(answer.status, 401);
		assert.equal(answer.headers.get("ratelimit"), null);
	}
});
