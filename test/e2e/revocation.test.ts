import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import jwt from "jsonwebtoken";
import type { MeshProcess } from "../../deploy/process.ts";
import type { Broker } from "../../kernel/contract.ts";
import { codeOf } from "../../kernel/errors.ts";
import { type ForgeMesh, openForgeMesh } from "../support/forge-mesh.ts";
import { type Answer, eventually, type Person, register, send } from "../support/http.ts";
import { signUp } from "../support/identity.ts";
import { admin, publishCourse } from "../support/journey.ts";
import { startMesh } from "../support/mesh.ts";
import { startNode } from "../support/node.ts";
import { needs } from "../support/servers.ts";

/** What the mesh promises, ms. */
const staleMs = 30_000;
/** How long it may take here, where the machine has more to do: it promises 10 s. */
const revokedMs = 30_000;

type Call = (action: string, params: object, options: object) => Promise<unknown>;

/** One action of each domain: each of their processes checks the token for itself. */
const callees = ["users.me", "courses.list", "payments.list", "notifications.list"];

/** Where a token is still taken: by which gateways, and by which callees that a node calls itself. */
async function takers(gateways: readonly string[], call: Call, token: string): Promise<string[]> {
	const asked = [
		...gateways.map(async url => {
			const { status } = await send(url, "GET", "/api/courses", { token });
			return status === 401 ? "" : `${url} ${status}`;
		}),
		...callees.map(async name => {
			const outcome = await call(name, {}, { headers: { token } }).then(() => "200", codeOf);
			return outcome === "UNAUTHENTICATED" ? "" : `${name} ${outcome}`;
		}),
	];
	return (await Promise.all(asked)).filter(Boolean);
}

const servers = await needs("nats", "mongo");

const kidOf = (token: string): unknown => jwt.decode(token, { complete: true })?.header.kid;

