import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createLocalJWKSet, jwtVerify } from "jose";
import { eventually, send, uniqueEmail } from "./http.ts";
import { admin } from "./journey.ts";
import { mailFlow } from "./mailed.ts";
import { refundFlow } from "./refund-flow.ts";

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

interface Student {
	token: string;
	courseId: string;
	enrollmentId: string;
}

/** The seed's Flow 3, from progress to the certificate, by its own paths; and what others can check of it. */
async function progressFlow(
	base: string,
	{ token, courseId, enrollmentId }: Student,
): Promise<{ certificateId: string }> {
	const report = (progressPercentage: number) =>
		send(base, "PATCH", `/api/course/enrollments/course/${courseId}/progress`, {
			token,
			body: { progressPercentage, totalWatchTime: 3600 },
		});
	const certify = () =>
		send(base, "POST", `/api/course/enrollments/${enrollmentId}/certificate`, { token });
	const progress = await report(75.5);
	assert.deepEqual([progress.status, progress.body.progressPercentage], [200, 75.5]);
	const early = await certify();
	assert.deepEqual([early.status, early.body.code], [409, "COURSE_NOT_COMPLETED"]);
	const completed = await report(100);
	assert.deepEqual([completed.status, completed.body.status], [200, "completed"]);
	const certificate = await certify();
	assert.equal(certificate.status, 201, JSON.stringify(certificate.body));
	const { id, verifyUrl } = certificate.body;
	assert.deepEqual((await certify()).body, certificate.body);
	assert.deepEqual((await send(base, "GET", `/api/certificates/${id}`)).body, certificate.body);
	const pdf = await fetch(`${base}/api/certificates/${id}/pdf`);
	assert.equal(pdf.headers.get("content-type"), "application/pdf");
	assert.deepEqual(
		Buffer.from(await pdf.arrayBuffer())
			.subarray(0, 7)
			.toString("latin1"),
		"%PDF-1.",
	);
	const page = await fetch(`${base}${new URL(verifyUrl).pathname}`);
	assert.equal(page.status, 200);
	assert.match(await page.text(), /Valid\./);
	assert.equal((await fetch(`${base}/certificates/crt_none`)).status, 404);
	const { jws } = (await send(base, "GET", `/api/certificates/${id}/jws`)).body;
	const { body: keys } = await send(base, "GET", "/.well-known/certificate-keys.json");
	const { payload } = await jwtVerify(jws, createLocalJWKSet(keys));
	assert.equal(payload.jti, id);
	await eventually(
		() => send(base, "GET", "/api/notifications", { token }),
		({ body }) =>
			["enrollment.completed", "certificate.issued"].every(type =>
				body.items.some((notice: { type: string }) => notice.type === type),
			),
	);
	return { certificateId: id };
}

/** A student who completed the course reviews it; the catalogue and its teacher see what came of it. */
async function reviewFlow(
	base: string,
	{ token, courseId }: Pick<Student, "token" | "courseId">,
	teacher: string,
) {
	const body = { courseId, rating: 4, text: "Clear." };
	const review = await send(base, "POST", "/api/reviews", { token, body });
	assert.equal(review.status, 201, JSON.stringify(review.body));
	const twice = await send(base, "POST", "/api/reviews", { token, body });
	assert.deepEqual([twice.status, twice.body.reviewId], [409, review.body.id]);
	await eventually(
		() =>
			send(base, "GET", `/api/courses?q=tes+cou&minRating=4&free=false&sort=rating&pageSize=100`),
		({ body }) =>
			body.items.some((c: { id: string; rating: number }) => c.id === courseId && c.rating === 4),
	);
	const { items, ratingCount } = (await send(base, "GET", `/api/reviews?courseId=${courseId}`))
		.body;
	assert.deepEqual([items, ratingCount], [[review.body], 1]);
	await eventually(
		() => send(base, "GET", `/api/figures/courses/${courseId}`, { token: teacher }),
		({ body: { students, completed, rating, money } }) =>
			students === 1 && completed === 1 && rating === 4 && money[0]?.netMinor === 9_999,
	);
}

/** What a player reports of lectures, until the teacher takes away the one that is missing. */
async function watchingFlow(base: string, token: string, teacher: string) {
	const made = async (path: string, body: object, by = teacher) => {
		const answer = await send(base, "POST", path, { token: by, body });
		assert.equal(answer.status, 201, JSON.stringify(answer.body));
		return answer.body.id as string;
	};
	const courseId = await made("/api/courses", { title: "Glazing" });
	const sectionId = await made(`/api/courses/${courseId}/sections`, { title: "Clay" });
	const lecture = (title: string, durationSeconds: number) =>
		made(`/api/sections/${sectionId}/lectures`, { title, durationSeconds });
	const lectureId = await lecture("Short", 1);
	const missing = await lecture("Long", 3_600);
	const enrollmentId = await made("/api/enrollments", { courseId }, token);
	const path = `/api/enrollments/course/${courseId}`;
	const watched = await eventually(
		() =>
			send(base, "PATCH", `${path}/progress`, {
				token,
				body: { lectureId, intervals: [[0, 1]] },
			}),
		({ body }) => body.lectures?.[lectureId]?.completed,
	);
	assert.deepEqual([watched.body.status, watched.body.progressPercentage], ["active", 0.02]);
	const explain = `/api/enrollments/${enrollmentId}/explain-progress`;
	const told = await send(base, "GET", explain, { token });
	assert.match(told.body.summary, /1 of 2 lectures/);
	await send(base, "DELETE", `/api/lectures/${missing}`, { token: teacher });
	await eventually(
		() => send(base, "GET", path, { token }),
		({ body }) => body.status === "completed",
	);
}

/**
 * The school seed's journey by its own paths: "Testing the Integration", then Flow 1, then what its other sections say
 * of the same purchase, then Flow 3, then refunds.
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

	const verified = await eventually(
		() =>
			send(base, "POST", `/api/payment/payments/${paymentId}/verify`, {
				token,
				body: { paymentGatewayId: payment.body.paymentGatewayId },
			}),
		({ status, body }) => status === 200 && body.enrollment !== null,
	);
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
	const notices = await eventually(
		() => send(base, "GET", "/api/notifications", { token }),
		answer => answer.body.items.length >= 2,
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
		answer => answer.body.items.length === 1,
	);
	const teacherToken = teacher.body.accessToken;
	const { certificateId } = await progressFlow(base, { token, courseId, enrollmentId });
	await watchingFlow(base, token, teacherToken);
	await reviewFlow(base, { token, courseId }, teacherToken);
	await refundFlow(base, { courseId, paymentId, certificateId, teacherToken, adminToken: asAdmin });
	const audit = await send(base, "POST", "/api/ledger/audit", { token: asAdmin });
	assert.deepEqual([audit.status, audit.body.ok, audit.body.differences], [200, true, []]);
	await mailFlow(base, { token, email });
}
