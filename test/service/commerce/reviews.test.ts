import assert from "node:assert/strict";
import { test } from "node:test";
import type { AuditRecord } from "../../../kernel/audit.ts";
import type { Params } from "../../../kernel/contract.ts";
import type { ReviewDoc } from "../../../models/commerce/review.model.ts";
import { eventually } from "../../support/http.ts";
import type { SignedUp } from "../../support/identity.ts";
import { as, asService, openSchool, outcome, placesOf, tally, twenty } from "../learning/school.ts";

const services = "identity,learning,engagement,money,commerce";
const nothing = "rev_0190f3c2-0000-7000-8000-000000000000";

test("reviews", async t => {
	const school = await openSchool(t, { SERVICES: services, MESH: services });
	const { call, node, teacher, student, person } = school;
	const [other, admin] = await Promise.all([person(), person("admin")]);
	const collection = school.store<ReviewDoc>("reviews", "reviews");

	const settled = async () => {
		await school.settled();
		await eventually(
			() => node.broker.call<{ pending: number }, object>("reviews.facts.sweep", {}),
			({ pending }) => pending === 0,
		);
	};
	const enroll = (courseId: string, who: SignedUp) =>
		call("enrollments.enroll", { courseId }, as(who));
	const drop = (courseId: string, who: SignedUp) =>
		call("enrollments.drop", { userId: who.user.id, courseId }, asService("payment-service"));
	const courseOf = async (...students: SignedUp[]) => {
		const { id } = await school.course();
		for (const one of students) await enroll(id, one);
		return id;
	};
	const review = (
		who: SignedUp,
		courseId: string,
		said: Partial<Params<"reviews.create">> = {},
		seed?: string,
	) => call("reviews.create", { courseId, rating: 5, ...said }, as(who, seed));
	const ratingOf = async (id: string) => {
		await settled();
		const { rating, ratingCount } = await call("courses.describe", { id });
		return [rating, ratingCount];
	};

	await t.test("are by who is enrolled, and change what the course shows", async () => {
		const courseId = await courseOf(student, other, teacher);
		const made = await review(student, courseId, { text: " Fine.\r\n\u202e<b>" });
		const { id, createdAt } = made;
		assert.match(id, /^rev_[0-9a-f-]{36}$/);
		assert.deepEqual(made, {
			id,
			subject: { kind: "course", id: courseId },
			courseId,
			author: { id: student.user.id, name: student.user.name },
			rating: 5,
			text: "Fine.\n<b>",
			counts: true,
			createdAt,
			updatedAt: createdAt,
		});
		const subject = { kind: "course", id: courseId };
		const second = { subject, rating: 2 };
		assert.equal((await call("reviews.create", second, as(other))).rating, 2);
		assert.equal(await outcome(review(teacher, courseId)), "REVIEW_NOT_ALLOWED");
		assert.equal(await outcome(review(admin, courseId)), "REVIEW_NOT_ALLOWED");
		assert.deepEqual(await ratingOf(courseId), [3.5, 2]);
		const draft = await school.course({ status: "draft" });
		for (const hidden of [draft.id, "crs_no"])
			assert.equal(await outcome(review(student, hidden)), "COURSE_NOT_FOUND");
	});

	await t.test("are of one subject that there is a kind of", async () => {
		const subject = { kind: "course", id: "crs_1" };
		for (const [params, path] of [
			[{ rating: 5 }, "/courseId"],
			[{ rating: 5, courseId: "crs_1", subject }, "/courseId"],
			[{ rating: 5, subject: { kind: "spell", id: "x" } }, "/subject/kind"],
			[{ rating: 0, courseId: "crs_1" }, "/rating"],
			[{ rating: 4.5, courseId: "crs_1" }, "/rating"],
			[{ rating: 6, courseId: "crs_1" }, "/rating"],
			[{ rating: 5, courseId: "crs_1", text: "x".repeat(4_001) }, "/text"],
		] as const)
			assert.deepEqual(
				await placesOf(call("reviews.create", params as never, as(student))),
				[path],
				JSON.stringify(params).slice(0, 60),
			);
		assert.deepEqual(await placesOf(call("reviews.list", {})), ["/courseId"]);
	});

	await t.test("are one for each user and subject, given twenty at once", async () => {
		const courseId = await courseOf(student);
		const given = await twenty(i => outcome(review(student, courseId, { rating: (i % 5) + 1 })));
		assert.deepEqual(tally(given), { ok: 1, ALREADY_REVIEWED: 19 });
		assert.equal((await ratingOf(courseId))[1], 1);
		const { items } = await call("reviews.mine", { courseId }, as(student));
		const again = review(student, courseId).catch(error => error.data.reviewId);
		assert.equal(await again, items[0]?.id);
	});

	await t.test("taken up again under the same seed are answered as the first time", async () => {
		const courseId = await courseOf(student);
		const made = await review(student, courseId, { text: "One" }, "key_1");
		assert.deepEqual(await review(student, courseId, { text: "One" }, "key_1"), made);
		assert.equal(await outcome(review(student, courseId, {}, "key_2")), "ALREADY_REVIEWED");
	});

	await t.test("are changed by their author alone", async () => {
		const courseId = await courseOf(student);
		const { id } = await review(student, courseId, { text: "Fine" });
		const update = (who: SignedUp, said: object) =>
			call("reviews.update", { id, ...said }, as(who));
		assert.deepEqual((await update(student, { rating: 2 })).text, "Fine");
		assert.deepEqual(await ratingOf(courseId), [2, 1]);
		assert.equal((await update(student, { text: "" })).text, undefined);
		for (const who of [other, teacher, admin])
			assert.equal(await outcome(update(who, { rating: 1 })), "FORBIDDEN");
		const missing = call("reviews.update", { id: nothing, rating: 1 }, as(student));
		assert.equal(await outcome(missing), "REVIEW_NOT_FOUND");
		await Promise.all([1, 2, 3, 4, 5, 4, 3].map(rating => update(student, { rating })));
		const [{ rating } = { rating: 0 }] = (await call("reviews.list", { courseId })).items;
		assert.deepEqual(await ratingOf(courseId), [rating, 1]);
	});

	await t.test(
		"count as long as their author has the course, in whatever order it is told",
		async () => {
			const courseId = await courseOf(student, other);
			await review(student, courseId, { rating: 1 });
			await review(other, courseId, { rating: 4 });
			await settled();
			await drop(courseId, student);
			assert.deepEqual(await ratingOf(courseId), [4, 1]);
			const shown = await call("reviews.list", { courseId, sort: "rating" });
			assert.deepEqual(
				shown.items.map(({ rating, counts }) => [rating, counts]),
				[
					[1, false],
					[4, true],
				],
			);
			assert.deepEqual([shown.ratingCount, shown.ratingSum, shown.byRating[4]], [1, 4, 1]);
			await enroll(courseId, student);
			assert.deepEqual(await ratingOf(courseId), [2.5, 2]);
			for (const fact of school.told("enrollment.dropped").slice(-1))
				await school.tellAgain("reviews", fact);
			assert.deepEqual(await ratingOf(courseId), [2.5, 2]);
			for (const fact of school.told("review.changed")) await school.tellAgain("courses", fact);
			assert.deepEqual(await ratingOf(courseId), [2.5, 2]);
		},
	);

	await t.test("given while the course is given back do not count", async st => {
		const courseId = await courseOf(student);
		const insert = collection.insert.bind(collection);
		const late = st.mock.method(
			collection,
			"insert",
			async (...args: Parameters<typeof insert>) => {
				await drop(courseId, student);
				await school.settled();
				return insert(...args);
			},
		);
		await review(student, courseId);
		late.mock.restore();
		assert.deepEqual(await ratingOf(courseId), [undefined, 0]);
	});

	await t.test("changed while the course is given back do not count either", async st => {
		const courseId = await courseOf(student);
		const { id } = await review(student, courseId);
		await settled();
		const advance = collection.advance.bind(collection);
		const late = st.mock.method(
			collection,
			"advance",
			async (...args: Parameters<typeof advance>) => {
				late.mock.restore();
				await drop(courseId, student);
				await settled();
				return advance(...args);
			},
		);
		const { rating, counts } = await call("reviews.update", { id, rating: 2 }, as(student));
		assert.deepEqual([rating, counts], [2, false]);
		assert.deepEqual(await ratingOf(courseId), [undefined, 0]);
	});

	await t.test("have one reply of who teaches the course", async () => {
		const courseId = await courseOf(student);
		const { id } = await review(student, courseId);
		const reply = (who: SignedUp, text: string) => call("reviews.reply", { id, text }, as(who));
		for (const who of [student, other, admin, await person("teacher")])
			assert.equal(await outcome(reply(who, "Thanks")), "FORBIDDEN");
		assert.deepEqual(await placesOf(reply(teacher, "\u202e")), ["/text"]);
		const { reply: made } = await reply(teacher, " Thanks ");
		assert.deepEqual([made?.text, made?.userId], ["Thanks", teacher.user.id]);
		assert.deepEqual((await reply(teacher, "Thanks")).reply, made);
		assert.equal(await outcome(reply(teacher, "Thanks again")), "ALREADY_REPLIED");
	});

	await t.test("are taken away whole, and can be given again", async () => {
		const courseId = await courseOf(student);
		const { id } = await review(student, courseId, { text: "Words", rating: 1 });
		await call("reviews.reply", { id, text: "Why?" }, as(teacher));
		const remove = (who: SignedUp) => outcome(call("reviews.remove", { id }, as(who)));
		for (const who of [other, teacher]) assert.equal(await remove(who), "FORBIDDEN");
		assert.equal(await remove(admin), "ok");
		assert.equal(await remove(student), "REVIEW_NOT_FOUND");
		assert.deepEqual(await ratingOf(courseId), [undefined, 0]);
		assert.equal((await call("reviews.list", { courseId })).total, 0);
		assert.equal((await call("reviews.mine", { courseId }, as(student))).total, 0);
		assert.ok(!JSON.stringify(await collection.get(id)).match(/Words|Why/));
		const records = school.told("review.audited").map(({ data }) => data as AuditRecord);
		assert.deepEqual(
			records.map(({ action, by, on }) => [action, by.userId, on.id]),
			[["reviews.remove", admin.user.id, id]],
		);
		const again = await review(student, courseId, { rating: 3 });
		assert.deepEqual([again.id, again.text, again.reply], [id, undefined, undefined]);
		assert.deepEqual(await ratingOf(courseId), [3, 1]);
	});

	await t.test("are listed page by page with their authors' names", async () => {
		const authors = await twenty(() => person());
		const courseId = await courseOf(...authors);
		await Promise.all(authors.map((who, i) => review(who, courseId, { rating: (i % 5) + 1 })));
		const seen: string[] = [];
		for (let cursor: string | undefined; ; ) {
			const page = await call("reviews.list", {
				courseId,
				pageSize: 6,
				sort: "-rating",
				...(cursor && { cursor }),
			});
			seen.push(...page.items.map(({ rating, author }) => `${rating} ${author.id} ${author.name}`));
			cursor = page.nextCursor;
			if (!cursor) break;
		}
		assert.deepEqual(
			seen.toSorted(),
			authors.map(({ user }, i) => `${(i % 5) + 1} ${user.id} ${user.name}`).toSorted(),
		);
		assert.deepEqual(seen.map(line => line[0]).join(""), "55554444333322221111");
	});
});
