import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { MeshProcess } from "../../deploy/process.ts";
import { type Answer, eventually, register, send } from "../support/http.ts";
import {
	assertPurchasedOnce,
	completePayment,
	openPayment,
	publishCourse,
} from "../support/journey.ts";
import { startMesh, type TestMesh } from "../support/mesh.ts";
import { startEmbedded } from "../support/process.ts";
import { random } from "../support/random.ts";
import { needs } from "../support/servers.ts";

/** How many single kills; `npm run kills` does 30. */
const kills = Number(process.env.KILLS ?? 2);
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);

/** A client that does not give up: asks again while the mesh is away. */
const insist = (ask: () => Promise<Answer>): Promise<Answer> =>
	eventually(
		() => ask().catch(() => ({ status: 599, body: {} }) as Answer),
		({ status }) => status < 500,
		90_000,
	);

async function restart(process: MeshProcess): Promise<void> {
	await process.end("SIGKILL");
	await process.start();
}

test("a kill loses nothing that was acknowledged, embedded", async t => {
	const product = await startEmbedded(t);
	const teacher = await register(product.url, "teacher");
	const acknowledged: string[] = [];
	let isKilled = false;
	const write = async () => {
		while (!isKilled) {
			const answer = await send(product.url, "POST", "/api/courses", {
				token: teacher.token,
				body: { title: `Course ${acknowledged.length}` },
			}).catch(() => null);
			if (answer?.status === 201) acknowledged.push(answer.body.id);
		}
	};
	const writers = Array.from({ length: 8 }, write);
	await eventually(
		async () => acknowledged.length,
		count => count > 100,
	);
	isKilled = true;
	await restart(product);
	await Promise.all(writers);
	for (const id of acknowledged)
		assert.equal((await send(product.url, "GET", `/api/courses/${id}`)).status, 200, id);
});

test("a purchase from the database alone, embedded", async t => {
	const product = await startEmbedded(t);
	const { courseId } = await publishCourse(product.url);
	const purchase = await openPayment(product.url, courseId);
	assert.equal((await completePayment(product.url, purchase, "timeout")).status, 200);
	await restart(product);
	assert.equal((await completePayment(product.url, purchase, "succeed")).status, 200);
	await assertPurchasedOnce(product.url, purchase);
});

const servers = await needs("nats", "mongo");
if (servers) {
	const everyNode = async ({ parts, gateways: [first = "", second = ""] }: TestMesh) => {
		const { courseId } = await publishCourse(first);
		const purchase = await openPayment(first, courseId);
		assert.equal((await completePayment(first, purchase, "timeout")).status, 200);
		const all = [...parts.values()];
		await Promise.all(all.map(part => part.end("SIGKILL")));
		await Promise.all(all.map(part => part.start()));
		const webhook = await insist(() => completePayment(second, purchase, "succeed"));
		assert.equal(webhook.status, 200, JSON.stringify(webhook.body));
		await assertPurchasedOnce(second, purchase);
	};

	const oneByOne = async (t: TestContext, mesh: TestMesh) => {
		const [first] = mesh.gateways as [string];
		const next = random(seed);
		const { courseId } = await publishCourse(first);
		for (let i = 0; i < kills; i++) {
			const student = await register(first);
			const parts = [...mesh.parts.values()];
			const victim = parts[Math.floor(next() * parts.length)] as MeshProcess;
			const delay = next() * 400;
			const killed = pause(delay).then(() => restart(victim));
			const opened = await insist(() =>
				send(first, "POST", "/api/payments", {
					token: student.token,
					body: { courseId, paymentMethod: "stripe" },
				}),
			);
			assert.ok([200, 201].includes(opened.status), JSON.stringify(opened.body));
			const purchase = { student, courseId, paymentId: opened.body.id };
			const done = await insist(() => completePayment(first, purchase, "succeed"));
			assert.equal(done.status, 200, JSON.stringify(done.body));
			await killed;
			await assertPurchasedOnce(first, purchase);
			t.diagnostic(`${victim.part.name} killed after ${Math.round(delay)} ms`);
		}
	};

	test("kills on a mesh", async t => {
		const mesh = await startMesh(t, servers);
		await t.test("a purchase from the database alone, every node killed", () => everyNode(mesh));
		await t.test(`${kills} purchases, one process killed in each, seed ${seed}`, t =>
			oneByOne(t, mesh),
		);
	});
}
