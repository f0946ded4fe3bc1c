import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { type TestContext, test } from "node:test";
import { codeOf } from "../../kernel/errors.ts";
import { authorizations, callTokens, type Forger, forgedTokens } from "../support/forge.ts";
import { type ForgeMesh, inParallel, openForgeMesh } from "../support/forge-mesh.ts";
import { type Answer, eventually, send } from "../support/http.ts";
import { signUp } from "../support/identity.ts";
import { admin } from "../support/journey.ts";
import { needs } from "../support/servers.ts";

const id = "0190f3c2-0000-7000-8000-000000000000";

/** One route of each kind; a read and a write where there are both. */
const routes: readonly (readonly [kind: string, method: string, path: string, body?: object])[] = [
	["public", "GET", "/api/courses"],
	["public", "GET", "/api/health"],
	["user", "GET", "/api/auth/me"],
	["user", "PATCH", "/api/users/me", { name: "Forged" }],
	["teacher", "POST", "/api/courses", { title: "Forged" }],
	["admin", "GET", "/api/users"],
	["admin", "PUT", `/api/users/usr_${id}/roles`, { roles: ["admin"] }],
	["money", "GET", "/api/payments"],
	["money", "POST", "/api/payments", { courseId: `crs_${id}`, paymentMethod: "stripe" }],
	["money", "POST", "/api/ledger/audit", {}],
];

/** The same, from node to node; of the last one nodes may ask without anybody's token. */
const actions: readonly (readonly [name: string, params: object])[] = [
	["courses.list", {}],
	["auth.me", {}],
	["users.updateMe", { name: "Forged" }],
	["courses.create", { title: "Forged" }],
	["users.list", {}],
	["users.setRoles", { id: `usr_${id}`, roles: ["admin"] }],
	["payments.list", {}],
	["payments.create", { courseId: `crs_${id}`, paymentMethod: "stripe" }],
	["ledger.audit", {}],
	["users.describe", { id: `usr_${id}` }],
];

type Call = (action: string, params: object, options: object) => Promise<unknown>;

/** How calls with this token came out, over all actions. */
async function codesOf(mesh: ForgeMesh, token: unknown): Promise<Set<string | undefined>> {
	const call = mesh.call as unknown as Call;
	const codes = new Set<string | undefined>();
	for (const [name, params] of actions)
		codes.add(
			await call(name, params, { headers: { token } }).then(
				() => `${name} let it in`,
				error => codeOf(error),
			),
		);
	return codes;
}

/** How requests with this header came out, over all routes, by either gateway in turn. */
async function answersTo(mesh: ForgeMesh, authorization: string): Promise<Set<string>> {
	const seen = new Set<string>();
	for (const [i, [, method, path, body]] of routes.entries()) {
		const { url } = mesh.gateways[i % 2] as { url: string };
		const answer: Answer = await send(url, method, path, {
			...(body && { body }),
			headers: { authorization },
		});
		seen.add(`${answer.status} ${answer.body?.code}`);
	}
	return seen;
}

/** Where a token was not refused as it should be; empty when it was nowhere. */
async function breachesOf(mesh: ForgeMesh, token: string): Promise<string[]> {
	const seen = [...(await answersTo(mesh, `Bearer ${token}`)), ...(await codesOf(mesh, token))];
	const breaches = seen.filter(outcome => !/^(401 )?UNAUTHENTICATED$/.test(String(outcome)));
	const { url } = mesh.gateways[0];
	for (const asked of [{ body: { token } }, { body: {}, token }]) {
		const { body } = await send(url, "POST", "/api/auth/verify", asked);
		if (body?.valid !== false) breaches.push(`verify: ${JSON.stringify(body)}`);
	}
	return breaches.map(String);
}

const isRefused = async (mesh: ForgeMesh, kind: string, token: string): Promise<void> =>
	assert.deepEqual(await breachesOf(mesh, token), [], kind);

const servers = await needs("nats", "mongo");

