import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ServiceBroker } from "moleculer";
import type { Broker } from "../../../kernel/contract.ts";
import { codeOf } from "../../../kernel/errors.ts";
import { needs } from "../../support/servers.ts";
import { revoked, tokenOf } from "./fixtures/keyrings.service.ts";
import { desks, keyrings, vaults } from "./fixtures/vaults.contract.ts";
import { runs } from "./fixtures/vaults.service.ts";
import { fixture, type MeshNode, TestMesh, until } from "./mesh.ts";

const servers = await needs("nats", "mongo");

/** Two nodes: `near` calls, waiting for as long as it is told; `far` has the vaults and the keys. */
async function open(t: TestContext, waitMs = 10_000) {
	const mesh = new TestMesh(t, [desks, vaults, keyrings].map(fixture), {
		NATS_URL: servers?.nats.url as string,
		MONGO_URL: servers?.mongo.url as string,
	});
	const [near, far] = await Promise.all([
		mesh.start("desks", "", { REQUEST_TIMEOUT_MS: String(waitMs) }),
		mesh.start("vaults,keyrings"),
	]);
	return { mesh, near, far };
}

interface Transit {
	pendingRequests: Map<string, unknown>;
	responseHandler(packet: object): void;
}
const transitOf = ({ broker }: MeshNode) => (broker as unknown as { transit: Transit }).transit;
const pendingOf = (node: MeshNode): number => transitOf(node).pendingRequests.size;

const caught = async (call: Promise<unknown>) => {
	try {
		await call;
	} catch (error) {
		const { code, message, data } = error as { code?: number; message?: string; data?: object };
		return { type: codeOf(error), code, data, message };
	}
	return assert.fail("it was let in");
};
const codeFrom = async (call: Promise<unknown>) => (await caught(call)).type;

