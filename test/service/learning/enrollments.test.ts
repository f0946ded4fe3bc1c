import assert from "node:assert/strict";
import { test } from "node:test";
import type { StoredFact } from "../../../kernel/facts/contract.ts";
import type { EnrollmentDoc } from "../../../models/learning/enrollment.model.ts";
import type { SignedUp } from "../../support/identity.ts";
import {
	as,
	asService,
	openSchool,
	outcome,
	placesOf,
	type School,
	tally,
	twenty,
} from "./school.ts";

const crs = "crs_0190f3c2-0000-7000-8000-000000000000";
const payer = asService("payment-service");

/** What the tests of enrollments say often. */
const words = ({ call, store }: School) => ({
	enroll: (who: SignedUp, courseId: string, seed?: string) =>
		call("enrollments.enroll", { courseId }, as(who, seed)),
	drop: ({ user }: SignedUp, courseId: string, paymentId?: string) =>
		call("enrollments.drop", { userId: user.id, courseId, ...(paymentId && { paymentId }) }, payer),
	complete: ({ user }: SignedUp, courseId: string, paymentId: string) =>
		call("enrollments.complete", { userId: user.id, courseId, paymentId }, payer),
	mine: (who: SignedUp, courseId: string) => call("enrollments.getByCourse", { courseId }, as(who)),
	report: (who: SignedUp, courseId: string, progressPercentage: number, totalWatchTime = 0) =>
		call("enrollments.progress", { courseId, progressPercentage, totalWatchTime }, as(who)),
	count: async (courseId: string) => (await call("courses.get", { id: courseId })).enrollmentCount,
	seats: store<EnrollmentDoc>("enrollments", "enrollments"),
});

