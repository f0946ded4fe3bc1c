import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { register, send } from "../support/http.ts";
import { assertPurchasedOnce, completePayment, publishCourse } from "../support/journey.ts";
import { startMesh } from "../support/mesh.ts";
import { startEmbedded } from "../support/process.ts";
import { needs } from "../support/servers.ts";

const twenty = <T>(ask: (i: number) => Promise<T>): Promise<T[]> =>
	Promise.all(Array.from({ length: 20 }, (_, i) => ask(i)));

const count = <T>(values: readonly T[], value: T): number => values.filter(v => v === value).length;

/** Twenty of everything at once, spread over the gateways. */
async function race(t: TestContext, gateways: readonly string[]): Promise<void> {
	const at = (i: number) => gateways[i % gateways.length] as string;
	const base = at(0);

	/** Connections that are open already let twenty requests arrive together. */
	const warmUp = () => twenty(i => send(at(i), "GET", "/api/courses"));

	await t.test("twenty enrollments in a free course: one seat", async () => {
		const { courseId } = await publishCourse(base, 0);
		const { token } = await register(base);
		await warmUp();
		const answers = await twenty(i =>
			send(at(i), "POST", "/api/enrollments", { token, body: { courseId } }),
		);
		const statuses = answers.map(a => a.status);
		assert.deepEqual([count(statuses, 201), count(statuses, 409)], [1, 19], String(statuses));
	});

	await t.test("twenty payments, captures, verifies and webhooks: one of each", async () => {
		const { courseId } = await publishCourse(base);
		const student = await register(base);
		const { token } = student;
		await warmUp();
		const opened = await twenty(i =>
			send(at(i), "POST", "/api/payments", { token, body: { courseId, paymentMethod: "stripe" } }),
		);
		const ids = new Set(opened.map(a => a.body.id));
		assert.equal(ids.size, 1, JSON.stringify(opened.map(a => [a.status, a.body.code])));
		assert.equal(
			count(
				opened.map(a => a.status),
				201,
			),
			1,
		);
		const paymentId: string = opened[0]?.body.id;
		const purchase = { student, courseId, paymentId };
		const [completed, verified] = await Promise.all([
			twenty(i => completePayment(at(i), purchase, "succeed")),
			twenty(i => send(at(i), "POST", `/api/payments/${paymentId}/verify`, { token, body: {} })),
		]);
		assert.ok(
			completed.every(a => a.status === 200),
			JSON.stringify(completed.map(a => [a.status, a.body.code])),
		);
		assert.ok(
			verified.every(a => a.status === 200 || a.body.code === "PAYMENT_NOT_COMPLETED"),
			JSON.stringify(verified.map(a => [a.status, a.body.code])),
		);
		await assertPurchasedOnce(base, purchase);
		const mine = await send(base, "GET", "/api/payments", { token });
		assert.equal(mine.body.total, 1);
	});
}

test("races, embedded", async t => {
	const product = await startEmbedded(t);
	await race(t, [product.url]);
});

const servers = await needs("nats", "mongo");
if (servers)
	test("races, on the mesh through two gateways", async t => {
		const mesh = await startMesh(t, servers);
		await race(t, mesh.gateways);
	});