if (servers) {
	describe("who is calling", { concurrency: 4 }, () => {
		test("travels by its token to nested calls, and each callee verifies it", async t => {
			const { mesh, near } = await open(t);
			const token = tokenOf("usr_1", ["student"], mesh.clock.now());
			const user = { userId: "usr_1", roles: ["student"], meta: [] };
			const headers = { token };
			assert.deepEqual(await near.broker.call("desks.users", {}, { headers }), user);
			assert.deepEqual(await near.broker.call("desks.anyone", {}, { headers }), user);
			assert.deepEqual(await near.broker.call("vaults.users", {}, { headers }), user);
			assert.deepEqual(await near.broker.call("desks.anyone"), { meta: [] });
			assert.equal(headers.token, token);
		});

		test("is nobody for a callee without a token, whatever the node that calls says", async t => {
			const { mesh, near } = await open(t);
			assert.equal(await codeFrom(near.broker.call("desks.users")), "UNAUTHENTICATED");
			assert.equal(await codeFrom(near.broker.call("vaults.users")), "UNAUTHENTICATED");

			const rogue = new ServiceBroker({
				nodeID: "rogue",
				namespace: mesh.namespace,
				logger: false,
				transporter: servers.nats.url as "NATS",
				requestTimeout: 5_000,
			}) as unknown as ServiceBroker & Broker;
			await rogue.start();
			t.after(() => rogue.stop());
			await rogue.waitForServices("vaults");
			const meta = { user: { id: "usr_1", roles: ["admin"] }, roles: ["admin"] };
			assert.equal(await codeFrom(rogue.call("vaults.users", {}, { meta })), "UNAUTHENTICATED");
			assert.equal(await codeFrom(rogue.call("vaults.admins", {}, { meta })), "UNAUTHENTICATED");
			const seen = await rogue.call("vaults.anyone", {}, { meta });
			assert.deepEqual(seen, { meta: ["user", "roles"] });
			const [head, , signature] = tokenOf("usr_1", [], mesh.clock.now()).split(".");
			const claims = { sub: "usr_1", roles: ["admin"], sid: "s", exp: 9e9, iss: "zeolite" };
			const payload = Buffer.from(JSON.stringify(claims)).toString("base64url");
			const headers = { token: `${head}.${payload}.${signature}` };
			assert.equal(await codeFrom(rogue.call("vaults.anyone", {}, { headers })), "UNAUTHENTICATED");
		});

		test("is not changed by what a callee answers, on this node or on another", async t => {
			const { mesh, near, far } = await open(t);
			const headers = { token: tokenOf("usr_1", ["student"], mesh.clock.now()) };
			const meta = {};
			const user = { userId: "usr_1", roles: ["student"], meta: [] };
			for (const node of [near, far])
				assert.deepEqual(await node.broker.call("desks.users", {}, { headers, meta }), user);
			const both = await mesh.start("");
			assert.deepEqual(await both.broker.call("desks.users", {}, { headers, meta }), user);
		});

		test("may only do what its roles and the other system's name allow", async t => {
			const { mesh, near } = await open(t);
			const as = (sub: string, ...roles: string[]) => ({
				headers: { token: tokenOf(sub, roles, mesh.clock.now()) },
			});
			const { call } = near.broker;
			assert.equal(await codeFrom(call("vaults.admins", {}, as("usr_1", "student"))), "FORBIDDEN");
			assert.equal((await call("vaults.admins", {}, as("usr_2", "admin"))).userId, "usr_2");
			assert.equal(await codeFrom(call("vaults.servers")), "UNAUTHENTICATED");
			assert.equal(await codeFrom(call("vaults.servers", {}, as("usr_2", "admin"))), "FORBIDDEN");
			const other = { headers: { service: "file-service" } };
			assert.equal(await codeFrom(call("vaults.servers", {}, other)), "FORBIDDEN");
			const signed = { headers: { service: "payment-service" } };
			assert.equal((await call("vaults.servers", {}, signed)).service, "payment-service");
			assert.equal(
				await codeFrom(call("desks.servers", {}, signed)),
				"UNAUTHENTICATED",
				"a signature is for one action, not for what that calls",
			);
		});

		test("is still taken by a callee 60 s after the token expired, and no longer", async t => {
			const { mesh, near } = await open(t);
			const headers = { token: tokenOf("usr_1", [], mesh.clock.now()) };
			mesh.clock.forward(955_000);
			assert.equal((await near.broker.call("desks.users", {}, { headers })).userId, "usr_1");
			mesh.clock.forward(6_000);
			const late = near.broker.call("vaults.users", {}, { headers });
			assert.equal(await codeFrom(late), "UNAUTHENTICATED");
		});

		test("is nobody once the session is revoked, at the hint", async t => {
			const { mesh, near, far } = await open(t);
			const headers = { token: tokenOf("usr_gone", [], mesh.clock.now()) };
			await near.broker.call("desks.users", {}, { headers });
			revoked.push("ses_usr_gone");
			for (const { platform } of [near, far]) await platform.tokens.stop();
			await (far.broker as unknown as ServiceBroker).broadcast("keyrings.hint");
			for (const action of ["desks.users", "vaults.users"] as const)
				await until(
					() => near.broker.call(action, {}, { headers }).then(() => "let in", codeOf),
					code => code === "UNAUTHENTICATED",
				);
		});

		test("may not transfer while the list of revoked sessions is old", async t => {
			const { mesh, near, far } = await open(t);
			const headers = { token: tokenOf("usr_1", [], mesh.clock.now()) };
			await near.broker.call("vaults.transfer", {}, { headers });
			for (const { platform } of [near, far]) await platform.tokens.stop();
			mesh.clock.forward(30_100);
			const refused = await caught(near.broker.call("vaults.transfer", {}, { headers }));
			assert.equal(refused.type, "SERVICE_UNAVAILABLE");
			assert.deepEqual(refused.data, { retryAfter: 5 });
			assert.equal((await near.broker.call("vaults.users", {}, { headers })).userId, "usr_1");
		});

		test("keeps its seed through nested calls, each another", async t => {
			const { near } = await open(t);
			const headers = { seed: "idm_1" };
			const first = await near.broker.call("desks.anyone", {}, { headers });
			assert.equal(first.seed, "idm_1/1");
			const again = await near.broker.call("desks.anyone", {}, { headers });
			assert.equal(again.seed, "idm_1/1", "a run taken up again");
		});
	});

	describe("an error", { concurrency: 3 }, () => {
		test("keeps its code, status, members and sentence between nodes", async t => {
			const { near, far } = await open(t);
			const expected = {
				type: "VAULT_SEALED",
				code: 409,
				data: { until: "noon" },
				message: "Sealed until noon",
			};
			for (const { broker } of [near, far])
				assert.deepEqual(await caught(broker.call("vaults.refuse")), expected);
		});

		test("that is a bug has no code, here or there", async t => {
			const { near, far } = await open(t);
			for (const { broker } of [near, far])
				assert.equal(await codeFrom(broker.call("vaults.stumble")), undefined);
		});

		test("of validation has one shape, here and there", async t => {
			const { near, far } = await open(t);
			const wrong = { item: { size: 9 } };
			const shape = async ({ broker }: MeshNode) => {
				const { type, code, data } = await caught(broker.call("vaults.save", wrong));
				return { type, code, errors: (data as object[]).map(error => ({ ...error, nodeID: "" })) };
			};
			const there = await shape(near);
			assert.deepEqual(there, await shape(far));
			assert.deepEqual(there, {
				type: "VALIDATION_ERROR",
				code: 422,
				errors: [
					{
						path: "/item/size",
						code: "MAXIMUM",
						message: "must be <= 5",
						action: "vaults.save",
						nodeID: "",
					},
				],
			});
		});
	});

	describe("a call that takes too long", () => {
		const waitMs = 500;

		test("is made again of another node when it reads, and leaves nothing behind then", async t => {
			const { mesh, near } = await open(t, 4_000);
			await mesh.start("vaults");
			const known = () => near.broker.registry.getActionEndpoints("vaults.read")?.count();
			while (known() !== 2) await sleep(10);
			const transit = transitOf(near);
			const { responseHandler } = transit;
			let lost = 0;
			transit.responseHandler = () => void lost++;
			const read = () => near.broker.call("vaults.read", { delays: [] });
			const answers = Promise.all(Array.from({ length: 5 }, read));
			while (lost < 5) await sleep(1);
			transit.responseHandler = responseHandler;
			await answers;
			assert.equal(pendingOf(near), 0);
			assert.equal(runs(), 10);
			const start = performance.now();
			await near.stop();
			assert.ok(performance.now() - start < 4_000, "nor does its node wait for them");
		});

		test("is waited for when nobody else can answer", async t => {
			const { near } = await open(t, 3_000);
			await near.broker.call("vaults.read", { delays: [1_800] });
			assert.equal(runs(), 1);
		});

		test("is not made again when it writes", async t => {
			const { near } = await open(t, waitMs);
			const write = near.broker.call("vaults.write", { delays: [1_000] });
			assert.equal(await codeFrom(write), "REQUEST_TIMEOUT");
			await sleep(1_200);
			assert.equal(runs(), 1);
			assert.equal(pendingOf(near), 0);
		});

		test("opens the breaker, which answers at once that nobody is there", async t => {
			const { near } = await open(t, waitMs);
			const delays = Array.from({ length: 40 }, () => 1_000);
			const write = () => near.broker.call("vaults.write", { delays });
			const codes = await Promise.all(Array.from({ length: 20 }, () => codeFrom(write())));
			assert.deepEqual(new Set(codes), new Set(["REQUEST_TIMEOUT"]));
			await sleep(1_200);
			runs();
			assert.equal(await codeFrom(write()), "SERVICE_NOT_AVAILABLE");
			assert.equal(runs(), 0);
			assert.deepEqual(
				await near.broker.call("vaults.anyone"),
				{ meta: [] },
				"of that action alone",
			);
		});
	});
}