test("enrolling", async t => {
	const school = await openSchool(t);
	const { call, course, teacher, student, person, settled, told } = school;
	const { enroll, drop, mine, report, count, seats } = words(school);

	await t.test("in a free course gives a seat, once", async () => {
		const { id: courseId } = await course();
		const seat = await enroll(student, courseId);
		assert.match(seat.id, /^enr_[0-9a-f-]{36}$/);
		assert.deepEqual(seat, {
			id: seat.id,
			courseId,
			userId: student.user.id,
			status: "active",
			progressPercentage: 0,
			totalWatchTime: 0,
			enrolledAt: seat.enrolledAt,
		});
		assert.ok(Math.abs(Date.parse(seat.enrolledAt) - Date.now()) < 60_000);
		assert.equal(await outcome(enroll(student, courseId)), "ALREADY_ENROLLED");
		assert.deepEqual(await mine(student, courseId), seat);
		assert.deepEqual(await call("enrollments.get", { id: seat.id }, as(student)), seat);
		await settled();
		assert.equal(await count(courseId), 1);
		assert.deepEqual(
			told("enrollment.activated").map(({ subjectId, data }) => [subjectId, data]),
			[[seat.id, { enrollmentId: seat.id, userId: student.user.id, courseId }]],
		);
	});

	await t.test("in a paid one says what it costs", async () => {
		const { id: courseId } = await course({ price: 1_050, currency: "JPY" });
		await assert.rejects(enroll(student, courseId), {
			type: "PAYMENT_REQUIRED",
			code: 402,
			data: { courseId, amount: 1_050, amountMinor: 1_050, currency: "JPY" },
		});
		assert.equal(await outcome(mine(student, courseId)), "ENROLLMENT_NOT_FOUND");
	});

	await t.test("is for courses on sale and for who is signed in", async () => {
		const { id: draft } = await course({ status: "draft" });
		const { id: archived } = await course({ status: "archived" });
		for (const courseId of [draft, archived, crs, "no.such", "__proto__"])
			for (const who of [student, teacher])
				assert.equal(await outcome(enroll(who, courseId)), "COURSE_NOT_FOUND");
		assert.equal(await outcome(call("enrollments.enroll", { courseId: crs })), "UNAUTHENTICATED");
		for (const params of [{}, { courseId: "" }, { courseId: 7 }])
			assert.deepEqual(await placesOf(call("enrollments.enroll", params as never, as(student))), [
				"/courseId",
			]);
	});

	await t.test("is open to teachers, in their own course too", async () => {
		const { id } = await course();
		assert.equal((await enroll(teacher, id)).userId, teacher.user.id);
	});

	await t.test("twenty times at once gives one seat and tells it once", async () => {
		const { id: courseId } = await course();
		const before = told("enrollment.activated").length;
		const outcomes = await twenty(() => outcome(enroll(student, courseId)));
		assert.deepEqual(tally(outcomes), { ok: 1, ALREADY_ENROLLED: 19 });
		await settled();
		assert.equal(told("enrollment.activated").length, before + 1);
		assert.equal(await seats.count({ courseId }), 1);
		assert.equal(await count(courseId), 1);
	});

	await t.test("taken up again under the same seed is the first answer", async () => {
		const { id: courseId } = await course();
		const first = await enroll(student, courseId, "key_enroll");
		assert.deepEqual(await enroll(student, courseId, "key_enroll"), first);
		assert.equal(await outcome(enroll(student, courseId, "key_other")), "ALREADY_ENROLLED");
		await drop(student, courseId);
		const again = await enroll(student, courseId, "key_again");
		assert.deepEqual([again.id, again.status], [first.id, "active"]);
		assert.deepEqual(await enroll(student, courseId, "key_again"), again);
		assert.equal(await outcome(enroll(student, courseId)), "ALREADY_ENROLLED");
	});

	await t.test("again after a drop keeps id and progress", async () => {
		const { id: courseId } = await course();
		const { id, enrolledAt } = await enroll(student, courseId);
		await report(student, courseId, 42.5, 60);
		await drop(student, courseId);
		assert.equal((await mine(student, courseId)).status, "dropped");
		assert.equal(await outcome(report(student, courseId, 50)), "ENROLLMENT_NOT_FOUND");
		assert.deepEqual(await enroll(student, courseId), {
			id,
			courseId,
			userId: student.user.id,
			status: "active",
			progressPercentage: 42.5,
			totalWatchTime: 60,
			enrolledAt,
		});
		await drop(student, courseId);
		await call("courses.update", { id: courseId, price: 5 }, as(teacher));
		assert.equal(await outcome(enroll(student, courseId)), "PAYMENT_REQUIRED", "it never was paid");
		await call("courses.archive", { id: courseId }, as(teacher));
		assert.equal(await outcome(enroll(student, courseId)), "COURSE_NOT_FOUND");
	});

	await t.test("leaves the count right after any race", async () => {
		const { id: courseId } = await course();
		const people = await twenty(() => person());
		await Promise.all(people.map(who => enroll(who, courseId)));
		await settled();
		assert.equal(await count(courseId), 20);
		await Promise.all(
			people.map(async (who, i) => {
				if (i % 4 === 0) return drop(who, courseId);
				if (i % 4 === 1) return report(who, courseId, 100);
				if (i % 4 === 2) return drop(who, courseId).then(() => enroll(who, courseId));
				return outcome(enroll(who, courseId));
			}),
		);
		await settled();
		assert.equal(await count(courseId), 15);
		assert.deepEqual(await call("enrollments.count", { courseId }), { count: 15 });
	});
});

