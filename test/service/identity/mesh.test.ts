import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { signUp } from "../../support/identity.ts";
import { needs } from "../../support/servers.ts";
import { as, type IdentityNode, identityNode } from "./node.ts";

const servers = await needs("nats", "mongo");

if (servers) {
	const env = (change: Record<string, string> = {}) => ({
		NATS_URL: servers.nats.url,
		MONGO_URL: servers.mongo.url,
		NAMESPACE: `identity${process.pid}${Math.random().toString(36).slice(2, 8)}`,
		...change,
	});
	const account = { email: "ada@example.com", password: "correct horse battery" };
	const root = { ADMIN_EMAIL: "root@example.com", ADMIN_PASSWORD: "the root password" };
	const email = root.ADMIN_EMAIL;
	const rootLogin = { email, password: root.ADMIN_PASSWORD };
	const spread = <T>(
		count: number,
		nodes: IdentityNode[],
		run: (node: IdentityNode) => Promise<T>,
	) =>
		Promise.allSettled(
			Array.from({ length: count }, (_, i) => run(nodes[i % nodes.length] as IdentityNode)),
		);

	test("nodes that start together share one key, and one first admin", async t => {
		const shared = env(root);
		const nodes = await Promise.all(
			Array.from({ length: 3 }, () => identityNode(t, { env: shared })),
		);
		const published = await Promise.all(nodes.map(node => node.call("auth.jwks")));
		assert.equal(published[0]?.keys.length, 1);
		for (const keys of published) assert.deepEqual(keys, published[0]);
		let admin: { accessToken: string } | undefined;
		for (let waited = 0; !admin && waited < 30_000; waited += 100) {
			admin = await nodes[0]?.call("auth.signInAs", { email }).catch(() => undefined);
			await sleep(100);
		}
		for (const node of nodes) {
			const { items } = await node.call("users.list", {}, as(admin?.accessToken ?? ""));
			assert.deepEqual(
				items.map(user => user.roles),
				[["admin"]],
			);
		}
	});

	test("races over two nodes: 20 registrations, 20 refreshes, 30 guesses", async t => {
		const shared = env();
		const nodes = [await identityNode(t, { env: shared }), await identityNode(t, { env: shared })];
		const registered = await spread(20, nodes, node => node.call("auth.register", account));
		const won = registered.flatMap(r => (r.status === "fulfilled" ? [r.value] : []));
		assert.equal(won.length, 1);
		for (const result of registered)
			if (result.status === "rejected") assert.equal(result.reason.type, "EMAIL_TAKEN");

		const refreshToken = won[0]?.refreshToken as string;
		const refreshed = await spread(20, nodes, node => node.call("auth.refresh", { refreshToken }));
		const next = refreshed.map(r => (r.status === "fulfilled" ? r.value.refreshToken : r.reason));
		assert.equal(new Set(next).size, 1);
		assert.equal(typeof next[0], "string");

		const guesses = await spread(30, nodes, node =>
			node.call("auth.login", { ...account, password: "wrong" }),
		);
		const codes = guesses.map(r => (r.status === "rejected" ? r.reason.type : "in"));
		assert.equal(codes.filter(code => code === "INVALID_CREDENTIALS").length, 10);
		assert.equal(codes.filter(code => code === "TOO_MANY_REQUESTS").length, 20);
	});

	test("auth starts without users, and makes the admin when they are there", async t => {
		const shared = env({ ...root, MESH: "auth" });
		const auth = await identityNode(t, { env: { ...shared, SERVICES: "auth" } });
		await sleep(1_000);
		await identityNode(t, { env: { ...shared, SERVICES: "users" } });
		let made: object | undefined;
		for (let waited = 0; !made && waited < 30_000; waited += 100) {
			made = await auth.call("auth.signInAs", { email }).catch(() => undefined);
			await sleep(100);
		}
		assert.deepEqual((await auth.call("auth.login", rootLogin)).user.roles, ["admin"]);
	});

	test("a registration while users is away can be made again, with another password", async t => {
		const shared = env({ MESH: "auth" });
		const auth = await identityNode(t, { env: { ...shared, SERVICES: "auth" } });
		await assert.rejects(auth.call("auth.register", account));
		await identityNode(t, { env: { ...shared, SERVICES: "users" } });
		const again = { ...account, password: "another password" };
		let made: { user: { id: string } } | undefined;
		for (let waited = 0; !made && waited < 30_000; waited += 100) {
			made = await auth.call("auth.register", again).catch(() => undefined);
			await sleep(100);
		}
		assert.ok(made);
		assert.equal((await auth.call("auth.login", again)).user.id, made.user.id);
	});

	test("what one node revokes the other refuses within 10 s, and a profile changes on both", async t => {
		const shared = env();
		const [one, two] = [
			await identityNode(t, { env: shared }),
			await identityNode(t, { env: shared }),
		];
		const admin = await signUp(one.node, { role: "admin" });
		const ada = await signUp(two.node);
		const picture = { pictureUrl: "https://example.com/a.png" };
		await one.call("users.updateMe", { name: "Ada", ...picture }, as(ada.token));
		const { name, pictureUrl } = await two.call("users.me", {}, as(ada.token));
		assert.deepEqual([name, pictureUrl], ["Ada", picture.pictureUrl]);
		const removed = await two.call("users.updateMe", { pictureUrl: "" }, as(ada.token));
		assert.ok(!("pictureUrl" in removed));
		for (let i = 0; i < 3; i++) await two.call("auth.refresh", { refreshToken: ada.refreshToken });

		const roles = ["teacher" as const];
		await one.call("users.setRoles", { id: ada.user.id, roles }, as(admin.token));
		for (const { call } of [one, two])
			await assert.rejects(call("auth.refresh", { refreshToken: ada.refreshToken }), {
				type: "SESSION_REVOKED",
			});
		for (const { node } of [one, two]) {
			let refused = false;
			for (let waited = 0; !refused && waited < 30_000; waited += 100) {
				refused = await node.platform.tokens.verify(ada.token, 0).then(
					() => false,
					() => true,
				);
				if (!refused) await sleep(100);
			}
			assert.ok(refused);
		}
		assert.deepEqual((await two.call("auth.login", ada)).user.roles, roles);
	});
}
