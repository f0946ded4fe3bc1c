import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket, connect as tcpConnect } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { TcpProxy, type Toxics } from "../../drills/harness/tcp-proxy.ts";

/** A client's socket, what came to it and how it ended. */
function watch(socket: Socket) {
	const seen = { socket, text: "", bytes: 0, end: false, error: "", closed: false };
	socket.on("data", chunk => {
		seen.bytes += chunk.length;
		if (chunk.length < 1000) seen.text += chunk;
	});
	socket.on("end", () => {
		seen.end = true;
	});
	socket.on("error", (error: NodeJS.ErrnoException) => {
		seen.error = error.code ?? "";
	});
	socket.on("close", () => {
		seen.closed = true;
	});
	return seen;
}
type Seen = ReturnType<typeof watch>;

/** A server that says what it hears (`echo`), or only listens, behind a proxy. */
async function stage(t: TestContext, answer: (socket: Socket) => void = s => s.pipe(s)) {
	const served: Seen[] = [];
	const server = createServer({ allowHalfOpen: true }, socket => {
		served.push(watch(socket));
		answer(socket);
	}).listen(0, "127.0.0.1");
	await once(server, "listening");
	const proxy = await TcpProxy.open((server.address() as AddressInfo).port, 7);
	const clients: Seen[] = [];
	t.after(async () => {
		for (const { socket } of [...clients, ...served]) socket.destroy();
		await proxy.close();
		server.close();
	});
	const connect = async (): Promise<Seen> => {
		const socket = tcpConnect({ port: proxy.port, host: "127.0.0.1", allowHalfOpen: true });
		const client = watch(socket);
		clients.push(client);
		await once(socket, "connect");
		return client;
	};
	return { proxy, served, connect };
}

async function until(holds: () => boolean, what: string, ms = 30_000): Promise<void> {
	for (const end = Date.now() + ms; !holds(); await pause(5))
		if (Date.now() > end) assert.fail(`not within ${ms} ms: ${what}`);
}

/** Long enough for what passes to have passed. */
const settle = () => pause(150);

test("hands on both ways, and each side's end", async t => {
	const { proxy, served, connect } = await stage(t);
	const client = await connect();
	client.socket.write("hello");
	await until(() => client.text === "hello", "the echo");
	client.socket.end("bye");
	await until(() => client.closed, "both sides closed");
	assert.deepEqual([client.text, client.end, client.error], ["hellobye", true, ""]);
	await until(() => proxy.connections === 0, "the proxy forgot it");
	assert.equal(served.length, 1);
	assert.deepEqual(proxy.counts, { accepted: 1, reset: 0, swallowed: 0 });
});

test("latency: each way, jitter keeps the order, and it comes and goes on a live connection", async t => {
	const { proxy, connect } = await stage(t);
	const client = await connect();
	await proxy.set({ latency: { latency: 60, jitter: 50 } });
	const start = performance.now();
	const expected = Array.from({ length: 40 }, (_, i) => `${i};`).join("");
	for (let i = 0; i < 40; i++) {
		client.socket.write(`${i};`);
		await pause(1);
	}
	await until(() => client.text.length >= expected.length, "all of it back");
	assert.equal(client.text, expected);
	assert.ok(performance.now() - start >= 60, "each chunk waits at least 10 ms each way");
	await proxy.set({ latency: { latency: 300, stream: "downstream" } });
	const slow = performance.now();
	client.socket.write("x");
	await until(() => client.text.endsWith("x"), "the slow one");
	assert.ok(performance.now() - slow >= 295);
	await proxy.clear();
	const answerMs = async (letter: string) => {
		const quick = performance.now();
		client.socket.write(letter);
		await until(() => client.text.endsWith(letter), "the quick one");
		return performance.now() - quick;
	};
	let least = Number.POSITIVE_INFINITY;
	for (const letter of "abcdefghij") least = Math.min(least, await answerMs(letter));
	assert.ok(least < 250, `${least} ms`);
});

