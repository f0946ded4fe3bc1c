import assert from "node:assert/strict";
import { test } from "node:test";
import { problem } from "../../../kernel/errors.ts";
import { EnrollmentModel } from "../../../models/learning/enrollment.model.ts";
import { Admission, seatOf } from "../../../services/learning/enrollments/admission.ts";
import { Seats } from "../../../services/learning/enrollments/seats.ts";
import { payments } from "../../../services/money/payments/payments.contract.ts";
import { memoryCollection, StillClock } from "../../support/memory.ts";
import { outcome } from "../../support/outcome.ts";

const pair = { userId: "usr_1", courseId: "crs_1" };
const paid = {
	userId: pair.userId,
	payable: { kind: "course", id: pair.courseId },
	status: "captured",
	capturedAt: "2026-05-01T12:00:00.000Z",
};

/** Nobody's seat yet in a course that is changed by tests, and payments as their owner describes them. */
async function world(known: Record<string, object> = {}) {
	const seats = new Seats(await memoryCollection(EnrollmentModel), new StillClock());
	const course = { title: "Pottery", status: "published", priceMinor: 0, currency: "USD" };
	const givenBack: string[] = [];
	const call = async (action: string, { id }: { id: string }) => {
		if (action === "courses.describe") return { ...course, id };
		if (action === "payments.giveBack") return givenBack.push(id);
		const payment = known[id];
		if (payment instanceof Error) throw payment;
		if (!payment) throw problem(payments, "PAYMENT_NOT_FOUND");
		return { id, ...payment };
	};
	return {
		seats,
		course,
		givenBack,
		admission: (seed?: string) =>
			new Admission({
				seats,
				ctx: { call, headers: seed ? { seed } : {}, locals: {} } as never,
			}),
	};
}

test("a free seat is taken once; the request that took it is answered with it again", async () => {
	const { admission } = await world();
	const seat = await admission("key").enroll(pair);
	assert.equal(seat.status, "active");
	assert.equal((await admission("key").enroll(pair)).id, seat.id);
	assert.equal(await outcome(admission("other").enroll(pair)), "ALREADY_ENROLLED");
	assert.equal(await outcome(admission().enroll(pair)), "ALREADY_ENROLLED");
});

test("a priced seat is not to be had for nothing, one still paid for is, whatever became of the course", async () => {
	const { admission, course, seats } = await world();
	course.priceMinor = 4_900;
	assert.equal(await outcome(admission().enroll(pair)), "PAYMENT_REQUIRED");
	const { id } = await admission().buy(pair, "pay_1");
	await seats.drop({ headers: {}, locals: {} } as never, (await seats.find(pair)) as never);
	course.status = "archived";
	const again = await admission().enroll(pair);
	assert.deepEqual([again.id, again.status], [id, "active"]);
	assert.equal(await outcome(admission().enroll({ ...pair, userId: "usr_2" })), "COURSE_NOT_FOUND");
});

test("a price is quoted to who has no seat and paid for none", async () => {
	const { admission, course, seats } = await world();
	assert.equal(await outcome(admission().quote(pair)), "COURSE_IS_FREE");
	course.priceMinor = 4_900;
	const { title } = course;
	assert.deepEqual(await admission().quote(pair), { amountMinor: 4_900, currency: "USD", title });
	await admission().buy(pair, "pay_1");
	assert.equal(await outcome(admission().quote(pair)), "ALREADY_ENROLLED");
	await seats.drop({ headers: {}, locals: {} } as never, (await seats.find(pair)) as never);
	assert.equal(await outcome(admission().quote(pair)), "ALREADY_ENROLLED");
	course.status = "draft";
	assert.equal(await outcome(admission().quote({ ...pair, userId: "usr_2" })), "COURSE_NOT_FOUND");
});

test("a payment that bought nothing goes back, and no other", async () => {
	const { admission, givenBack } = await world();
	await admission().buy(pair, "pay_1");
	assert.deepEqual(givenBack, []);
	await admission().buy(pair, "pay_2");
	await admission().buy(pair, "pay_1");
	assert.deepEqual(givenBack, ["pay_2"]);
	await admission().buy(pair, "pay_2");
	assert.deepEqual(givenBack, ["pay_2", "pay_2"], "asked for again: its owner gives it back once");
});

const notForIt: Record<string, object> = {
	"somebody else's": { ...paid, userId: "usr_2" },
	"for another course": { ...paid, payable: { kind: "course", id: "crs_2" } },
	"for no course": { ...paid, payable: { kind: "book", id: "crs_1" } },
};
for (const [name, payment] of Object.entries(notForIt))
	test(`a payment that is ${name} buys no seat and gives none up`, async () => {
		const { admission, seats } = await world({ pay_1: payment });
		assert.equal(await outcome(admission().complete(pair, "pay_1")), "PAYMENT_NOT_CAPTURED");
		assert.equal(await outcome(admission().giveUp(pair, "pay_1")), "ENROLLMENT_NOT_FOUND");
		assert.equal(await seats.find(pair), null);
	});

test("a payment that is unknown or not captured buys no seat; where nobody knows, that is said", async () => {
	const open = { ...paid, status: "pending" };
	const { admission, seats } = await world({ pay_open: open, pay_away: new Error("away") });
	assert.equal(await outcome(admission().complete(pair, "pay_no")), "PAYMENT_NOT_CAPTURED");
	assert.equal(await outcome(admission().complete(pair, "pay_open")), "PAYMENT_NOT_CAPTURED");
	await assert.rejects(admission().complete(pair, "pay_away"), /away/);
	assert.equal(await seats.find(pair), null);
});

test("a seat given up before its capture was heard of is not opened by it", async () => {
	const { admission } = await world({ pay_1: paid });
	const { id } = await admission().giveUp(pair, "pay_1");
	const seat = await admission().complete(pair, "pay_1");
	assert.deepEqual([seat.id, seat.status, seat.payments], [id, "dropped", { pay_1: "refunded" }]);
});

test("only a payment for a course is for a seat", () => {
	const { userId } = pair;
	assert.deepEqual(seatOf({ userId, payable: { kind: "course", id: "crs_1" } }), pair);
	assert.equal(seatOf({ userId, payable: { kind: "book", id: "crs_1" } }), null);
});
