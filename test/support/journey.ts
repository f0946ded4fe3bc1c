import assert from "node:assert/strict";
import { eventually, type Person, register, send } from "./http.ts";

export interface Purchase {
	student: Person;
	courseId: string;
	paymentId: string;
}

/** A course of a new teacher, at 99.99 USD where not said otherwise. */
export async function publishCourse(
	base: string,
	price = 99.99,
): Promise<{ teacher: Person; courseId: string }> {
	const teacher = await register(base, "teacher");
	const { status, body } = await send(base, "POST", "/api/course/courses", {
		token: teacher.token,
		body: { title: "Test Course", price },
	});
	assert.equal(status, 201, JSON.stringify(body));
	return { teacher, courseId: body.id };
}

/** A payment by a new student for a course, open at the sandbox. */
export async function openPayment(base: string, courseId: string): Promise<Purchase> {
	const student = await register(base);
	const { status, body } = await send(base, "POST", "/api/payment/payments", {
		token: student.token,
		body: { courseId, amount: 99.99, currency: "USD", paymentMethod: "stripe" },
	});
	assert.equal(status, 201, JSON.stringify(body));
	return { student, courseId, paymentId: body.id };
}

/** What the provider and buyer do at the sandbox. */
export const completePayment = (base: string, { student, paymentId }: Purchase, outcome: string) =>
	send(base, "POST", `/api/sandbox/payments/${paymentId}/complete`, {
		token: student.token,
		body: { outcome },
	});

/** An access token of the admin of a test mesh or node; waits while identity is away. */
export async function admin(base: string): Promise<string> {
	const { body } = await eventually(
		() =>
			send(base, "POST", "/api/auth/login", {
				body: { email: "admin@zeolite.example", password: "admin-password" },
			}),
		({ status }) => status === 200,
		30_000,
	);
	return body.accessToken;
}

/**
 * That a purchase came out once, whatever happened on the way: captured, one enrollment, one transfer, one notice of
 * each kind, balanced books.
 */
export async function assertPurchasedOnce(
	base: string,
	purchase: Purchase,
	ms = 60_000,
): Promise<void> {
	const { student, courseId, paymentId } = purchase;
	const token = student.token;
	const get = (path: string, as = token) => send(base, "GET", path, { token: as });
	await eventually(
		() => get(`/api/payments/${paymentId}`),
		({ status, body }) => status === 200 && body.status === "captured",
		ms,
	);
	await eventually(
		() => get(`/api/enrollments/course/${courseId}`),
		({ status, body }) => status === 200 && body.status === "active",
		ms,
	);
	const { body: notices } = await eventually(
		() => get("/api/notifications"),
		({ status, body }) => status === 200 && body.items.length >= 2,
		ms,
	);
	assert.deepEqual(notices.items.map((n: { type: string }) => n.type).sort(), [
		"enrollment.activated",
		"payment.captured",
	]);
	const mine = await eventually(
		() => get("/api/enrollments"),
		({ status }) => status === 200,
		ms,
	);
	assert.equal(mine.body.items.length, 1);
	const asAdmin = await admin(base);
	const { body: transfers } = await eventually(
		() => get(`/api/ledger/transfers?subjectId=${paymentId}`, asAdmin),
		({ status, body }) => status === 200 && body.items.length >= 1,
		ms,
	);
	assert.equal(transfers.items.length, 1);
	const audit = await eventually(
		() => send(base, "POST", "/api/ledger/audit", { token: asAdmin }),
		({ status }) => status === 200,
		ms,
	);
	assert.deepEqual(audit.body.differences, []);
	assert.equal(audit.body.ok, true);
}