test("bandwidth: so many bytes per second, a slow side is not read ahead of, and 0 holds all", async t => {
	const { proxy, served, connect } = await stage(t, socket => socket.resume());
	const client = await connect();
	await proxy.set({ bandwidth: { rate: 100_000 } });
	const total = 16 * 1_048_576;
	const began = performance.now();
	client.socket.write(Buffer.alloc(total));
	await until(() => (served[0]?.bytes ?? 0) > 50_000, "the first half of a second");
	const slow = served[0]?.bytes ?? 0;
	const most = (performance.now() - began) * 160 + 20_000;
	assert.ok(slow < most, `${slow} bytes, at most ${most}`);
	assert.ok(client.socket.writableLength > 4 * 1_048_576, "the client's own buffer waits");
	await proxy.set({ bandwidth: { rate: 0 } });
	let held: number | undefined;
	do {
		held = served[0]?.bytes;
		await settle();
	} while (served[0]?.bytes !== held && Number(held) < total);
	await settle();
	assert.equal(served[0]?.bytes, held);
	const other = await connect();
	other.socket.write("x");
	await until(() => served.length === 2, "dialled");
	await settle();
	assert.equal(served[1]?.bytes, 0, "not one byte");
	await proxy.clear();
	await until(() => served[0]?.bytes === total && served[1]?.bytes === 1, "the rest");
	assert.equal(proxy.counts.swallowed, 0);
});

test("back-pressure: a server that does not read stops the client", async t => {
	const { served, connect } = await stage(t, socket => socket.pause());
	const client = await connect();
	const total = 48 * 1_048_576;
	const before = process.memoryUsage().arrayBuffers;
	client.socket.write(Buffer.alloc(total));
	await pause(400);
	assert.ok(client.socket.writableLength > 16 * 1_048_576);
	assert.ok(process.memoryUsage().arrayBuffers - before < total + 8 * 1_048_576);
	served[0]?.socket.resume();
	await until(() => served[0]?.bytes === total, "all of it");
});

for (const { stream, up, down } of [
	{ stream: "upstream", up: false, down: true },
	{ stream: "downstream", up: true, down: false },
	{ stream: undefined, up: false, down: false },
] as const)
	test(`timeout ${stream ?? "both ways"}: swallows, keeps open, and resets what has a gap`, async t => {
		const { proxy, served, connect } = await stage(t, () => {});
		const [client, quiet] = [await connect(), await connect()];
		await until(() => served.length === 2, "both dialled");
		await proxy.set({ timeout: stream ? { stream } : {} });
		client.socket.write("question");
		served[0]?.socket.write("answer!!");
		const late = await connect();
		late.socket.write("late");
		const lost = (up ? 0 : 8) + (down ? 0 : 8);
		const arrived = () =>
			proxy.counts.swallowed === lost &&
			served[0]?.text === (up ? "question" : "") &&
			client.text === (down ? "answer!!" : "");
		await until(arrived, "what passes");
		await settle();
		assert.equal(served[0]?.text, up ? "question" : "");
		assert.equal(client.text, down ? "answer!!" : "");
		assert.equal(served.length, 2, "a new connection hangs before the server hears of it");
		assert.ok(!client.closed && !served[0]?.closed && !late.closed);
		assert.equal(proxy.counts.swallowed, lost);
		await proxy.clear();
		await until(() => client.error !== "" && served[0]?.error !== "", "the gap is no stream");
		await until(() => served[2]?.text === "late", "the late one goes on");
		quiet.socket.write("still here");
		await until(() => served[1]?.text === "still here", "one that lost nothing goes on");
		assert.deepEqual([client.error, served[0]?.error], ["ECONNRESET", "ECONNRESET"]);
	});

