import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import mongoose, { Schema } from "mongoose";
import { connect } from "nats";
import { mongo, nats, needsOwn, redis, type TestServer } from "../../support/servers.ts";

const natsHere = await needsOwn("nats");
const redisHere = await needsOwn("redis");
const mongoHere = await needsOwn("mongo");

if (natsHere) {
	test("a NATS stream survives a kill and a restart on the same port", async () => {
		const server = natsHere.nats;
		const { url } = server;
		const before = await connect({ servers: url, reconnect: false });
		const manager = await before.jetstreamManager();
		await manager.streams.add({ name: "KEPT", subjects: ["kept.*"] });
		await before.jetstream().publish("kept.one", "first");
		const firstPid = server.pid;
		await server.kill("SIGKILL");
		assert.equal(server.pid, undefined);
		await before.closed();

		await server.restart();
		assert.equal(server.url, url);
		assert.notEqual(server.pid, firstPid);
		const later = await connect({ servers: url, reconnect: false });
		const kept = await later.jetstream().streams.get("KEPT");
		assert.equal((await kept.getMessage({ seq: 1 })).string(), "first");
		await later.close();
	});

	test("a paused NATS goes on where it was", async t => {
		const client = await connect({ servers: natsHere.nats.url });
		t.after(() => client.close());
		await natsHere.nats.kill("SIGSTOP");
		t.after(() => natsHere.nats.kill("SIGCONT"));
		await sleep(50);
		const answer = client.rtt();
		assert.equal(await Promise.race([answer, sleep(100, "silence")]), "silence");
		await natsHere.nats.kill("SIGCONT");
		assert.equal(typeof (await answer), "number");
	});

	test("stop ends the process and frees the port, twice is harmless", async t => {
		const server = await nats(t, { own: true });
		assert.ok(server?.pid);
		const { pid } = server;
		await server.stop();
		assert.ok(!isAlive(pid));
		await assert.rejects(listensAt(server.url), { code: "ECONNREFUSED" });
		await server.stop();
		await assert.rejects(server.restart(), /stopped for good/);
		await assert.rejects(server.kill("SIGTERM"), /is down/);
	});

	test("a variable names the server, which is then not the test's to end", async t => {
		withVariable(t, "NATS_URL", natsHere.nats.url);
		const given = await nats(t);
		assert.equal(given?.url, natsHere.nats.url);
		assert.equal(given.pid, undefined);
		await given.stop();
		await assert.rejects(given.kill("SIGKILL"), /NATS_URL names this server/);
		await assert.rejects(given.restart(), /NATS_URL names this server/);
		await listensAt(natsHere.nats.url);
	});

	test("a variable that names a dead server is passed over", async t => {
		const dead = await nats(t, { own: true });
		assert.ok(dead);
		await dead.stop();
		withVariable(t, "NATS_URL", dead.url);
		const own = await nats(t);
		assert.ok(own?.pid);
		assert.notEqual(own.url, dead.url);
	});

	const tied = spawnSync("setpriv", ["--pdeathsig", "KILL", "true"]).status === 0;
	test("a server ends with a test process that is killed", { skip: !tied }, async t => {
		const dir = await mkdtemp(path.join(tmpdir(), "zeolite-killed-"));
		t.after(() => rm(dir, { recursive: true }));
		const module = new URL("../../support/servers.ts", import.meta.url);
		const script = `
			const { nats } = await import(${JSON.stringify(module)});
			const server = await nats(undefined, { own: true });
			process.stdout.write(server.url);
			setInterval(() => {}, 1000);`;
		const parent = spawn(process.execPath, ["--input-type=module", "-e", script], {
			env: { ...process.env, TMPDIR: dir },
		});
		const [url] = await once(parent.stdout, "data");
		await listensAt(String(url));
		parent.kill("SIGKILL");
		await once(parent, "exit");
		const refused = () =>
			listensAt(String(url)).then(
				() => sleep(20, false),
				() => true,
			);
		let gone = false;
		for (let tries = 0; !gone && tries < 1_000; tries++) gone = await refused();
		assert.ok(gone);
	});
}

if (redisHere)
	test("Redis answers, is killed, and answers again on the same port", async t => {
		const server = redisHere.redis;
		const clientOf = () => new Redis(server.url, { retryStrategy: null });
		const before = clientOf();
		before.on("error", () => {});
		assert.equal(await before.set("seat", "7"), "OK");
		await server.kill("SIGKILL");
		await server.restart();
		const later = clientOf();
		assert.equal(await later.incr("seat"), 1);
		later.disconnect();

		withVariable(t, "REDIS_URL", server.url);
		assert.equal((await redis(t))?.url, server.url);
	});

if (mongoHere)
	test("Mongo answers a guarded update and answers again after a restart", async t => {
		const server = mongoHere.mongo;
		await takeOneSeat(server);
		await server.restart();
		await takeOneSeat(server);

		withVariable(t, "MONGO_URL", server.url);
		assert.equal((await mongo(t))?.url, server.url);
	});

async function takeOneSeat(server: TestServer): Promise<void> {
	const connection = await mongoose.createConnection(`${server.url}/support`).asPromise();
	const Session = connection.model("Session", new Schema({ _id: String, seatsLeft: Number }));
	await Session.deleteMany({});
	await Session.create({ _id: "one", seatsLeft: 1 });
	const take = () =>
		Session.findOneAndUpdate(
			{ _id: "one", seatsLeft: { $gte: 1 } },
			{ $inc: { seatsLeft: -1 } },
			{ returnDocument: "after" },
		);
	const [first, second] = await Promise.all([take(), take()]);
	assert.deepEqual([first?.seatsLeft, second?.seatsLeft].sort(), [0, undefined]);
	await connection.close();
}

interface Cleaning {
	after(undo: () => void): void;
}

function withVariable(t: Cleaning, name: string, value: string): void {
	const before = process.env[name];
	t.after(() => {
		if (before === undefined) delete process.env[name];
		else process.env[name] = before;
	});
	process.env[name] = value;
}

function isAlive(pid: number): boolean {
	try {
		return process.kill(pid, 0);
	} catch {
		return false;
	}
}

async function listensAt(url: string): Promise<void> {
	const socket = createConnection(Number(new URL(url).port), "127.0.0.1");
	await once(socket, "connect");
	socket.destroy();
}
