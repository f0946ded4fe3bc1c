import assert from "node:assert/strict";
import { test } from "node:test";
import { newId } from "../../../kernel/ids.ts";
import type { NotificationDoc } from "../../../models/engagement/notification.model.ts";
import type { SignedUp } from "../../support/identity.ts";
import { as, openSchool, outcome, placesOf, type School, twenty } from "../learning/school.ts";

const inboxOf = ({ call, settled }: School) => ({
	/** Everything that has happened, as its user sees it. */
	async inbox(who: SignedUp, params: object = {}) {
		await settled();
		return call("notifications.list", params, as(who));
	},
	read: (who: SignedUp, id: string) => call("notifications.read", { id }, as(who)),
	readAll: (who: SignedUp) => call("notifications.readAll", {}, as(who)),
});

test("notifications of what happened", async t => {
	const school = await openSchool(t);
	const { call, course, person, pay, told, tellAgain, settled } = school;
	const { inbox } = inboxOf(school);
	const enroll = (who: SignedUp, courseId: string) =>
		call("enrollments.enroll", { courseId }, as(who));
	const finish = (who: SignedUp, courseId: string) =>
		call("enrollments.progress", { courseId, progressPercentage: 100, totalWatchTime: 1 }, as(who));

	await t.test("tell of each thing once, as of when it happened", async () => {
		const who = await person();
		const { id: courseId } = await course({ title: "Pottery", price: 99.99 });
		const paymentId = await pay(who, courseId);
		await settled();
		await finish(who, courseId);
		const { items, total, unread } = await inbox(who);
		assert.deepEqual([total, unread], [3, 3]);
		const { id: enrollmentId } = await call("enrollments.getByCourse", { courseId }, as(who));
		const byType = new Map(items.map(({ id, type, createdAt, ...rest }) => [type, rest]));
		const enrolled = { courseId, enrollmentId };
		assert.deepEqual(Object.fromEntries(byType), {
			"payment.captured": {
				title: "Payment received",
				body: "We received $99.99.",
				data: { paymentId, amountMinor: 9_999, currency: "USD" },
				readAt: null,
			},
			"enrollment.activated": {
				title: "You are enrolled in Pottery",
				body: "The course is open to you.",
				data: enrolled,
				readAt: null,
			},
			"enrollment.completed": {
				title: "You completed Pottery",
				body: "Well done.",
				data: enrolled,
				readAt: null,
			},
		});
		for (const { id, type, createdAt } of items) {
			assert.match(id, /^ntf_[0-9a-f-]{36}$/);
			const fact = told(type).find(({ data }) => data.userId === who.user.id);
			assert.equal(createdAt, fact?.at);
		}
		assert.equal(items[0]?.type, "enrollment.completed", "newest first");
	});

	await t.test("tell of an attempt to pay that failed, and of the next one", async () => {
		const who = await person();
		const { id: courseId } = await course({ price: 5 });
		const wanted = { courseId, paymentMethod: "stripe" } as const;
		const { id } = await call("payments.create", wanted, as(who));
		for (let attempt = 1; attempt <= 2; attempt++) {
			await call("sandbox.complete", { id, outcome: "decline" }, as(who));
			const { items, unread } = await inbox(who);
			assert.equal(unread, attempt);
			const { type, title, body, data } = items[0] as (typeof items)[0];
			assert.deepEqual(
				[type, title, data],
				["payment.failed", "Payment failed", { paymentId: id }],
			);
			assert.match(body, /^The payment did not go through: \w+\.$/);
		}
	});

	await t.test("are not repeated by a fact that is, nor by another of its kind", async () => {
		const who = await person();
		const { id: courseId } = await course({ price: 5 });
		await pay(who, courseId);
		await finish(who, courseId);
		const before = await inbox(who);
		assert.equal(before.total, 3);
		for (const name of ["payment.captured", "enrollment.completed", "enrollment.activated"])
			for (const fact of told(name))
				if (fact.data.userId === who.user.id) await tellAgain("notifications", fact);
		assert.deepEqual(await inbox(who), before);
		const [readId] = before.items.map(({ id }) => id);
		await call("notifications.read", { id: readId as string }, as(who));
		const read = await inbox(who);
		const [fact] = told("enrollment.completed").filter(({ data }) => data.userId === who.user.id);
		await tellAgain("notifications", fact as never);
		assert.deepEqual(await inbox(who), read, "what was read is not unread again");
	});

	await t.test("of twenty who enroll at once reach each of them", async () => {
		const { id: courseId } = await course({ title: "Crowded" });
		const people = await twenty(() => person());
		await Promise.all(people.map(who => enroll(who, courseId)));
		for (const who of people) {
			const { items, total } = await inbox(who);
			assert.deepEqual([total, items[0]?.title], [1, "You are enrolled in Crowded"]);
		}
	});
});