test("who sees enrollments", async t => {
	const school = await openSchool(t);
	const { call, course, teacher, student, person } = school;
	const { enroll, drop } = words(school);
	const [other, admin, mate] = await Promise.all([person("teacher"), person("admin"), person()]);
	const { id: courseId } = await course();
	const { id: second } = await course();
	const own = await enroll(student, courseId);
	const theirs = await enroll(mate, courseId);
	const elsewhere = await enroll(student, second);
	await drop(mate, courseId);
	const list = async (who: SignedUp, params: object = {}) =>
		(await call("enrollments.list", params, as(who))).items.map(({ id }) => id);

	await t.test("in a list: one's own; all of a course its teacher", async () => {
		assert.deepEqual(await list(student), [elsewhere.id, own.id]);
		assert.deepEqual(await list(student, { courseId }), [own.id]);
		assert.deepEqual(await list(mate), [theirs.id], "a dropped one too");
		assert.deepEqual(await list(teacher), []);
		assert.deepEqual(await list(teacher, { courseId }), [theirs.id, own.id]);
		for (const who of [other, admin]) assert.deepEqual(await list(who, { courseId }), []);
		assert.deepEqual(await list(teacher, { courseId: crs }), []);
		assert.equal(await outcome(call("enrollments.list", {})), "UNAUTHENTICATED");
	});

	await t.test("one by one: one's own, and its teacher", async () => {
		const get = (who: SignedUp, id = own.id) => outcome(call("enrollments.get", { id }, as(who)));
		for (const who of [student, teacher]) assert.equal(await get(who), "ok");
		for (const who of [mate, other, admin]) assert.equal(await get(who), "ENROLLMENT_NOT_FOUND");
		for (const id of ["enr_1", "no.such", "__proto__"])
			for (const who of [student, teacher])
				assert.equal(await get(who, id), "ENROLLMENT_NOT_FOUND");
	});

	await t.test("by course: one's own alone", async () => {
		const mine = (who: SignedUp, id = courseId) =>
			call("enrollments.getByCourse", { courseId: id }, as(who));
		assert.equal((await mine(student)).id, own.id);
		assert.equal((await mine(mate)).status, "dropped");
		for (const who of [teacher, other])
			assert.equal(await outcome(mine(who)), "ENROLLMENT_NOT_FOUND");
		assert.equal(await outcome(mine(student, "no such")), "ENROLLMENT_NOT_FOUND");
	});

	await t.test("page by page", async () => {
		const first = await call("enrollments.list", { courseId, pageSize: 1 }, as(teacher));
		assert.deepEqual([first.total, first.items[0]?.id], [2, theirs.id]);
		const rest = { courseId, pageSize: 1, cursor: first.nextCursor as string };
		assert.deepEqual(await list(teacher, rest), [own.id]);
		assert.deepEqual(await list(teacher, { courseId, pageSize: 1, page: 2 }), [own.id]);
		assert.deepEqual(await list(mate, rest), [], "a cursor shows nobody else's");
	});

	await t.test("who lost the role is the teacher of nothing", async () => {
		const { user, token } = other;
		const { id } = await course({}, other);
		const { id: seat } = await enroll(student, id);
		assert.deepEqual(await list(other, { courseId: id }), [seat]);
		await call("users.setRoles", { id: user.id, roles: ["student"] }, as(admin));
		const { accessToken } = await call("auth.login", other);
		assert.notEqual(accessToken, token);
		assert.deepEqual(await list({ ...other, token: accessToken }, { courseId: id }), []);
		const change = call("courses.update", { id, title: "T" }, as({ token: accessToken }));
		assert.equal(await outcome(change), "FORBIDDEN");
	});
});

test("progress", async t => {
	const school = await openSchool(t);
	const { call, course, student, settled, told } = school;
	const { enroll, drop, mine, report } = words(school);
	const seated = async () => {
		const { id } = await course();
		await enroll(student, id);
		return id;
	};

	await t.test("is kept to two decimals, rounded down, and never goes back", async () => {
		const courseId = await seated();
		const shown = async (percent: number, seconds: number) => {
			const { progressPercentage, totalWatchTime } = await report(
				student,
				courseId,
				percent,
				seconds,
			);
			return [progressPercentage, totalWatchTime];
		};
		assert.deepEqual(await shown(75.5, 3_600), [75.5, 3_600]);
		assert.deepEqual(await shown(75.559, 10), [75.55, 3_600]);
		assert.deepEqual(await shown(10, 4_000), [75.55, 4_000]);
		assert.deepEqual(await shown(99.999_999_999_9, 4_000), [99.99, 4_000]);
		assert.equal((await mine(student, courseId)).status, "active");
	});

	await t.test("completes at 100, once, for good", async () => {
		const courseId = await seated();
		const done = await report(student, courseId, 100, 5);
		assert.equal(done.status, "completed");
		assert.ok(Math.abs(Date.parse(done.completedAt ?? "") - Date.now()) < 60_000);
		assert.deepEqual(await report(student, courseId, 3, 1), done);
		await settled();
		const completed = told("enrollment.completed");
		assert.deepEqual(
			completed.map(({ data }) => data),
			[{ enrollmentId: done.id, userId: student.user.id, courseId }],
		);
	});

	await t.test("that was completed outlives a drop", async () => {
		const courseId = await seated();
		const done = await report(student, courseId, 100);
		await drop(student, courseId);
		const dropped = await mine(student, courseId);
		assert.deepEqual(dropped, { ...done, status: "dropped" });
		assert.equal(await outcome(report(student, courseId, 100)), "ENROLLMENT_NOT_FOUND");
		assert.deepEqual(await enroll(student, courseId), done);
		await settled();
		const ofThis = told("enrollment.completed").filter(({ data }) => data.courseId === courseId);
		assert.equal(ofThis.length, 1);
	});

	await t.test(
		"reported twenty times at once is the most of each, and completes once",
		async () => {
			const courseId = await seated();
			await twenty(i => report(student, courseId, i * 4, 1_000 - i));
			const { progressPercentage, totalWatchTime, status } = await mine(student, courseId);
			assert.deepEqual([progressPercentage, totalWatchTime, status], [76, 1_000, "active"]);
			const answers = await twenty(i => report(student, courseId, i % 2 ? 100 : 80, i));
			assert.equal(new Set(answers.flatMap(a => a.completedAt ?? [])).size, 1);
			await settled();
			const ofThis = told("enrollment.completed").filter(({ data }) => data.courseId === courseId);
			assert.equal(ofThis.length, 1);
		},
	);

	await t.test("reported while it is dropped changes nothing after the drop", async () => {
		const courseId = await seated();
		await twenty(i =>
			outcome(i === 7 ? drop(student, courseId) : report(student, courseId, i === 12 ? 100 : i)),
		);
		assert.equal((await mine(student, courseId)).status, "dropped");
	});

	await t.test("that does not fit is refused where it is", async () => {
		const courseId = await seated();
		const fine = { courseId, progressPercentage: 1, totalWatchTime: 1 };
		for (const [more, path] of [
			[{ progressPercentage: -0.01 }, "/progressPercentage"],
			[{ progressPercentage: 100.01 }, "/progressPercentage"],
			[{ progressPercentage: "75" }, "/progressPercentage"],
			[{ progressPercentage: Number.NaN }, "/progressPercentage"],
			[{ progressPercentage: undefined }, "/progressPercentage"],
			[{ totalWatchTime: -1 }, "/totalWatchTime"],
			[{ totalWatchTime: null }, "/totalWatchTime"],
			[{ totalWatchTime: undefined }, "/totalWatchTime"],
		] as const) {
			const wrong = JSON.parse(JSON.stringify({ ...fine, ...more }));
			assert.deepEqual(
				await placesOf(call("enrollments.progress", wrong, as(student))),
				[path],
				JSON.stringify(wrong),
			);
		}
		assert.equal(await outcome(call("enrollments.progress", fine)), "UNAUTHENTICATED");
		const elsewhere = { ...fine, courseId: "no such" };
		assert.equal(
			await outcome(call("enrollments.progress", elsewhere, as(student))),
			"ENROLLMENT_NOT_FOUND",
		);
	});
});

