import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { makeServer, type ServerLimits } from "../../../services/gateway/api/server.ts";

const quick: ServerLimits = {
	headersMs: 200,
	requestMs: 400,
	keepAliveMs: 200,
	idleMs: 1_000,
	checkMs: 20,
	connections: 3,
};

async function listening(t: TestContext, limits: ServerLimits) {
	const refused: string[] = [];
	const server = makeServer(
		{
			handle: (request, response) => {
				if (request.method === "GET") response.end("ok");
				else request.resume().on("end", () => response.end("ok"));
			},
			refuse: (code, socket) => {
				refused.push(code);
				socket.destroy();
			},
		},
		limits,
	);
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	t.after(() => {
		server.closeAllConnections();
		server.close();
	});
	const { port } = server.address() as { port: number };
	const open = (bytes: string): Socket => {
		const socket = connect(port, "127.0.0.1");
		socket.on("error", () => {}).write(bytes);
		return socket;
	};
	return { open, refused };
}

/** ms until the server ends the connection. */
async function endOf(socket: Socket): Promise<number> {
	const start = performance.now();
	socket.resume();
	await once(socket, "close");
	return performance.now() - start;
}

test("headers, bodies and idle connections have their time, and then none", async t => {
	const { open, refused } = await listening(t, quick);
	assert.ok((await endOf(open("GET / HTTP/1.1\r\nhost:"))) < 8_000);
	assert.ok(
		(await endOf(open("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{"))) < 20_000,
	);
	assert.deepEqual(refused, ["REQUEST_TOO_SLOW", "REQUEST_TOO_SLOW"]);
	const kept = open("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
	const ms = await endOf(kept);
	assert.ok(ms > 100 && ms < 20_000, `${ms} ms`);
});

test("a connection that was opened ahead and never used is closed without a word", async t => {
	const { open, refused } = await listening(t, quick);
	const unused = open("");
	const used = open("G");
	await Promise.all([endOf(unused), endOf(used)]);
	assert.deepEqual(refused, ["REQUEST_TOO_SLOW"]);
});

test("a body that comes slowly goes on where nobody ends it, and is told of once", async t => {
	const told: string[] = [];
	const server = makeServer(
		{
			handle: (request, response) => void request.resume().on("end", () => response.end("ok")),
			refuse: code => void told.push(code),
		},
		quick,
	).listen(0, "127.0.0.1");
	await once(server, "listening");
	t.after(() => void server.close());
	const socket = connect((server.address() as { port: number }).port, "127.0.0.1");
	socket.write("POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 9\r\n\r\n");
	for (let sent = 0; sent < 9; sent++) {
		await pause(100);
		socket.write("x");
	}
	const [answer] = await once(socket, "data");
	assert.match(String(answer), /^HTTP\/1\.1 200/);
	assert.deepEqual(told, ["REQUEST_TOO_SLOW"]);
});

test("one connection more than the cap is closed, and the others go on", async t => {
	const { open } = await listening(t, { ...quick, headersMs: 5_000, requestMs: 5_000 });
	const slow = [1, 2].map(() => open("GET /"));
	const healthy = open("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
	const [answer] = await once(healthy, "data");
	assert.match(String(answer), /^HTTP\/1\.1 200/);
	const late = open("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
	let received = "";
	late.on("data", text => {
		received += text;
	});
	await endOf(late);
	assert.equal(received, "", "no answer to the fourth");
	for (const socket of slow) socket.destroy();
});
