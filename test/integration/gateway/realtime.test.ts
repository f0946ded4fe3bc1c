import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { io, type ManagerOptions, type Socket, type SocketOptions } from "socket.io-client";
import type { Broker } from "../../../kernel/contract.ts";
import type { Node } from "../../../kernel/node.ts";
import { within } from "../../../kernel/within.ts";
import { eventually } from "../../support/http.ts";
import { type SignedUp, signUp } from "../../support/identity.ts";
import { acquainted, startNode } from "../../support/node.ts";
import { freePort } from "../../support/ports.ts";
import { needsOwn } from "../../support/servers.ts";

interface Heard {
	socket: Socket;
	/** Events with their payload, as they came. */
	heard: [event: string, payload: Record<string, unknown>][];
	/** Why the line ended, each time. */
	ends: string[];
}

/** A client, and what it hears. */
function client(
	t: TestContext,
	url: string,
	auth: object,
	options: Partial<ManagerOptions & SocketOptions> = {},
): Heard {
	const socket = io(url, {
		transports: ["websocket"],
		reconnection: false,
		forceNew: true,
		auth,
		...options,
	} as never);
	t.after(() => void socket.disconnect());
	const heard: Heard["heard"] = [];
	const ends: string[] = [];
	socket.onAny((event, payload) => void heard.push([event, payload]));
	socket.on("disconnect", reason => void ends.push(reason));
	return { socket, heard, ends };
}

/** `connected`, or why not. */
async function fate({ socket }: Heard): Promise<string> {
	const failed = Promise.withResolvers<string>();
	socket.once("connect", () => failed.resolve("connected"));
	socket.once("connect_error", (error: Error & { data?: { code: string } }) =>
		failed.resolve(error.data?.code ?? "refused"),
	);
	return failed.promise;
}

/** What a socket does next, within 30 s. */
const next = ({ socket }: Heard, event: "connect" | "disconnect") =>
	within(30_000, new Promise(resolve => socket.once(event, resolve)));

const connected = async (who: Heard): Promise<Heard> => {
	assert.equal(await fate(who), "connected");
	return who;
};

const callOf = ({ broker }: Node): Broker["call"] => {
	const mesh = broker as unknown as Broker;
	return mesh.call.bind(mesh) as Broker["call"];
};

test("a gateway's open pages", async t => {
	const clock = { aheadMs: 0, now: () => Date.now() + clock.aheadMs };
	const port = await freePort();
	const url = `http://127.0.0.1:${port}`;
	const node = await startNode(t, {
		env: { PORT: String(port), CORS_ORIGINS: "https://app.example" },
		clock,
	});
	const call = callOf(node);
	const [ada, bob, teacher] = await Promise.all([
		signUp(node),
		signUp(node),
		signUp(node, { role: "teacher" }),
	]);
	const as = ({ token }: SignedUp) => ({ headers: { token } });
	const sockets = async () => (await call("realtime.connections")).sockets;
	await node.platform.tokens.refreshRevoked();

	await t.test("are told by a token alone, whatever line they have", async () => {
		assert.equal(await fate(client(t, url, {})), "UNAUTHENTICATED");
		assert.equal(await fate(client(t, url, { token: "nonsense" })), "UNAUTHENTICATED");
		assert.equal(await fate(client(t, url, { token: { $ne: 1 } })), "UNAUTHENTICATED");
		for (const transports of [["websocket"], ["polling"]])
			(await connected(client(t, url, ada, { transports }))).socket.disconnect();
		await eventually(sockets, open => open === 0);
	});

	await t.test("are of this host or of an origin that is let in", async () => {
		const from = (origin: string) => fate(client(t, url, ada, { extraHeaders: { origin } }));
		assert.equal(await from("https://evil.example"), "refused");
		assert.equal(await from("https://app.example"), "connected");
		assert.equal(await from(url), "connected");
	});

	await t.test("hear what their own user is told, with what is unread", async () => {
		const [mine, also, bobs] = await Promise.all([
			connected(client(t, url, ada)),
			connected(client(t, url, ada, { transports: ["polling"] })),
			connected(client(t, url, bob)),
		]);
		const { id: courseId } = await call("courses.create", { title: "Clay" }, as(teacher));
		await call("enrollments.enroll", { courseId }, as(ada));
		await eventually(
			async () => mine.heard.length + also.heard.length,
			count => count === 2,
		);
		const { items } = await call("notifications.list", {}, as(ada));
		assert.deepEqual(mine.heard, [["notification", { ...items[0], unread: 1 }]]);
		assert.deepEqual(also.heard, mine.heard);
		await call("notifications.read", { id: items[0]?.id as string }, as(ada));
		await eventually(
			async () => mine.heard.at(-1),
			last => last?.[0] === "unread" && last[1].unread === 0,
		);
		assert.deepEqual(bobs.heard, []);
		for (const { socket } of [mine, also, bobs]) socket.disconnect();
	});

	await t.test("have nothing to say, and may not say much of it", async () => {
		const large = await connected(client(t, url, ada));
		large.socket.emit("x", "y".repeat(20_000));
		await next(large, "disconnect");
		const chatty = await connected(client(t, url, ada));
		for (let i = 0; i < 60; i++) chatty.socket.emit("join", "user:admin");
		await next(chatty, "disconnect");
		assert.deepEqual(chatty.ends, ["io server disconnect"]);
	});

	await t.test("are twenty of one user at most", async () => {
		await eventually(sockets, open => open < 5);
		const many = await Promise.all(Array.from({ length: 25 }, () => fate(client(t, url, bob))));
		const refused = many.filter(one => one === "TOO_MANY_CONNECTIONS");
		assert.ok(refused.length >= 5, many.join());
		assert.ok(many.filter(one => one === "connected").length <= 20);
	});

	await t.test("end with their session, and nobody else's does", async () => {
		const [gone, stays] = await Promise.all([
			connected(client(t, url, ada)),
			connected(client(t, url, teacher)),
		]);
		await call("auth.logout", {}, as(ada));
		await next(gone, "disconnect");
		assert.deepEqual(gone.heard, [["session", { code: "SESSION_REVOKED" }]]);
		assert.deepEqual(gone.ends, ["io server disconnect"]);
		assert.ok(stays.socket.connected);
		assert.equal(await fate(client(t, url, ada)), "UNAUTHENTICATED");
	});

	await t.test("end with their token, and come back by themselves with a newer one", async () => {
		let { token } = teacher;
		const line = await connected(
			client(t, url, teacher, {
				auth: (answer: (auth: object) => void) => answer({ token }),
				reconnection: true,
				reconnectionDelay: 50,
			} as never),
		);
		clock.aheadMs += 901_000;
		const { email, password } = teacher;
		token = (await call("auth.login", { email, password })).accessToken;
		await node.platform.tokens.refreshRevoked();
		await next(line, "connect");
		assert.deepEqual(line.ends, ["transport close"]);
		assert.deepEqual(line.heard, [["session", { code: "TOKEN_EXPIRED" }]]);
	});

	await t.test(
		"are all that may ask for another protocol: others are answered in this one",
		async () => {
			const headers = { connection: "Upgrade, HTTP2-Settings", upgrade: "h2c" };
			const asked = request(`${url}/livez`, { headers }).end();
			const [response] = await within(30_000, once(asked, "response"));
			assert.equal(response.statusCode, 200);
			response.resume();
		},
	);
});