test("seats that are paid for", async t => {
	const school = await openSchool(t);
	const { call, course, teacher, student, person, pay, settled, told, tellAgain } = school;
	const { enroll, drop, complete, mine, report, count, seats } = words(school);
	const capturedBy = (paymentId: string) =>
		told("payment.captured").find(({ data }) => data.paymentId === paymentId) as StoredFact;
	const bought = async (who = student) => {
		const { id: courseId } = await course({ price: 99.99 });
		const paymentId = await pay(who, courseId);
		return { courseId, paymentId, seat: await mine(who, courseId) };
	};

	await t.test("come with the capture, and are told with their payment", async () => {
		const { courseId, paymentId, seat } = await bought();
		assert.deepEqual([seat.status, seat.progressPercentage], ["active", 0]);
		assert.equal(await count(courseId), 1);
		const activated = told("enrollment.activated").filter(({ subjectId }) => subjectId === seat.id);
		assert.deepEqual(
			activated.map(({ data }) => data.paymentId),
			[paymentId],
		);
		assert.equal(await outcome(enroll(student, courseId)), "ALREADY_ENROLLED");
		const quoted = call("enrollments.quote", { id: courseId, userId: student.user.id });
		assert.equal(await outcome(quoted), "ALREADY_ENROLLED");
	});

	await t.test(
		"are completed by the payment that covers them, the same on every repeat",
		async () => {
			const { courseId, paymentId, seat } = await bought();
			const answer = { success: true, enrollmentId: seat.id };
			for (const again of await twenty(() => complete(student, courseId, paymentId)))
				assert.deepEqual(again, answer);
			const other = await bought();
			const mate = await person();
			for (const [who, of, payment] of [
				[student, courseId, other.paymentId],
				[mate, courseId, paymentId],
				[student, crs, paymentId],
				[student, courseId, "pay_no"],
				[student, courseId, "payments.x"],
			] as const)
				assert.equal(await outcome(complete(who, of, payment)), "PAYMENT_NOT_CAPTURED");
			const { id: unpaid } = await course({ price: 5 });
			const wanted = { courseId: unpaid, paymentMethod: "stripe" } as const;
			const open = await call("payments.create", wanted, as(student));
			assert.equal(await outcome(complete(student, unpaid, open.id)), "PAYMENT_NOT_CAPTURED");
			assert.equal(await outcome(mine(student, unpaid)), "ENROLLMENT_NOT_FOUND");
		},
	);

	await t.test("are completed and dropped by two other systems, and by nobody else", async () => {
		const { courseId, paymentId } = await bought();
		const pair = { userId: student.user.id, courseId };
		const attempts = (who: object) =>
			Promise.all([
				outcome(call("enrollments.complete", { ...pair, paymentId }, who)),
				outcome(call("enrollments.drop", { ...pair, courseId: crs }, who)),
			]);
		assert.deepEqual(await attempts({}), ["UNAUTHENTICATED", "UNAUTHENTICATED"]);
		for (const who of [as(student), as(await person("admin")), asService("file-service")])
			assert.deepEqual(await attempts(who), ["FORBIDDEN", "FORBIDDEN"]);
		for (const name of ["payment-service", "course-service"])
			assert.deepEqual(await attempts(asService(name)), ["ok", "ENROLLMENT_NOT_FOUND"]);
		for (const params of [{ courseId }, { userId: "u" }, { ...pair, reason: 7 }])
			assert.equal((await placesOf(call("enrollments.drop", params as never, payer))).length, 1);
	});

	await t.test(
		"once dropped are taken up again without paying, until the money went back",
		async () => {
			const { courseId, paymentId, seat } = await bought();
			await report(student, courseId, 30);
			const answer = { success: true, enrollmentId: seat.id };
			for (let repeat = 0; repeat < 3; repeat++)
				assert.deepEqual(await drop(student, courseId), answer);
			await settled();
			assert.equal(await count(courseId), 0);
			const pay = { courseId, paymentMethod: "stripe" } as const;
			assert.equal(await outcome(call("payments.create", pay, as(student))), "ALREADY_ENROLLED");
			const again = await enroll(student, courseId);
			assert.deepEqual([again.id, again.status, again.progressPercentage], [seat.id, "active", 30]);
			await drop(student, courseId);
			await call("courses.archive", { id: courseId }, as(teacher));
			assert.equal(
				(await enroll(student, courseId)).status,
				"active",
				"it is paid, on sale or not",
			);
			await call("courses.update", { id: courseId, status: "published" }, as(teacher));

			await drop(student, courseId);
			assert.deepEqual(await drop(student, courseId, paymentId), answer, "refunded after the drop");
			assert.equal(await outcome(enroll(student, courseId)), "PAYMENT_REQUIRED");
			assert.deepEqual(await complete(student, courseId, paymentId), answer);
			assert.equal((await mine(student, courseId)).status, "dropped");
			const dropped = told("enrollment.dropped").filter(({ subjectId }) => subjectId === seat.id);
			assert.equal(dropped.length, 3);
		},
	);

	await t.test("are bought again after a refund", async () => {
		const { courseId, paymentId, seat } = await bought();
		await drop(student, courseId, paymentId);
		assert.equal(await outcome(enroll(student, courseId)), "PAYMENT_REQUIRED");
		const next = await pay(student, courseId);
		assert.notEqual(next, paymentId);
		assert.deepEqual(
			[(await mine(student, courseId)).id, (await mine(student, courseId)).status],
			[seat.id, "active"],
		);
		const { payments } = (await seats.get(seat.id)) as EnrollmentDoc;
		assert.deepEqual(payments, { [paymentId]: "refunded", [next]: "captured" });
	});

	await t.test("are not given twice, nor given back, by a capture that is told again", async () => {
		const { courseId, paymentId, seat } = await bought();
		const activated = () =>
			told("enrollment.activated").filter(({ subjectId }) => subjectId === seat.id).length;
		await tellAgain("enrollments", capturedBy(paymentId));
		assert.deepEqual([await mine(student, courseId), activated()], [seat, 1]);
		await drop(student, courseId);
		await tellAgain("enrollments", capturedBy(paymentId));
		assert.equal((await mine(student, courseId)).status, "dropped");
		await enroll(student, courseId);
		await drop(student, courseId, paymentId);
		await tellAgain("enrollments", capturedBy(paymentId));
		assert.equal((await mine(student, courseId)).status, "dropped");
		assert.equal(activated(), 2);
	});

	await t.test("are not given by a capture that is told after its refund", async () => {
		const { courseId, paymentId, seat } = await bought();
		await settled();
		await seats.remove({ id: seat.id });
		const { enrollmentId } = await drop(student, courseId, paymentId);
		assert.notEqual(enrollmentId, seat.id);
		await tellAgain("enrollments", capturedBy(paymentId));
		assert.equal((await mine(student, courseId)).status, "dropped");
		assert.equal(await outcome(enroll(student, courseId)), "PAYMENT_REQUIRED");
		assert.deepEqual(
			await call("enrollments.drop", { userId: student.user.id, courseId, paymentId }, payer),
			{ success: true, enrollmentId },
		);
	});

	await t.test("of nobody are not dropped, whatever payment is named", async () => {
		const { courseId, paymentId } = await bought();
		const mate = await person();
		assert.equal(await outcome(drop(mate, courseId)), "ENROLLMENT_NOT_FOUND");
		for (const foreign of [paymentId, "pay_no", "a.b", "$set", "__proto__"])
			assert.equal(await outcome(drop(mate, courseId, foreign)), "ENROLLMENT_NOT_FOUND");
		assert.equal(await outcome(mine(mate, courseId)), "ENROLLMENT_NOT_FOUND");
		const other = await bought();
		for (const foreign of [other.paymentId, "a.b", "$set", "__proto__", "constructor"])
			await drop(student, courseId, foreign);
		assert.equal((await enroll(student, courseId)).status, "active", "nothing was refunded");
	});

	await t.test("hold whatever is told and asked at once", async () => {
		for (let round = 0; round < 5; round++) {
			const { courseId, paymentId, seat } = await bought();
			await drop(student, courseId);
			const outcomes = await twenty(i => {
				if (i % 4 === 0) return outcome(enroll(student, courseId));
				if (i % 4 === 1) return outcome(complete(student, courseId, paymentId));
				if (i % 4 === 2) return outcome(report(student, courseId, i));
				return outcome(drop(student, courseId, i > 10 ? paymentId : undefined));
			});
			const allowed = ["ok", "ALREADY_ENROLLED", "ENROLLMENT_NOT_FOUND", "PAYMENT_REQUIRED"];
			assert.deepEqual(
				outcomes.filter(code => !allowed.includes(code ?? "")),
				[],
			);
			const end = (await seats.get(seat.id)) as EnrollmentDoc;
			assert.deepEqual([end.status, end.payments], ["dropped", { [paymentId]: "refunded" }]);
			await settled();
			assert.equal(await count(courseId), 0);
			assert.equal(await seats.count({ courseId }), 1);
		}
	});
});

