import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { eventually, send, uniqueEmail } from "./http.ts";
import { admin } from "./journey.ts";

const serviceSecret = "a-secret-for-tests-0123456789abcdef";

/** The headers another system's server sends with a request it signs. */
export function signed(
	name: string,
	method: string,
	target: string,
	body: string,
): Record<string, string> {
	const t = Math.floor(Date.now() / 1000);
	const n = `n${Math.random().toString(36).slice(2)}${Math.random().toString(36).slice(2)}`;
	const v1 = createHmac("sha256", serviceSecret)
		.update(`${t}.${n}.${name}.${method}.${target}.${body}`)
		.digest("hex");
	return { "x-service-name": name, "x-service-signature": `t=${t},n=${n},v1=${v1}` };
}

/**
 * The school seed's journey by its own paths: "Testing the Integration", then Flow 1, then what its other sections say
 * of the same purchase.
 */
export async function schoolJourney(base: string): Promise<void> {
	const email = uniqueEmail();
	const credentials = { email, password: "password123" };
	const registered = await send(base, "POST", "/api/user/auth/register", { body: credentials });
	assert.equal(registered.status, 201, JSON.stringify(registered.body));
	assert.deepEqual(registered.body.user.roles, ["student"]);
	const again = await send(base, "POST", "/api/user/auth/register", { body: credentials });
	assert.deepEqual([again.status, again.body.code], [409, "EMAIL_TAKEN"]);

	const login = await send(base, "POST", "/api/user/auth/login", { body: credentials });
	assert.equal(login.status, 200);
	const token: string = login.body.accessToken;

	const teacher = await send(base, "POST", "/api/user/auth/register", {
		body: { email: uniqueEmail(), password: "password123", role: "teacher" },
	});
	const asStudent = await send(base, "POST", "/api/course/courses", {
		token,
		body: { title: "Mine" },
	});
	assert.equal(asStudent.status, 403);
	const created = await send(base, "POST", "/api/course/courses", {
		token: teacher.body.accessToken,
		body: { title: "Test Course", price: 99.99 },
	});
	assert.equal(created.status, 201, JSON.stringify(created.body));
	const courseId: string = created.body.id;
	assert.deepEqual(
		[created.body.price, created.body.priceMinor, created.body.currency, created.body.status],
		[99.99, 9999, "USD", "published"],
	);

	const browsed = await send(base, "GET", "/api/course/courses?q=test");
	assert.ok(browsed.body.items.some((c: { id: string }) => c.id === courseId));
	const details = await send(base, "GET", `/api/course/courses/${courseId}`);
	assert.deepEqual(details.body.sections, []);

	const unpaid = await send(base, "POST", "/api/course/enrollments", { token, body: { courseId } });
	assert.deepEqual(
		[
			unpaid.status,
			unpaid.body.code,
			unpaid.body.amount,
			unpaid.body.amountMinor,
			unpaid.body.currency,
		],
		[402, "PAYMENT_REQUIRED", 99.99, 9999, "USD"],
	);

	const wrongPrice = await send(base, "POST", "/api/payment/payments", {
		token,
		body: { courseId, amount: 1, currency: "USD", paymentMethod: "stripe" },
	});
	assert.deepEqual(
		[wrongPrice.status, wrongPrice.body.code, wrongPrice.body.amount],
		[422, "AMOUNT_MISMATCH", 99.99],
	);
	const payment = await send(base, "POST", "/api/payment/payments", {
		token,
		body: { courseId, amount: 99.99, currency: "USD", paymentMethod: "stripe" },
	});
	assert.equal(payment.status, 201, JSON.stringify(payment.body));
	assert.equal(payment.body.status, "requires_action");
	assert.equal(payment.body.sandbox, true);
	assert.match(payment.body.paymentGatewayId, /^pi_sandbox_/);
	const paymentId: string = payment.body.id;

	const early = await send(base, "POST", `/api/payment/payments/${paymentId}/verify`, {
		token,
		body: {},
	});
	assert.deepEqual([early.status, early.body.code], [409, "PAYMENT_NOT_COMPLETED"]);
	const paid = await send(base, "POST", `/api/sandbox/payments/${paymentId}/complete`, {
		token,
		body: { outcome: "succeed" },
	});
	assert.equal(paid.status, 200, JSON.stringify(paid.body));

	const verified = await send(base, "POST", `/api/payment/payments/${paymentId}/verify`, {
		token,
		body: { paymentGatewayId: payment.body.paymentGatewayId },
	});
	assert.equal(verified.status, 200, JSON.stringify(verified.body));
	assert.equal(verified.body.payment.status, "captured");
	assert.equal(verified.body.enrollment?.courseId, courseId);
	const enrollmentId: string = verified.body.enrollment.id;

	const body = JSON.stringify({ userId: registered.body.user.id, courseId, paymentId });
	const target = "/api/enrollments/internal/complete";
	for (let repeat = 0; repeat < 2; repeat++) {
		const completed = await send(base, "POST", target, {
			body: JSON.parse(body),
			headers: signed("payment-service", "POST", target, body),
		});
		assert.deepEqual([completed.status, completed.body], [200, { success: true, enrollmentId }]);
	}
	const unsigned = await send(base, "POST", target, { body: JSON.parse(body) });
	assert.deepEqual([unsigned.status, unsigned.body.code], [401, "SERVICE_SIGNATURE_INVALID"]);
	const described = await send(base, "GET", `/internal/course/${courseId}`, {
		headers: signed("payment-service", "GET", `/internal/course/${courseId}`, ""),
	});
	assert.equal(described.status, 200, JSON.stringify(described.body));

	const twice = await send(base, "POST", "/api/course/enrollments", { token, body: { courseId } });
	assert.deepEqual([twice.status, twice.body.code], [409, "ALREADY_ENROLLED"]);
	const progress = await send(
		base,
		"PATCH",
		`/api/course/enrollments/course/${courseId}/progress`,
		{
			token,
			body: { progressPercentage: 75.5, totalWatchTime: 3600 },
		},
	);
	assert.deepEqual([progress.status, progress.body.progressPercentage], [200, 75.5]);

	const notices = await eventually(
		() => send(base, "GET", "/api/notifications", { token }),
		answer => answer.body.total >= 2,
	);
	assert.deepEqual(notices.body.items.map((n: { type: string }) => n.type).sort(), [
		"enrollment.activated",
		"payment.captured",
	]);
	await eventually(
		() => send(base, "GET", `/api/courses/${courseId}`),
		answer => answer.body.enrollmentCount === 1,
	);
	const asAdmin = await admin(base);
	await eventually(
		() => send(base, "GET", `/api/ledger/transfers?subjectId=${paymentId}`, { token: asAdmin }),
		answer => answer.body.total === 1,
	);
	const audit = await send(base, "POST", "/api/ledger/audit", { token: asAdmin });
	assert.deepEqual([audit.status, audit.body.ok, audit.body.differences], [200, true, []]);
}
