import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { as, identityNode } from "./node.ts";

async function dataDir(t: TestContext) {
	const dir = await mkdtemp(join(tmpdir(), "zeolite-admin-"));
	t.after(() => rm(dir, { recursive: true }));
	return dir;
}

/** What is printed while `run` runs. */
async function printed(t: TestContext, run: () => Promise<unknown>): Promise<string> {
	let text = "";
	const write = t.mock.method(process.stdout, "write", (chunk: string | Uint8Array) => {
		text += chunk;
		return true;
	});
	try {
		await run();
	} finally {
		write.mock.restore();
	}
	return text;
}

const account = { ADMIN_EMAIL: "Root@Example.com", ADMIN_PASSWORD: "the root password" };

test("the environment's first admin can log in once the node has started", async t => {
	const { call } = await identityNode(t, { env: account });
	const { user, accessToken } = await call("auth.login", {
		email: "root@example.com",
		password: "the root password",
	});
	assert.deepEqual(user.roles, ["admin"]);
	assert.equal((await call("users.list", {}, as(accessToken))).total, 1);
});

test("in memory none is made up", async t => {
	const { call } = await identityNode(t);
	await assert.rejects(call("users.findByEmail", { email: "admin@zeolite.example" }), {
		type: "USER_NOT_FOUND",
	});
});

test("embedded makes one, prints its password once and keeps it; a restart makes no second", async t => {
	const DATA_DIR = await dataDir(t);
	let first: Awaited<ReturnType<typeof identityNode>> | undefined;
	const atFirst = await printed(t, async () => {
		first = await identityNode(t, { env: { DATA_DIR } });
	});
	const file = join(DATA_DIR, "admin");
	const { email, password } = JSON.parse(await readFile(file, "utf8"));
	assert.equal(email, "admin@zeolite.example");
	assert.equal((await stat(file)).mode & 0o777, 0o600);
	assert.equal(atFirst.split(password).length, 2);
	await first?.call("auth.login", { email, password });
	await first?.node.stop();

	let again: Awaited<ReturnType<typeof identityNode>> | undefined;
	const atAgain = await printed(t, async () => {
		again = await identityNode(t, { env: { DATA_DIR } });
	});
	assert.ok(!atAgain.includes(password));
	const admin = await again?.call("auth.login", { email, password });
	const { total } = (await again?.call("users.list", {}, as(admin?.accessToken ?? ""))) ?? {};
	assert.equal(total, 1);
	assert.deepEqual(JSON.parse(await readFile(file, "utf8")), { email, password });
});

test("a first admin whose making was cut off is made by the next start", async t => {
	const DATA_DIR = await dataDir(t);
	const alone = await identityNode(t, { env: { DATA_DIR, SERVICES: "auth" } });
	await alone.node.stop();
	const kept = JSON.parse(await readFile(join(DATA_DIR, "admin"), "utf8"));
	const printedLate = await printed(t, async () => {
		const { call } = await identityNode(t, { env: { DATA_DIR } });
		await call("auth.login", kept);
	});
	assert.ok(printedLate.includes(kept.password));
});

test("a restart gives an account whose roles an admin took away nothing back", async t => {
	const DATA_DIR = await dataDir(t);
	const { call, node } = await identityNode(t, { env: { DATA_DIR, ...account } });
	const login = { email: "root@example.com", password: "the root password" };
	const root = await call("auth.login", login);
	const { id } = root.user;
	await call("users.setRoles", { id, roles: ["student"] }, as(root.accessToken));
	await node.stop();
	const again = await identityNode(t, { env: { DATA_DIR, ...account } });
	assert.deepEqual((await again.call("auth.login", login)).user.roles, ["student"]);
});

test("who registered the address before keeps it, and is no admin", async t => {
	const DATA_DIR = await dataDir(t);
	const { call, node } = await identityNode(t, { env: { DATA_DIR } });
	const early = { email: "root@example.com", password: "an early password" };
	await call("auth.register", early);
	await node.stop();
	const again = await identityNode(t, { env: { DATA_DIR, ...account } });
	assert.deepEqual((await again.call("auth.login", early)).user.roles, ["student"]);
	await assert.rejects(
		again.call("auth.login", { email: "root@example.com", password: "the root password" }),
		{ type: "INVALID_CREDENTIALS" },
	);
});

test("an admin nobody could log in as stops the start", async t => {
	await assert.rejects(
		identityNode(t, { env: { ...account, ADMIN_PASSWORD: "short" } }),
		/ADMIN_PASSWORD/,
	);
	await assert.rejects(
		identityNode(t, { env: { ...account, ADMIN_EMAIL: "root" } }),
		/ADMIN_EMAIL/,
	);
});
