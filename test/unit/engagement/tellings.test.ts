import assert from "node:assert/strict";
import { test } from "node:test";
import { notificationTypes } from "../../../services/engagement/notifications/kinds.ts";
import { type Telling, tellings } from "../../../services/engagement/notifications/tellings.ts";
import { write } from "../../../services/engagement/notifications/words.ts";

const fact = {
	userId: "usr_1",
	teacherId: "usr_2",
	courseId: "crs_1",
	enrollmentId: "enr_1",
	certificateId: "crt_1",
	lectureId: "lec_1",
	paymentId: "pay_1",
	refundId: "ref_1",
	amountMinor: 4_900,
	currency: "EUR",
	reason: "card_declined",
	provider: "sandbox-card",
};
const told = (type: (typeof notificationTypes)[number]) =>
	(tellings[type] as unknown as (data: typeof fact) => Telling)(fact);

test("a telling has all that its words need, and the course's title where they name it", () => {
	for (const type of notificationTypes) {
		const { data, said, courseId } = told(type);
		const course = courseId && { course: "Clay" };
		const { title } = write(type, { ...data, ...said, ...course });
		assert.equal(title.includes("Clay"), courseId !== undefined, type);
	}
});

test("a lecture is told to its teacher, all else to the user", () => {
	for (const type of notificationTypes)
		assert.equal(told(type).userId, type === "lecture.ready" ? "usr_2" : "usr_1", type);
});

test("a notification carries the ids and amounts of its fact, and nothing else of it", () => {
	const money = { amountMinor: 4_900, currency: "EUR" };
	assert.deepEqual(Object.fromEntries(notificationTypes.map(type => [type, told(type).data])), {
		"enrollment.activated": { courseId: "crs_1", enrollmentId: "enr_1" },
		"enrollment.completed": { courseId: "crs_1", enrollmentId: "enr_1" },
		"certificate.issued": { certificateId: "crt_1", courseId: "crs_1" },
		"lecture.ready": { lectureId: "lec_1", courseId: "crs_1" },
		"payment.captured": { paymentId: "pay_1", ...money },
		"payment.failed": { paymentId: "pay_1" },
		"payment.refunded": { paymentId: "pay_1", refundId: "ref_1", ...money },
		"payment.refund_failed": { paymentId: "pay_1", refundId: "ref_1", ...money },
		"account.password_changed": {},
	});
	assert.deepEqual(told("payment.captured").said, { money: "€49.00" });
	assert.deepEqual(told("payment.failed").said, { reason: "card_declined" });
});
