import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "ioredis";
import { readiness } from "../../../kernel/ops.ts";
import { platformOf } from "../../../kernel/platform.ts";
import { eventually } from "../../support/http.ts";
import { signUp } from "../../support/identity.ts";
import { startNode } from "../../support/node.ts";
import { needsOwn } from "../../support/servers.ts";

const servers = await needsOwn("redis");
if (servers)
	test("the school goes on with Redis there, flushed, hung and gone", {
		timeout: 60_000,
	}, async t => {
		const domains = "identity,learning";
		const node = await startNode(t, {
			env: { REDIS_URL: servers.redis.url, SERVICES: domains, MESH: domains },
		});
		const becomes = (status: string) =>
			eventually(
				async () => readiness(node.broker),
				ready => ready.status === status,
			);
		await becomes("ready");
		const teacher = await signUp(node, { role: "teacher" });
		const alice = await signUp(node, {});
		const bob = await signUp(node, {});
		// biome-ignore lint/suspicious/noExplicitAny: whatever is answered
		const call = (action: string, params: object, token?: string): Promise<any> =>
			node.broker.call(action, params, { headers: token ? { token } : {} });
		const { id } = await call("courses.create", { title: "One" }, teacher.token);
		const titleFor = async (token?: string) => (await call("courses.get", { id }, token)).title;
		const rename = (title: string) => call("courses.update", { id, title }, teacher.token);
		const seats = async (token: string) => (await call("enrollments.list", {}, token)).items.length;
		const { metrics } = platformOf(node.broker);
		const counted = (outcome: string, action = "courses.get") =>
			metrics.cache.of({ action, outcome }).value;

		const redis = new Redis(servers.redis.url);
		redis.on("error", () => {});
		t.after(() => redis.disconnect());

		await t.test("one answer for everybody, and a change is seen at once", async () => {
			for (const token of [undefined, alice.token, bob.token, teacher.token])
				assert.equal(await titleFor(token), "One");
			assert.deepEqual([counted("miss"), counted("hit")], [1, 3]);
			await rename("Two");
			for (const token of [undefined, teacher.token]) assert.equal(await titleFor(token), "Two");
			await call("courses.addSection", { id, title: "Start" }, teacher.token);
			assert.equal((await call("courses.get", { id })).sections.length, 1);
			const ttls = await Promise.all((await redis.keys("*:cache:*")).map(key => redis.ttl(key)));
			assert.ok(ttls.length > 0 && ttls.every(ttl => ttl > 0 && ttl <= 300), String(ttls));
		});

		await t.test("a draft is its teacher's, however often it was asked for", async () => {
			await rename("Draft");
			await call("courses.update", { id, status: "draft" }, teacher.token);
			for (const _ of [1, 2]) {
				assert.equal(await titleFor(teacher.token), "Draft");
				for (const token of [undefined, alice.token])
					await assert.rejects(titleFor(token), { type: "COURSE_NOT_FOUND" });
			}
			await call("courses.update", { id, status: "published" }, teacher.token);
			assert.equal(await titleFor(), "Draft");
		});

		await t.test("seats are each one's own, and there as soon as they are taken", async () => {
			for (const token of [alice.token, bob.token]) assert.equal(await seats(token), 0);
			await call("enrollments.enroll", { courseId: id }, alice.token);
			for (const _ of [1, 2])
				assert.deepEqual([await seats(alice.token), await seats(bob.token)], [1, 0]);
			assert.ok(counted("hit", "enrollments.list") > 0);
			assert.equal(
				await call("enrollments.list", { courseId: id }, teacher.token).then(p => p.total),
				1,
			);
			await assert.rejects(call("enrollments.list", {}), { type: "UNAUTHENTICATED" });
		});

		await t.test("profiles are kept for each who asks", async () => {
			const ask = async (token: string) =>
				(await call("users.get", { id: alice.user.id }, token)).email;
			for (const _ of [1, 2])
				assert.deepEqual(
					[await ask(bob.token), Boolean(await ask(alice.token))],
					[undefined, true],
				);
			await assert.rejects(call("users.get", { id: alice.user.id }), { type: "UNAUTHENTICATED" });
		});

		await t.test("flushed", async () => {
			await titleFor();
			await redis.flushall();
			assert.equal(await titleFor(), "Draft");
		});

		await t.test("with a hint that is lost, an old answer is given for 5 s at most", async () => {
			assert.equal(await titleFor(), "Draft");
			const key = (await redis.keys("*:cache:*courses.get:*")).find(each =>
				/get:[^:]+$/.test(each),
			);
			const mark = await redis.get(key as string);
			await rename("Three");
			await redis.set(key as string, mark as string);
			assert.equal(await titleFor(), "Draft", "as if nobody had said it");
			const began = performance.now();
			await eventually(titleFor, title => title === "Three");
			assert.ok(performance.now() - began < 5_500);
		});

		await t.test("hung: one wait of 100 ms, then none", async () => {
			await servers.redis.kill("SIGSTOP");
			const failed = counted("failure");
			for (let i = 0; i < 20; i++) assert.equal(await titleFor(), "Three");
			assert.ok(counted("failure") - failed <= 1, `${counted("failure") - failed} failures`);
			await rename("Four");
			assert.equal(await titleFor(alice.token), "Four");
			assert.ok(counted("skipped") >= 20 && counted("failure") >= 1);
			await servers.redis.kill("SIGCONT");
			await becomes("ready");
			await eventually(
				async () => {
					assert.equal(await titleFor(), "Four");
					const hits = counted("hit");
					await titleFor();
					return counted("hit") > hits;
				},
				found => found,
			);
		});

		await t.test("gone", async () => {
			await servers.redis.kill("SIGKILL");
			await rename("Five");
			assert.equal(await titleFor(), "Five");
			assert.equal(await seats(alice.token), 1);
			await becomes("degraded");
		});
	});