/** A mesh whose signing key the test has. */
async function open(t: TestContext): Promise<{ mesh: ForgeMesh; forger: Forger }> {
	assert.ok(servers);
	const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
	const pem = privateKey.export({ type: "pkcs8", format: "pem" }) as string;
	const mesh = await openForgeMesh(t, servers, { JWT_PRIVATE_KEY: pem });
	const { node } = mesh.gateways[0];
	const { token, refreshToken } = await signUp(node, { role: "teacher" });
	const { token: other } = await signUp(node);
	const [jwk] = (await mesh.call("auth.jwks")).keys;
	assert.ok(jwk);
	const now = Math.floor(mesh.clock.now() / 1000);
	const publicKey = createPublicKey(privateKey);
	return { mesh, forger: { key: privateKey, publicKey, jwk, token, refreshToken, other, now } };
}

if (servers) {
	test("forged tokens are 401 on every route and at every callee", async t => {
		const { mesh, forger } = await open(t);
		const url = mesh.gateways[0].url;
		assert.equal((await send(url, "GET", "/api/auth/me", { token: forger.token })).status, 200);
		const kinds = Object.entries(forgedTokens(forger));
		assert.ok(kinds.length >= 40);
		t.diagnostic(`${kinds.length} kinds`);

		await t.test("made up", async () => {
			const breaches = await inParallel(kinds.length, 4, async i => {
				const [kind, token] = kinds[i] as [string, string];
				return (await breachesOf(mesh, token)).map(breach => `${kind}: ${breach}`);
			});
			assert.deepEqual(breaches.flat(), []);
		});

		await t.test("in a header that is none", async () => {
			for (const [kind, header] of Object.entries(authorizations(forger)))
				assert.deepEqual([...(await answersTo(mesh, header))], ["401 UNAUTHENTICATED"], kind);
		});

		await t.test("in a call that is none", async () => {
			for (const [kind, token] of Object.entries(callTokens(forger)))
				assert.deepEqual([...(await codesOf(mesh, token))], ["UNAUTHENTICATED"], kind);
		});

		await t.test("every bit of a good signature", async () => {
			const [head, body, signature] = forger.token.split(".") as [string, string, string];
			const bytes = Buffer.from(signature, "base64url");
			for (let bit = 0; bit < bytes.length * 8; bit++) {
				const changed = Buffer.from(bytes);
				changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
				const token = `${head}.${body}.${changed.toString("base64url")}`;
				await assert.rejects(mesh.inner[0].platform.tokens.verify(token, 60), {
					type: "UNAUTHENTICATED",
				});
			}
		});

		await t.test("and the good one is still good, in any letters of its scheme", async () => {
			for (const scheme of ["Bearer", "bearer", "BEARER"]) {
				const headers = { authorization: `${scheme} ${forger.token}` };
				assert.equal((await send(url, "GET", "/api/auth/me", { headers })).status, 200, scheme);
			}
		});
	});

	test("tokens that were good are 401 everywhere once they are not", async t => {
		const { mesh, forger } = await open(t);
		const { url } = mesh.gateways[0];
		const refused = (token: string) => async () => {
			const codes = await codesOf(mesh, token);
			const answers = await answersTo(mesh, `Bearer ${token}`);
			return [...codes, ...answers].every(seen => /UNAUTHENTICATED/.test(seen ?? ""));
		};

		await t.test("of a session that was signed out", async () => {
			await send(url, "POST", "/api/auth/logout", { token: forger.token, body: {} });
			await eventually(refused(forger.token), Boolean);
			await isRefused(mesh, "signed out", forger.token);
		});

		await t.test("of a session whose user's roles were changed", async () => {
			const { user, token } = await signUp(mesh.gateways[0].node);
			const path = `/api/users/${user.id}/roles`;
			const body = { roles: ["teacher"] };
			const changed = await send(url, "PUT", path, { token: await admin(url), body });
			assert.equal(changed.status, 200);
			await eventually(refused(token), Boolean);
			await isRefused(mesh, "roles changed", token);
		});

		await t.test("of a key that was rotated out", async () => {
			const { node } = mesh.gateways[0];
			const { user, token } = await signUp(node);
			assert.equal((await send(url, "GET", "/api/auth/me", { token })).status, 200);
			await mesh.call("auth.rotateKeys", { atOnce: true });
			mesh.clock.forward(30_000);
			await eventually(refused(token), Boolean);
			await isRefused(mesh, "seen before", token);
			const late = forgedTokens({ ...forger, token })["not yet valid"] as string;
			await isRefused(mesh, "never seen before", late);
			const again = await signUp(node);
			assert.notEqual(again.user.id, user.id);
			assert.equal((await send(url, "GET", "/api/auth/me", { token: again.token })).status, 200);
		});
	});
}