const servers = await needsOwn("nats", "mongo", "redis");
if (servers)
	for (const by of ["redis", "the broker"] as const)
		test(`two gateways of a mesh, by ${by}`, async t => {
			const [first, second] = [await freePort(), await freePort()];
			const common = {
				NATS_URL: servers.nats.url,
				MONGO_URL: servers.mongo.url,
				NAMESPACE: `live${process.pid}${by === "redis" ? 1 : 2}`,
				MESH: "gateway,identity,engagement",
				...(by === "redis" && { REDIS_URL: servers.redis.url }),
			};
			const start = (SERVICES: string, PORT = "0") =>
				startNode(t, { env: { ...common, SERVICES, PORT } });
			const nodes = await Promise.all([
				start("gateway", String(first)),
				start("gateway", String(second)),
				start("identity,engagement"),
			]);
			await acquainted(nodes);
			const [, , node] = nodes;
			const ada = await signUp(node);
			const pages = await Promise.all(
				[first, second].map(port => connected(client(t, `http://127.0.0.1:${port}`, ada))),
			);
			let count = 0;
			const heardOf = (event: string) =>
				pages.map(({ heard }) => heard.filter(([name]) => name === event).length);
			const push = (event: string) =>
				node.broker.emit("realtime.push", {
					userId: ada.user.id,
					event,
					payload: { n: ++count },
				});
			/** Tells until both pages have heard it. */
			const tell = (event: string) =>
				eventually(
					async () => {
						push(event);
						await pause(200);
						return heardOf(event);
					},
					times => times.every(n => n > 0),
				);
			await tell("warm");
			push("once");
			await eventually(
				async () => heardOf("once"),
				times => times.every(n => n > 0),
			);
			await pause(200);
			assert.deepEqual(heardOf("once"), [1, 1]);
			if (by === "redis") {
				await servers.redis.kill("SIGSTOP");
				await tell("hung");
				await servers.redis.kill("SIGCONT");
				await servers.redis.kill("SIGKILL");
				await tell("gone");
				await servers.redis.restart();
				await tell("back");
			}
			await callOf(node)("auth.logout", {}, { headers: { token: ada.token } });
			await eventually(
				async () => pages.map(({ ends }) => ends),
				ends => ends.every(list => list[0] === "io server disconnect"),
			);
		});

test("a gateway that stops lets its pages go, also one that says no goodbye", async t => {
	const port = await freePort();
	const url = `http://127.0.0.1:${port}`;
	const node = await startNode(t, { env: { PORT: String(port) } });
	const ada = await signUp(node);
	const page = await connected(client(t, url, ada));
	const deaf = await connected(client(t, url, ada));
	const { engine } = deaf.socket.io as unknown as {
		engine: { transport: { ws: { _socket?: { pause(): void }; pause?(): void } } };
	};
	engine.transport.ws._socket?.pause();
	const began = performance.now();
	await node.stop();
	assert.ok(performance.now() - began < 20_000, `${performance.now() - began} ms`);
	await eventually(
		async () => page.ends,
		ends => ends.length === 1,
	);
	assert.deepEqual(page.ends, ["transport close"]);
});