if (servers) {
	const urls = (mesh: ForgeMesh) => mesh.gateways.map(({ url }) => url);
	const nodes = (mesh: ForgeMesh) => [...mesh.inner, ...mesh.gateways.map(({ node }) => node)];

	const onProcesses = async (t: TestContext) => {
		const mesh = await startMesh(t, servers);
		const [first, second] = mesh.gateways as [string, string];
		const env = { ...mesh.env, SERVICES: "none", LOG_LEVEL: "fatal" };
		const { broker } = await startNode(t, { env });
		const call = broker.call.bind(broker) as unknown as Call;
		const root = await admin(first);
		const { courseId } = await publishCourse(first, 20);
		const student = await register(first);
		const leaver = await register(second);
		const changed = await register(first);
		const gone = async ({ token }: Person) => {
			const start = performance.now();
			await eventually(
				() => takers(mesh.gateways, call, token),
				({ length }) => length === 0,
				revokedMs,
			);
			t.diagnostic(`nowhere after ${Math.round(performance.now() - start)} ms`);
		};

		await t.test("a logout and a change of roles reach every node in 10 s", async () => {
			for (const { token } of [leaver, changed])
				assert.equal((await takers(mesh.gateways, call, token)).length, 6);
			const out = { token: leaver.token, body: {} };
			assert.equal((await send(second, "POST", "/api/auth/logout", out)).status, 204);
			await gone(leaver);
			const roles = { token: root, body: { roles: ["teacher"] } };
			const put = await send(second, "PUT", `/api/users/${changed.id}/roles`, roles);
			assert.equal(put.status, 200);
			await gone(changed);
			assert.equal((await takers(mesh.gateways, call, student.token)).length, 6);
		});

		const buy = (url: string): Promise<Answer> =>
			send(url, "POST", "/api/payments", {
				token: student.token,
				body: { courseId, paymentMethod: "stripe" },
			});
		const audit = (url: string) =>
			send(url, "POST", "/api/ledger/audit", { token: root, body: {} });
		const reads = async () => {
			for (const url of mesh.gateways)
				for (const path of ["/api/courses", "/api/payments", "/api/notifications"]) {
					const { status } = await send(url, "GET", path, { token: student.token });
					assert.equal(status, 200, path);
				}
		};
		const areWrites =
			(...statuses: number[]) =>
			(answers: readonly Answer[]) =>
				answers.every(({ status }) => statuses.includes(status));
		const writes = () => Promise.all([buy(first), audit(first), buy(second), audit(second)]);

		await t.test(
			"with auth's process ended reads go on, money's and admins' writes close",
			async () => {
				assert.ok(areWrites(200, 201)(await writes()));
				const payments = await send(first, "GET", "/api/payments", { token: student.token });
				await (mesh.parts.get("identity") as MeshProcess).end("SIGKILL");
				const start = performance.now();
				const age = () => performance.now() - start;
				/** What the list of revoked sessions is younger than in any case: it is asked for every 5 s. */
				const freshMs = staleMs / 2;
				const closed = await eventually(
					async () => {
						await reads();
						const asked = age();
						const answers = await writes();
						const areOpen = areWrites(200, 201)(answers);
						assert.ok(areOpen || age() > freshMs, `closed after ${age()} ms`);
						assert.ok(!areOpen || asked < staleMs, `open after ${asked} ms`);
						if (areOpen) await pause(300);
						return answers;
					},
					areWrites(503),
					2 * staleMs,
				);
				t.diagnostic(`closed after ${Math.round(age())} ms`);
				for (const { headers, body } of closed)
					assert.deepEqual([body.code, headers.get("retry-after")], ["SERVICE_UNAVAILABLE", "5"]);
				for (let i = 0; i < 5; i++) {
					await reads();
					assert.ok(areWrites(503)(await writes()));
					const mild = { token: student.token, body: {} };
					const read = await send(first, "POST", "/api/notifications/read-all", mild);
					assert.ok(read.status < 300, "what is neither goes on");
					for (const { token } of [leaver, changed])
						for (const url of mesh.gateways)
							assert.equal((await send(url, "GET", "/api/courses", { token })).status, 401);
				}
				const after = await send(first, "GET", "/api/payments", { token: student.token });
				assert.equal(after.body.total, payments.body.total);
			},
		);

		await t.test("and open by themselves once it is back", async () => {
			await (mesh.parts.get("identity") as MeshProcess).start();
			const start = performance.now();
			await eventually(writes, areWrites(200, 201), staleMs);
			t.diagnostic(`open after ${Math.round(performance.now() - start)} ms`);
			assert.deepEqual(await takers(mesh.gateways, call, leaver.token), []);
			await send(first, "POST", "/api/auth/logout", { token: student.token, body: {} });
			await gone(student);
		});
	};

	const byHintAndPoll = async (t: TestContext) => {
		const mesh = await openForgeMesh(t, servers);
		const [first] = urls(mesh) as [string];
		const call = mesh.call as unknown as Call;
		const leave = async ({ token }: Person) => {
			assert.equal((await takers(urls(mesh), call, token)).length, 6);
			await send(first, "POST", "/api/auth/logout", { token, body: {} });
			await eventually(
				() => takers(urls(mesh), call, token),
				({ length }) => length === 0,
				revokedMs,
			);
		};
		for (const { broker } of nodes(mesh)) broker.broadcast = (async () => {}) as never;
		await t.test("the poll", async () => leave(await register(first)));
		for (const { broker } of nodes(mesh)) delete (broker as { broadcast?: unknown }).broadcast;
		for (const { platform } of nodes(mesh)) await platform.tokens.stop();
		await t.test("the hint", async () => leave(await register(first)));
	};

	const rotation = async (t: TestContext) => {
		const mesh = await openForgeMesh(t, servers);
		const gateways = urls(mesh);
		const at = (i: number) => gateways[i % 2] as string;
		const broker = mesh.gateways[0].node.broker as unknown as Broker;
		const call = mesh.call as unknown as Call;
		const root = await signUp(mesh.gateways[0].node, { role: "admin" });
		const people = await Promise.all(Array.from({ length: 6 }, (_, i) => register(at(i))));
		const refused: string[] = [];
		const kids = new Set<unknown>();
		let asked = 0;

		const refresh = async (person: Person, i: number) => {
			const body = { refreshToken: person.refreshToken };
			const answer = await send(at(i), "POST", "/api/auth/refresh", { body });
			assert.equal(answer.status, 200, JSON.stringify(answer.body));
			person.token = answer.body.accessToken;
			person.refreshToken = answer.body.refreshToken;
			kids.add(kidOf(person.token));
		};

		await t.test("no valid session is refused at any moment", async () => {
			let isOver = false;
			const stream = async (person: Person, i: number) => {
				for (let turn = 0; !isOver; turn++) {
					if (turn % 8 === 7) await refresh(person, i + turn);
					for (const path of ["/api/auth/me", "/api/payments"]) {
						const { status, body } = await send(at(turn), "GET", path, { token: person.token });
						asked++;
						if (status !== 200) refused.push(`${status} ${body.code} ${kidOf(person.token)}`);
					}
				}
			};
			const streams = people.map(stream);
			await pause(300);
			const before = await mesh.call("auth.jwks");
			const idle = await register(at(0));
			const options = { headers: { token: root.token } };
			const { kid } = await broker.call("auth.rotateKeys", {}, options as never);
			assert.notEqual(kid, before.keys[0]?.kid);
			const both = (await mesh.call("auth.jwks")).keys.map(key => key.kid);
			assert.deepEqual(new Set(both), new Set([kid, before.keys[0]?.kid]));
			await refresh(people[0] as Person, 0);
			assert.equal(kidOf((people[0] as Person).token), before.keys[0]?.kid, "not for 60 s");
			for (let second = 0; second < 70; second++) {
				mesh.clock.forward(1_000);
				await pause(60);
			}
			await eventually(
				async () => kids.size,
				count => count > 1,
			);
			isOver = true;
			await Promise.all(streams);
			assert.deepEqual(refused, []);
			assert.deepEqual(kids, new Set([before.keys[0]?.kid, kid]));
			assert.equal((await takers(gateways, call, idle.token)).length, 6, "old ones go on");
			t.diagnostic(`${asked} requests`);
		});

		const rotateAtOnce = async (): Promise<string[]> => {
			const olds = people.map(({ token }) => token);
			for (const token of olds) assert.equal((await takers(gateways, call, token)).length, 6);
			const { kid } = await mesh.call("auth.rotateKeys", { atOnce: true });
			assert.deepEqual(
				(await mesh.call("auth.jwks")).keys.map(key => key.kid),
				[kid],
			);
			await Promise.all(people.map(refresh));
			for (const { token } of people) assert.equal(kidOf(token), kid);
			return olds;
		};
		const ended = (olds: readonly string[], ms: number) =>
			eventually(
				async () => (await Promise.all(olds.map(old => takers(gateways, call, old)))).flat(),
				({ length }) => length === 0,
				ms,
			);
		const taken = async (ms: number) => {
			for (const { token } of people)
				await eventually(
					() => takers(gateways, call, token),
					({ length }) => length === 6,
					ms,
				);
		};

		await t.test(
			"at once: old tokens end, and new ones are taken, though keys are fresh",
			async () => {
				mesh.clock.forward(10_000);
				const unknown = jwt.sign({}, "x", { keyid: "unknown" });
				assert.deepEqual(await takers(gateways, call, unknown), []);
				const olds = await rotateAtOnce();
				await taken(revokedMs);
				await ended(olds, revokedMs);
			},
		);

		await t.test(
			"at once, where the hint is lost: in 35 s, and sessions go on by refresh",
			async () => {
				mesh.clock.forward(11_000);
				for (const { broker } of nodes(mesh)) broker.broadcast = (async () => {}) as never;
				const olds = await rotateAtOnce();
				await taken(revokedMs);
				mesh.clock.forward(30_000);
				await ended(olds, revokedMs);
				await taken(0);
			},
		);
	};

	test("revocation", { concurrency: 2 }, async t => {
		// It waits for half a minute, which is enough for the others.
		const onMesh = t.test("on a mesh of processes, and while auth is down", onProcesses);
		await t.test("it comes by the hint alone, and by the poll alone", byHintAndPoll);
		await t.test("keys rotate under a stream of requests", rotation);
		await onMesh;
	});
}
