import assert from "node:assert/strict";
import { type Answer, eventually, register, send } from "./http.ts";
import { completePayment } from "./journey.ts";

interface Sold {
	/** At 99.99 USD. */
	courseId: string;
	/** Of the student who has completed it and is its only one. */
	paymentId: string;
	certificateId: string;
	teacherToken: string;
	adminToken: string;
}

/**
 * What refunds bring about: of a course at 37 %, by its student; then of one that was completed, by an admin, whose
 * certificate ends with it.
 */
export async function refundFlow(base: string, sold: Sold): Promise<void> {
	const { courseId, paymentId, certificateId, teacherToken, adminToken } = sold;
	const student = await register(base);
	const { token } = student;
	const get = (path: string, as?: string) => send(base, "GET", path, as ? { token: as } : {});
	const post = (path: string, body: object, as = token) =>
		send(base, "POST", path, { token: as, body });
	/** What the ledger has of a payment, once it has so many entries: debit, credit and amount of each. */
	const booked = async (id: string, total: number) => {
		const { body } = await eventually(
			() => get(`/api/ledger/transfers?subjectId=${id}`, adminToken),
			({ body }) => body.items.length === total,
		);
		interface Leg {
			account: string;
			direction: string;
			amountMinor: number;
			currency: string;
		}
		return (body.items as { kind: string; legs: Leg[] }[])
			.map(({ kind, legs }) => {
				const said = legs.map(
					leg => `${leg.direction} ${leg.account} ${leg.amountMinor} ${leg.currency}`,
				);
				return [kind, ...said].join(", ");
			})
			.sort();
	};
	const figures = (check: (answer: Answer) => boolean) =>
		eventually(() => get(`/api/figures/courses/${courseId}`, teacherToken), check);
	const bookings = (refundedMinor: number) => [
		"capture, debit provider:sandbox:clearing 9999 USD, credit platform:revenue 9999 USD",
		`refund, debit platform:refunds ${refundedMinor} USD, credit provider:sandbox:clearing ${refundedMinor} USD`,
	];

	const payment = await post("/api/payment/payments", { courseId, paymentMethod: "stripe" });
	assert.equal(payment.status, 201, JSON.stringify(payment.body));
	const { id } = payment.body;
	await completePayment(base, { student, courseId, paymentId: id }, "succeed");
	const own = `/api/enrollments/course/${courseId}`;
	await eventually(
		() => get(own, token),
		({ body }) => body.status === "active",
	);
	await send(base, "PATCH", `${own}/progress`, {
		token,
		body: { progressPercentage: 37, totalWatchTime: 600 },
	});
	await figures(({ body }) => body.students === 2 && body.money[0]?.netMinor === 19_998);
	const quote = await get(`/api/payments/${id}/refund-quote`, token);
	assert.deepEqual(quote.body, {
		refundable: true,
		amount: 62.99,
		amountMinor: 6_299,
		currency: "USD",
		progressPercentage: 37,
	});
	const refund = await post(`/api/payments/${id}/refund`, { reason: "Not for me" });
	assert.deepEqual(
		[refund.status, refund.body.status, refund.body.refundedAmount, refund.body.refunds.length],
		[200, "partially_refunded", 62.99, 1],
		JSON.stringify(refund.body),
	);
	assert.deepEqual(await booked(id, 2), bookings(6_299));
	const dropped = await eventually(
		() => get(own, token),
		({ body }) => body.status === "dropped",
	);
	assert.equal(dropped.body.progressPercentage, 37);
	await figures(
		({ body: { students, money } }) =>
			students === 1 && money[0].refundedMinor === 6_299 && money[0].netMinor === 13_699,
	);
	const mails = await eventually(
		() => get("/api/sandbox/mails", token),
		({ body }) =>
			body.items.some(({ subject }: { subject: string }) => subject === "Payment refunded"),
	);
	const told = (mails.body.items as { subject: string; text: string }[]).filter(
		({ subject }) => subject === "Payment refunded",
	);
	assert.equal(told.length, 1);
	assert.match(told[0]?.text ?? "", /We gave you \$62\.99 back\./);
	const again = await post(`/api/payments/${id}/refund`, {});
	assert.deepEqual([again.status, again.body.code], [409, "ALREADY_REFUNDED"]);

	const whole = await post(`/api/payments/${paymentId}/refund`, { amount: 99.99 }, adminToken);
	assert.deepEqual(
		[whole.status, whole.body.status, whole.body.refundedAmountMinor],
		[200, "refunded", 9_999],
		JSON.stringify(whole.body),
	);
	assert.deepEqual(await booked(paymentId, 2), bookings(9_999));
	const certificate = await eventually(
		() => get(`/api/certificates/${certificateId}`),
		({ body }) => body.revokedAt !== undefined,
	);
	const page = await fetch(`${base}${new URL(certificate.body.verifyUrl).pathname}`);
	assert.match(await page.text(), /<strong>Revoked<\/strong> on /);
	const { status, body } = await get(`/api/certificates/${certificateId}/jws`);
	assert.deepEqual([status, body.code], [409, "CERTIFICATE_REVOKED"]);
	await figures(({ body }) => body.students === 0 && body.money[0].netMinor === 3_700);
}