test("timeout: a close and a reset do not cross it either", async t => {
	const { proxy, served, connect } = await stage(t);
	const [closing, resetting] = [await connect(), await connect()];
	await until(() => served.length === 2, "both dialled");
	await proxy.set({ timeout: {} });
	closing.socket.destroy();
	resetting.socket.resetAndDestroy();
	await settle();
	assert.deepEqual(
		served.map(s => [s.end, s.closed]),
		[
			[false, false],
			[false, false],
		],
	);
	await proxy.clear();
	await until(() => served.every(s => s.closed), "both told at last");
	await until(() => proxy.connections === 0, "nothing is left");
});

test("resetPeer: its share of connections and of chunks, the same for the same seed", async t => {
	const round = async (toxics: Toxics, chunks: number): Promise<string> => {
		const { proxy, connect } = await stage(t);
		await proxy.set(toxics);
		let pattern = "";
		for (let i = 0; i < 100; i++) {
			const client = await connect();
			for (let k = 0; k < chunks && !client.closed; k++) {
				const before = client.bytes;
				client.socket.write("x");
				await until(() => client.bytes > before || client.closed, "an echo or the end");
			}
			if (client.closed) assert.equal(client.error, "ECONNRESET");
			pattern += client.closed ? "R" : ".";
			client.socket.destroy();
		}
		assert.equal(proxy.counts.reset, pattern.split("R").length - 1);
		return pattern;
	};
	const connections = await round({ resetPeer: { connections: 0.3 } }, 1);
	const share = connections.split("R").length - 1;
	assert.ok(share > 15 && share < 45, `${share} of 100`);
	assert.equal(await round({ resetPeer: { connections: 0.3 } }, 1), connections);
	const byChunk = (await round({ resetPeer: { chunks: 0.05 } }, 5)).split("R").length - 1;
	assert.ok(byChunk > 20 && byChunk < 60, `${byChunk} of 100 with ten chunks each`);
});

test("down: resets, refuses, and comes back on the same port", async t => {
	const { proxy, connect } = await stage(t);
	const client = await connect();
	await proxy.set({ down: true });
	await until(() => client.closed, "the live one ended");
	await assert.rejects(connect(), { code: "ECONNREFUSED" });
	await proxy.clear();
	const again = await connect();
	again.socket.write("up");
	await until(() => again.text === "up", "the echo");
});

test("cut: both sides of every connection by RST; the next connects", async t => {
	const { proxy, served, connect } = await stage(t, () => {});
	const clients = [await connect(), await connect(), await connect()];
	await until(() => served.length === 3, "all dialled");
	proxy.cut();
	await until(() => [...clients, ...served].every(s => s.closed), "all ended");
	assert.ok([...clients, ...served].every(s => s.error === "ECONNRESET"));
	assert.deepEqual([proxy.counts.reset, proxy.connections], [3, 0]);
	await connect();
});

test("a side that has ended is still told", async t => {
	const { served, connect } = await stage(t, socket => socket.end("all I had"));
	const client = await connect();
	await until(() => client.end && client.text === "all I had", "its end");
	client.socket.write("more");
	await until(() => served[0]?.text === "more", "what the client says after");
});

test("halfClose: one direction ends, the other goes on", async t => {
	const { proxy, served, connect } = await stage(t, () => {});
	const client = await connect();
	await until(() => served.length === 1, "dialled");
	proxy.halfClose("downstream");
	await until(() => client.end, "the client sees the end");
	client.socket.write("more");
	await until(() => served[0]?.text === "more", "and is still heard");
	assert.ok(!served[0]?.end && !client.closed);
});

test("a target that is gone resets the client, and close leaves nothing listening", async t => {
	const { proxy, connect } = await stage(t);
	const gone = await TcpProxy.open(1);
	t.after(() => gone.close());
	const lost = watch(tcpConnect({ port: gone.port, host: "127.0.0.1" }));
	await until(() => lost.closed, "the end");
	assert.equal(lost.error, "ECONNRESET");
	const client = await connect();
	await proxy.close();
	await until(() => client.closed, "the end");
	await assert.rejects(connect(), { code: "ECONNREFUSED" });
});
