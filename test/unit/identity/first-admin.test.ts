import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { readEnv } from "../../../kernel/env.ts";
import { firstAdminAccount, untilDone } from "../../../services/identity/auth/first-admin.ts";

async function dataDir(t: TestContext) {
	const dir = await mkdtemp(join(tmpdir(), "zeolite-admin-"));
	t.after(() => rm(dir, { recursive: true }));
	return dir;
}
const mesh = { NATS_URL: "nats://127.0.0.1:4222", MONGO_URL: "mongodb://127.0.0.1/x" };
const given = { ADMIN_EMAIL: "root@example.com", ADMIN_PASSWORD: "long enough" };

test("the environment names the first admin, and no file is written", async t => {
	const DATA_DIR = await dataDir(t);
	assert.deepEqual(firstAdminAccount(readEnv({ DATA_DIR, ...given })), {
		email: "root@example.com",
		password: "long enough",
		generated: false,
	});
	await assert.rejects(stat(join(DATA_DIR, "admin")));
});

test("embedded without it makes one, once, for its owner's eyes", async t => {
	const DATA_DIR = await dataDir(t);
	const made = firstAdminAccount(readEnv({ DATA_DIR }));
	assert.equal(made?.email, "admin@zeolite.example");
	assert.ok(made.password.length >= 20 && made.generated);
	assert.deepEqual(JSON.parse(await readFile(join(DATA_DIR, "admin"), "utf8")), {
		email: made.email,
		password: made.password,
	});
	assert.equal((await stat(join(DATA_DIR, "admin"))).mode & 0o777, 0o600);
	assert.deepEqual(firstAdminAccount(readEnv({ DATA_DIR })), made);
});

test("neither in memory nor on a mesh is one made up", () => {
	assert.equal(firstAdminAccount(readEnv({ DATA_DIR: ":memory:" })), null);
	assert.equal(firstAdminAccount(readEnv(mesh)), null);
	assert.ok(firstAdminAccount(readEnv({ DATA_DIR: ":memory:", ...given })));
	assert.ok(firstAdminAccount(readEnv({ ...mesh, ...given })));
});

test("an account nobody could log in to stops the start, by the variable's name", () => {
	const account = (change: object) => firstAdminAccount(readEnv({ ...given, ...change }));
	assert.throws(() => account({ ADMIN_PASSWORD: "1234567" }), /^Error: ADMIN_PASSWORD/);
	assert.throws(() => account({ ADMIN_PASSWORD: "x".repeat(129) }), /^Error: ADMIN_PASSWORD/);
	assert.throws(() => account({ ADMIN_EMAIL: "root" }), /^Error: ADMIN_EMAIL/);
	assert.ok(account({ ADMIN_PASSWORD: "🔑".repeat(8) }));
});

test("tries go on until one succeeds, and only the first failure is told", async t => {
	let tries = 0;
	const failures: unknown[] = [];
	const runner = untilDone(
		async () => {
			if (++tries < 3) throw new Error(`try ${tries}`);
		},
		true,
		error => failures.push(error),
	);
	t.after(() => runner.stop());
	await runner.start();
	assert.equal(tries, 1);
	while (tries < 3) await sleep(20);
	await sleep(1_200);
	assert.equal(tries, 3);
	assert.deepEqual(failures, [new Error("try 1")]);
});

test("a start that does not wait goes on while the first try hangs; a stop ends the tries", async () => {
	let release = () => {};
	let tries = 0;
	const runner = untilDone(
		() => {
			tries++;
			return new Promise((_, reject) => {
				release = () => reject(new Error("late"));
			});
		},
		false,
		() => {},
	);
	await runner.start();
	assert.equal(tries, 1);
	const stopped = runner.stop();
	release();
	await stopped;
	await sleep(600);
	assert.equal(tries, 1);
});