test("an inbox", async t => {
	const school = await openSchool(t);
	const { call, student, person, store } = school;
	const { inbox, read, readAll } = inboxOf(school);
	const notifications = store<NotificationDoc>("notifications", "notifications");
	let second = 0;
	/** Puts some into an inbox, one a second. */
	const fill = async ({ user }: SignedUp, count: number) => {
		const docs: NotificationDoc[] = Array.from({ length: count }, () => ({
			id: newId("ntf"),
			userId: user.id,
			type: "payment.failed",
			title: "T",
			body: "B",
			data: {},
			isRead: false,
			createdAt: new Date(Date.UTC(2026, 0, 1) + 1_000 * second++).toISOString(),
		}));
		for (const doc of docs) await notifications.insert(doc);
		return docs.map(({ id }) => id);
	};

	await t.test("is empty at first, and only for who is signed in", async () => {
		const who = await person();
		assert.deepEqual(await inbox(who), { items: [], page: 1, pageSize: 20, total: 0, unread: 0 });
		assert.deepEqual(await readAll(who), { read: 0 });
		for (const [action, params] of [
			["notifications.list", {}],
			["notifications.read", { id: "ntf_1" }],
			["notifications.readAll", {}],
		] as const)
			assert.equal(await outcome(call(action, params as never)), "UNAUTHENTICATED");
	});

	await t.test("has what was read marked, once and for good", async () => {
		const [first, id = ""] = await fill(student, 3);
		const marked = await read(student, id);
		assert.ok(Math.abs(Date.parse(marked.readAt ?? "") - Date.now()) < 60_000);
		assert.deepEqual(await read(student, id), marked);
		for (const answer of await twenty(() => read(student, first as string)))
			assert.notEqual(answer.readAt, null);
		const { items, unread } = await inbox(student);
		assert.equal(unread, 1);
		assert.deepEqual(
			items.map(({ readAt }) => readAt !== null),
			[false, true, true],
		);
	});

	await t.test("is one's own: another's notification is not there", async () => {
		const mate = await person();
		const [id = ""] = await fill(student, 1);
		const [theirs = ""] = await fill(mate, 1);
		for (const foreign of [id, "ntf_no", "no.such", "__proto__"])
			assert.equal(await outcome(read(mate, foreign)), "NOTIFICATION_NOT_FOUND");
		assert.deepEqual(
			(await inbox(mate)).items.map(item => item.id),
			[theirs],
		);
		const before = await inbox(student);
		assert.deepEqual(await readAll(mate), { read: 1 });
		assert.deepEqual(await inbox(student), before);
		assert.equal((await notifications.get(id))?.isRead, false);
	});

	await t.test("is read page by page, newest first", async () => {
		const who = await person();
		const newestFirst = (await fill(who, 7)).toReversed();
		const seen: string[] = [];
		for (let cursor: string | undefined, first = true; first || cursor; first = false) {
			const page = await inbox(who, { pageSize: 3, ...(cursor && { cursor }) });
			assert.deepEqual([page.total, page.unread], [7, 7]);
			seen.push(...page.items.map(({ id }) => id));
			cursor = page.nextCursor;
		}
		assert.deepEqual(seen, newestFirst);
		const third = await inbox(who, { pageSize: 3, page: 3 });
		assert.deepEqual(
			[third.items.map(({ id }) => id), third.nextCursor],
			[newestFirst.slice(6), undefined],
		);
		assert.deepEqual(await placesOf(inbox(who, { pageSize: 101 })), ["/pageSize"]);
	});

	await t.test("is read all at once, each counted by one of twenty who do", async () => {
		const who = await person();
		const [already = ""] = await fill(who, 450);
		const { readAt } = await read(who, already);
		const counts = await twenty(() => readAll(who));
		assert.equal(
			counts.reduce((sum, { read: count }) => sum + count, 0),
			449,
		);
		assert.equal((await inbox(who)).unread, 0);
		assert.equal((await notifications.get(already))?.readAt, readAt, "it was read before");
		assert.deepEqual(await readAll(who), { read: 0 });
	});
});