test("what other services ask of enrollments", async t => {
	const school = await openSchool(t);
	const { call, course, student, pay, person } = school;
	const { enroll, drop, mine } = words(school);
	const userId = student.user.id;

	await t.test("the price of a course for a user, in minor units", async () => {
		const { id } = await course({ title: "Yen", price: 1_050, currency: "JPY" });
		const { id: free } = await course();
		const { id: draft } = await course({ price: 5, status: "draft" });
		const quote = (course: string) => call("enrollments.quote", { id: course, userId });
		assert.deepEqual(await quote(id), { amountMinor: 1_050, currency: "JPY", title: "Yen" });
		assert.equal(await outcome(quote(free)), "COURSE_IS_FREE");
		for (const none of [draft, crs]) assert.equal(await outcome(quote(none)), "COURSE_NOT_FOUND");
		await enroll(student, free);
		assert.equal(await outcome(quote(free)), "ALREADY_ENROLLED");
		await drop(student, free);
		assert.equal(await outcome(quote(free)), "COURSE_IS_FREE");
	});

	await t.test("what a payment led to", async () => {
		const { id } = await course({ price: 5 });
		const fulfilment = async (paymentId: string) =>
			(await call("enrollments.fulfilment", { id, userId, paymentId })).enrollment;
		assert.equal(await fulfilment("pay_1"), null);
		const paymentId = await pay(student, id);
		assert.deepEqual(await fulfilment(paymentId), await mine(student, id));
		assert.equal(await fulfilment("pay_1"), null);
	});

	await t.test("who is enrolled", async () => {
		const { id: courseId } = await course();
		const enrolled = async (who: SignedUp) =>
			(await call("enrollments.isEnrolled", { userId: who.user.id, courseId })).enrolled;
		await enroll(student, courseId);
		assert.deepEqual([await enrolled(student), await enrolled(await person())], [true, false]);
		await drop(student, courseId);
		assert.equal(await enrolled(student), false);
	});
});
