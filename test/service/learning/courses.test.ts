import assert from "node:assert/strict";
import { test } from "node:test";
import type { ActionName } from "../../../kernel/contract.ts";
import type { CourseDoc } from "../../../models/learning/course.model.ts";
import type { LectureDoc } from "../../../models/learning/lecture.model.ts";
import type { SignedUp } from "../../support/identity.ts";
import { as, asService, openSchool, outcome, placesOf, tally, twenty } from "./school.ts";

const crs = "crs_0190f3c2-0000-7000-8000-000000000000";

test("courses", async t => {
	const school = await openSchool(t);
	const { call, clock, course, teacher, student, person } = school;
	const [other, admin] = await Promise.all([person("teacher"), person("admin")]);

	await t.test("a course is made with its defaults and answered whole", async () => {
		const made = await course({ title: "Pottery" });
		const { id, createdAt } = made;
		assert.match(id, /^crs_[0-9a-f-]{36}$/);
		assert.ok(Math.abs(Date.parse(createdAt) - Date.now()) < 60_000);
		assert.deepEqual(made, {
			id,
			title: "Pottery",
			description: "",
			price: 0,
			priceMinor: 0,
			currency: "USD",
			status: "published",
			completionRule: "reported",
			teacherId: teacher.user.id,
			enrollmentCount: 0,
			ratingCount: 0,
			createdAt,
			updatedAt: createdAt,
		});
		assert.deepEqual(await call("courses.get", { id }), { ...made, sections: [] });
	});

	await t.test(
		"a course is made as asked for; what is not the teacher's to say is not",
		async () => {
			const said = {
				title: "Yen",
				description: "In Tokyo",
				price: 1_050,
				currency: "JPY",
				status: "draft",
				completionRule: "watched",
			} as const;
			const claimed = { ...said, id: "crs_mine", teacherId: "usr_x", enrollmentCount: 9 };
			const { id, ...made } = await call("courses.create", claimed, as(admin));
			assert.notEqual(id, "crs_mine");
			assert.deepEqual(
				[made.price, made.priceMinor, made.currency, made.status, made.description],
				[1_050, 1_050, "JPY", "draft", "In Tokyo"],
			);
			assert.deepEqual([made.teacherId, made.enrollmentCount], [admin.user.id, 0]);
			assert.equal(made.completionRule, "watched");
		},
	);

	await t.test("what does not fit is refused where it is", async () => {
		for (const [params, path] of [
			[{}, "/title"],
			[{ title: "" }, "/title"],
			[{ title: " \n " }, "/title"],
			[{ title: "t".repeat(201) }, "/title"],
			[{ title: 7 }, "/title"],
			[{ title: "T", description: "d".repeat(20_001) }, "/description"],
			[{ title: "T", price: -1 }, "/price"],
			[{ title: "T", price: "10" }, "/price"],
			[{ title: "T", price: null }, "/price"],
			[{ title: "T", price: 9.999 }, "/price"],
			[{ title: "T", price: 1.5, currency: "JPY" }, "/price"],
			[{ title: "T", price: 1e300 }, "/price"],
			[{ title: "T", currency: "usd" }, "/currency"],
			[{ title: "T", currency: "ABC" }, "/currency"],
			[{ title: "T", status: "secret" }, "/status"],
			[{ title: "T", completionRule: "never" }, "/completionRule"],
		] as const)
			assert.deepEqual(
				await placesOf(call("courses.create", params as never, as(teacher))),
				[path],
				JSON.stringify(params).slice(0, 80),
			);
	});

	await t.test("only teachers and admins make courses", async () => {
		const make = (who: object) => outcome(call("courses.create", { title: "Mine" }, who));
		assert.equal(await make({}), "UNAUTHENTICATED");
		assert.equal(await make(as(student)), "FORBIDDEN");
		assert.equal(await make(asService("payment-service")), "FORBIDDEN");
		assert.equal(await make(as(admin)), "ok");
	});

	await t.test("taken up again under the same seed, nothing is made twice", async () => {
		const key = as(teacher, "key_courses");
		const make = () => call("courses.create", { title: "Once" }, key);
		const made = await make();
		assert.deepEqual(await make(), made);
		const addSection = () => call("courses.addSection", { id: made.id, title: "S" }, key);
		const section = await addSection();
		assert.deepEqual(await addSection(), section);
		const addLecture = () => call("courses.addLecture", { id: section.id, title: "L" }, key);
		const lecture = await addLecture();
		assert.deepEqual(await addLecture(), lecture);
		const { sections } = await call("courses.get", { id: made.id });
		assert.deepEqual(
			sections.map(s => [s.id, s.lectures.map(l => l.id)]),
			[[section.id, [lecture.id]]],
		);
	});

	await t.test("who may see and change a course", async () => {
		const published = await course({ price: 5 });
		const draft = await course({ status: "draft" });
		const archived = await course();
		await call("courses.archive", { id: archived.id }, as(teacher));
		const discarded = await course({ status: "draft" });
		await call("courses.archive", { id: discarded.id }, as(teacher));
		const nobody = { token: "" };
		const inside = [teacher, admin];
		const outside = [nobody, student, other];
		const get = (id: string, who: Pick<SignedUp, "token">) =>
			outcome(call("courses.get", { id }, as(who)));
		const edits: [ActionName, object][] = [
			["courses.update", { title: "New" }],
			["courses.archive", {}],
			["courses.order", { sections: [] }],
			["courses.addSection", { title: "S" }],
		];
		const edit = ([action, params]: [ActionName, object], id: string, who: SignedUp) =>
			outcome(call(action, { ...params, id } as never, as(who)));
		for (const { id } of [published, archived]) {
			for (const who of [...inside, ...outside]) assert.equal(await get(id, who), "ok");
			for (const by of [student, other])
				for (const one of edits) assert.equal(await edit(one, id, by), "FORBIDDEN", one[0]);
		}
		for (const { id } of [draft, discarded]) {
			for (const who of inside) assert.equal(await get(id, who), "ok");
			for (const who of outside) assert.equal(await get(id, who), "COURSE_NOT_FOUND");
			for (const by of [student, other])
				for (const one of edits) assert.equal(await edit(one, id, by), "COURSE_NOT_FOUND", one[0]);
		}
		for (const one of edits) {
			assert.equal(await outcome(call(one[0], { ...one[1], id: crs } as never)), "UNAUTHENTICATED");
			for (const by of [teacher, admin, student])
				for (const id of [crs, "any", "💥", "crs_1.title", "__proto__"])
					assert.equal(await edit(one, id, by), "COURSE_NOT_FOUND", one[0]);
			for (const by of inside) assert.equal(await edit(one, published.id, by), "ok", one[0]);
		}
	});

	await t.test("a change changes what it says and nothing else", async () => {
		const before = await course({ title: "Old", description: "D", price: 10 });
		const { id } = before;
		const update = (params: object) => call("courses.update", { id, ...params }, as(teacher));
		const after = await update({ title: "New" });
		assert.deepEqual(after, { ...before, title: "New", updatedAt: after.updatedAt });
		assert.ok(after.updatedAt >= before.updatedAt);
		assert.equal((await update({ price: 79 })).priceMinor, 7_900);
		assert.deepEqual(
			[(await update({ currency: "JPY" })).priceMinor, (await update({})).price],
			[79, 79],
		);
		assert.deepEqual(await placesOf(update({ price: 79.5 })), ["/price"]);
		assert.deepEqual(await placesOf(update({ currency: "ABC" })), ["/currency"]);
		assert.deepEqual(await placesOf(update({ title: " " })), ["/title"]);
		assert.deepEqual(await placesOf(update({ status: "gone" })), ["/status"]);
		const claimed = await update({ teacherId: "usr_x", enrollmentCount: 5, description: "" });
		assert.deepEqual([claimed.teacherId, claimed.enrollmentCount], [teacher.user.id, 0]);
		assert.deepEqual([claimed.description, claimed.price], ["", 79]);
	});

	await t.test(
		"an archived course is not listed, not sold, and can be published again",
		async () => {
			const { id } = await course({ title: "Archivable zebra", price: 10 });
			const listed = async () => (await call("courses.list", { q: "archivable zebra" })).total;
			assert.equal(await listed(), 1);
			const archived = await call("courses.archive", { id }, as(teacher));
			assert.equal(archived.status, "archived");
			clock.aheadMs += 1_000;
			assert.deepEqual(await call("courses.archive", { id }, as(teacher)), archived);
			assert.equal(await listed(), 0);
			assert.equal((await call("courses.get", { id })).status, "archived");
			const enroll = () => outcome(call("enrollments.enroll", { courseId: id }, as(student)));
			const pay = { courseId: id, paymentMethod: "stripe" } as const;
			assert.equal(await enroll(), "COURSE_NOT_FOUND");
			assert.equal(await outcome(call("payments.create", pay, as(student))), "COURSE_NOT_FOUND");
			await call("courses.update", { id, status: "published" }, as(teacher));
			assert.equal(await listed(), 1);
			assert.equal(await enroll(), "PAYMENT_REQUIRED");
		},
	);

	await t.test("others are told of a course of any status; people are not", async () => {
		const draft = await course({ status: "draft" });
		const { id } = draft;
		assert.deepEqual(await call("courses.describe", { id }), draft);
		assert.equal(await outcome(call("courses.describe", { id: crs })), "COURSE_NOT_FOUND");
	});

	await t.test("twenty changes at once never mix", async () => {
		const { id } = await course({ price: 1 });
		const offers = await twenty(i =>
			call(
				"courses.update",
				{ id, ...(i % 2 ? { price: i + 0.5, currency: "EUR" } : { price: i, currency: "JPY" }) },
				as(teacher),
			),
		);
		for (const [i, { price, currency }] of offers.entries())
			assert.deepEqual([price, currency], i % 2 ? [i + 0.5, "EUR"] : [i, "JPY"]);
		const { price, currency } = await call("courses.get", { id });
		assert.ok(offers.some(offer => offer.price === price && offer.currency === currency));
		await twenty(i =>
			call(
				"courses.update",
				{ id, ...(i === 9 ? { price: 500 } : { title: `T ${i}` }) },
				as(teacher),
			),
		);
		assert.equal((await call("courses.get", { id })).price, 500, "a new title kept the old price");
	});

	await t.test("a course that is archived while it is changed is archived", async () => {
		const { id } = await course();
		await twenty(i =>
			i === 10
				? call("courses.archive", { id }, as(teacher))
				: call("courses.update", { id, price: i, title: `T ${i}` }, as(teacher)),
		);
		assert.equal((await call("courses.get", { id })).status, "archived");
	});

	await t.test("titles are found by new words only after a change", async () => {
		const { id } = await course({ title: "Xylophone basics" });
		const found = async (q: string) => (await call("courses.list", { q })).items.map(c => c.id);
		assert.deepEqual(await found("xyloph"), [id]);
		await call("courses.update", { id, title: "Marimba basics" }, as(teacher));
		assert.deepEqual([await found("xylophone"), await found("BASICS marimba")], [[], [id]]);
	});
});

test("the list of courses", async t => {
	const { call, course, teacher, person } = await openSchool(t);
	const other = await person("teacher");
	const made: string[] = [];
	for (const [i, title] of ["delta", "Bravo", "álpha", "Charlie", "echo"].entries())
		made.push((await course({ title: `${title} shared`, price: (i * 7) % 5 })).id);
	await course({ title: "hidden shared", status: "draft" });
	await course({ title: "alien shared" }, other);
	const mine = { teacherId: teacher.user.id };
	const titles = async (params: object) =>
		(await call("courses.list", { ...mine, ...params })).items.map(c => c.title.split(" ")[0]);

	await t.test("is sorted as asked for, newest first", async () => {
		assert.deepEqual(await titles({}), ["echo", "Charlie", "álpha", "Bravo", "delta"]);
		assert.deepEqual(await titles({ sort: "createdAt" }), (await titles({})).toReversed());
		const byTitle = ["álpha", "Bravo", "Charlie", "delta", "echo"];
		assert.deepEqual(await titles({ sort: "title" }), byTitle);
		assert.deepEqual(await titles({ sort: "-title" }), byTitle.toReversed());
		const byPrice = ["delta", "Charlie", "Bravo", "echo", "álpha"];
		assert.deepEqual(await titles({ sort: "priceMinor" }), byPrice);
		assert.deepEqual(await titles({ sort: "-priceMinor" }), byPrice.toReversed());
		assert.deepEqual(await placesOf(call("courses.list", { sort: "words" } as never)), ["/sort"]);
	});

	await t.test("is searched by the beginnings of words", async () => {
		assert.deepEqual(await titles({ q: "ALPHA" }), ["álpha"]);
		assert.deepEqual(await titles({ q: "sha br" }), ["Bravo"]);
		for (const q of ["hidden", "ravo", "bravo charlie", "alien", "$where", "words.bravo"])
			assert.deepEqual(await titles({ q }), [], q);
		assert.equal((await titles({ q: " " })).length, 5);
		assert.equal((await call("courses.list", { q: "shared" })).total, 6);
		assert.equal((await call("courses.list", { teacherId: "usr_nobody" })).total, 0);
	});

	await t.test("is read page by page, by number and by cursor, in every order", async () => {
		for (const sort of ["-createdAt", "title", "priceMinor"] as const) {
			const whole = await call("courses.list", { q: "shared", sort });
			const ids = whole.items.map(c => c.id);
			assert.deepEqual([whole.page, whole.pageSize, whole.total], [1, 20, 6]);
			assert.equal(whole.nextCursor, undefined);
			const read: string[] = [];
			for (let cursor: string | undefined, first = true; first || cursor; first = false) {
				const page = await call("courses.list", {
					q: "shared",
					sort,
					pageSize: 4,
					...(cursor && { cursor, page: 9 }),
				});
				assert.equal(page.total, 6);
				read.push(...page.items.map(c => c.id));
				cursor = page.nextCursor;
			}
			assert.deepEqual(read, ids);
			const second = await call("courses.list", { q: "shared", sort, pageSize: 4, page: 2 });
			assert.deepEqual(
				second.items.map(c => c.id),
				ids.slice(4),
			);
		}
		for (const wrong of [{ page: 0 }, { page: 101 }, { pageSize: 0 }, { pageSize: 101 }])
			assert.deepEqual(await placesOf(call("courses.list", wrong)), [`/${Object.keys(wrong)[0]}`]);
	});
});

test("sections and lectures", async t => {
	const { call, course, teacher, student, person, store } = await openSchool(t);
	const other = await person("teacher");
	const lectures = store<LectureDoc>("courses", "lectures");
	const { id: courseId } = await course();
	const section = (title = "S", id = courseId) =>
		call("courses.addSection", { id, title }, as(teacher));
	const lecture = (id: string, more: object = {}) =>
		call("courses.addLecture", { id, title: "L", ...more }, as(teacher));
	const outline = async (id = courseId) =>
		(await call("courses.get", { id })).sections.map(s => [s.id, ...s.lectures.map(l => l.id)]);

	await t.test("are added at the end, changed and removed", async () => {
		const { id, ...made } = await section("First");
		assert.match(id, /^sec_[0-9a-f-]{36}$/);
		assert.deepEqual(made, { title: "First", lectures: [] });
		const plain = await lecture(id);
		assert.match(plain.id, /^lec_[0-9a-f-]{36}$/);
		assert.deepEqual(plain, {
			id: plain.id,
			title: "L",
			durationSeconds: 0,
			isPreview: false,
			courseId,
			sectionId: id,
		});
		const full = await lecture(id, { durationSeconds: 90, isPreview: true, content: "Text" });
		assert.deepEqual([full.durationSeconds, full.isPreview, full.content], [90, true, "Text"]);
		const { lectures: shown, ...renamed } = await call(
			"courses.updateSection",
			{ id, title: "Renamed" },
			as(teacher),
		);
		assert.deepEqual(renamed, { id, title: "Renamed" });
		assert.deepEqual(
			shown.map(l => Object.keys(l).sort()),
			[1, 2].map(() => ["durationSeconds", "id", "isPreview", "title"]),
		);
		const changed = await call(
			"courses.updateLecture",
			{ id: full.id, isPreview: false, content: "" },
			as(teacher),
		);
		assert.deepEqual(changed, { ...full, isPreview: false, content: "" });
		assert.equal(await call("courses.removeLecture", { id: plain.id }, as(teacher)), null);
		assert.deepEqual(await outline(), [[id, full.id]]);
		assert.equal(await call("courses.removeSection", { id }, as(teacher)), null);
		assert.deepEqual(await outline(), []);
		const left = call("courses.getLecture", { id: full.id }, as(teacher));
		assert.equal(await outcome(left), "LECTURE_NOT_FOUND");
	});

	await t.test("are refused where they do not fit", async () => {
		const { id } = await section();
		for (const [params, path] of [
			[{}, "/title"],
			[{ title: " " }, "/title"],
		] as const) {
			const bad = { id, ...params } as never;
			assert.deepEqual(await placesOf(call("courses.addLecture", bad, as(teacher))), [path]);
			const badSection = { id: courseId, ...params } as never;
			assert.deepEqual(await placesOf(call("courses.addSection", badSection, as(teacher))), [path]);
		}
		for (const [more, path] of [
			[{ durationSeconds: -1 }, "/durationSeconds"],
			[{ durationSeconds: 1.5 }, "/durationSeconds"],
			[{ durationSeconds: 86_401 }, "/durationSeconds"],
			[{ isPreview: "yes" }, "/isPreview"],
			[{ content: "c".repeat(100_001) }, "/content"],
		] as const)
			assert.deepEqual(await placesOf(lecture(id, more)), [path]);
	});

	await t.test("are their teacher's alone; of a draft they are not there for others", async () => {
		const { id: draftId } = await course({ status: "draft" });
		for (const [of, refused] of [
			[courseId, () => "FORBIDDEN"],
			[draftId, (thing: string) => `${thing}_NOT_FOUND`],
		] as const) {
			const { id: sectionId } = await section("S", of);
			const { id: lectureId } = await lecture(sectionId, { isPreview: true });
			const attempts = (who: object) =>
				Promise.all([
					outcome(call("courses.updateSection", { id: sectionId, title: "Mine" }, who)),
					outcome(call("courses.addLecture", { id: sectionId, title: "Mine" }, who)),
					outcome(call("courses.updateLecture", { id: lectureId, title: "Mine" }, who)),
					outcome(call("courses.removeLecture", { id: lectureId }, who)),
					outcome(call("courses.removeSection", { id: sectionId }, who)),
				]);
			for (const who of [student, other])
				assert.deepEqual(
					await attempts(as(who)),
					["SECTION", "SECTION", "LECTURE", "LECTURE", "SECTION"].map(refused),
				);
			assert.deepEqual(tally(await attempts({})), { UNAUTHENTICATED: 5 });
			assert.equal((await call("courses.getLecture", { id: lectureId }, as(teacher))).title, "L");
		}
		for (const id of ["sec_1", "any.thing", "__proto__"])
			for (const [action, code] of [
				["courses.updateSection", "SECTION_NOT_FOUND"],
				["courses.removeSection", "SECTION_NOT_FOUND"],
				["courses.addLecture", "SECTION_NOT_FOUND"],
				["courses.getLecture", "LECTURE_NOT_FOUND"],
				["courses.updateLecture", "LECTURE_NOT_FOUND"],
				["courses.removeLecture", "LECTURE_NOT_FOUND"],
			] as const)
				assert.equal(await outcome(call(action, { id, title: "T" } as never, as(teacher))), code);
	});

	await t.test("are put in order; a wrong order names its place and changes nothing", async () => {
		const { id } = await course();
		const [a, b] = [await section("A", id), await section("B", id)];
		const [a1, a2, b1] = [await lecture(a.id), await lecture(a.id), await lecture(b.id)];
		const foreign = await section("foreign");
		const order = (sections: object[]) =>
			call("courses.order", { id, sections } as never, as(teacher));
		const by = async (sections: object[]) => (await order(sections)).sections.map(s => s.id);
		assert.deepEqual(await by([{ id: b.id, lectures: [b1.id] }]), [b.id, a.id]);
		assert.deepEqual(await by([{ id: a.id, lectures: [a2.id, a1.id] }]), [a.id, b.id]);
		const ordered = [
			[a.id, a2.id, a1.id],
			[b.id, b1.id],
		];
		assert.deepEqual(await outline(id), ordered);
		for (const [sections, path] of [
			[[{ id: foreign.id, lectures: [] }], "/sections/0/id"],
			[
				[
					{ id: b.id, lectures: [] },
					{ id: "sec_no", lectures: [] },
				],
				"/sections/1/id",
			],
			[[{ id: b.id, lectures: [b1.id, a1.id] }], "/sections/0/lectures/1"],
			[[{ id: b.id, lectures: [b1.id, b1.id] }], "/sections/0/lectures/1"],
			[[{ id: b.id }], "/sections/0/lectures"],
			[["b"], "/sections/0"],
		] as const)
			assert.deepEqual(await placesOf(order(sections as never)), [path]);
		assert.deepEqual(await placesOf(call("courses.order", { id } as never, as(teacher))), [
			"/sections",
		]);
		assert.deepEqual(await outline(id), ordered);
		const c = await section("C", id);
		await call("courses.removeSection", { id: a.id }, as(teacher));
		assert.deepEqual(await outline(id), [[b.id, b1.id], [c.id]]);
	});

	await t.test(
		"a lecture is read by who is enrolled, its teacher, or anyone as a preview",
		async () => {
			const { id } = await course({ price: 5 });
			const { id: sectionId } = await section("S", id);
			const closed = (await lecture(sectionId, { content: "Secret" })).id;
			const open = (await lecture(sectionId, { isPreview: true })).id;
			const admin = await person("admin");
			const read = (lectureId: string, who: object) =>
				outcome(call("courses.getLecture", { id: lectureId }, who));
			for (const who of [{}, as(student), as(other), as(admin), as(teacher)])
				assert.equal(await read(open, who), "ok");
			for (const who of [as(admin), as(teacher)]) assert.equal(await read(closed, who), "ok");
			for (const who of [{}, as(student), as(other)])
				assert.equal(await read(closed, who), "ENROLLMENT_REQUIRED");
			await call("courses.update", { id, price: 0 }, as(teacher));
			await call("enrollments.enroll", { courseId: id }, as(student));
			const seen = await call("courses.getLecture", { id: closed }, as(student));
			assert.equal(seen.content, "Secret");

			await call("courses.archive", { id }, as(teacher));
			assert.equal(await read(closed, as(student)), "ok", "who is enrolled keeps it");
			await call("courses.update", { id, status: "draft" }, as(teacher));
			assert.equal(await read(closed, as(student)), "ok", "even as a draft");
			assert.equal(await outcome(call("courses.get", { id }, as(student))), "ok");
			for (const who of [{}, as(other)]) assert.equal(await read(open, who), "LECTURE_NOT_FOUND");
			await call(
				"enrollments.drop",
				{ userId: student.user.id, courseId: id },
				{
					...asService("payment-service"),
				},
			);
			assert.equal(await read(closed, as(student)), "LECTURE_NOT_FOUND");
		},
	);

	await t.test("added twenty at once, all are there, in the order of their age", async () => {
		const { id } = await course();
		const sections = await twenty(i => section(`S ${i}`, id));
		const first = sections[0]?.id as string;
		await twenty(i => lecture(first, { title: `L ${i}` }));
		const shown = await outline(id);
		assert.deepEqual(shown.map(([sectionId]) => sectionId).sort(), sections.map(s => s.id).sort());
		assert.equal(shown.find(([sectionId]) => sectionId === first)?.length, 21);
		for (let n = 0; n < 10; n++) await section(`later ${n}`, id);
		const { sections: all } = await call("courses.get", { id });
		assert.deepEqual(
			all.slice(20).map(s => s.title),
			Array.from({ length: 10 }, (_, n) => `later ${n}`),
		);
	});

	await t.test("a section that goes takes every lecture with it, also one just added", async () => {
		const { id } = await course();
		const { id: sectionId } = await section("S", id);
		const before = await lecture(sectionId, { isPreview: true });
		const removals: (string | undefined)[] = [];
		const added = await twenty(async i => {
			if (i % 5 === 0) {
				removals.push(await outcome(call("courses.removeSection", { id: sectionId }, as(teacher))));
				return undefined;
			}
			return lecture(sectionId, { isPreview: true }).catch(() => undefined);
		});
		assert.ok(removals.includes("ok"), String(removals));
		for (const made of [before, ...added])
			if (made)
				assert.equal(
					await outcome(call("courses.getLecture", { id: made.id }, as(teacher))),
					"LECTURE_NOT_FOUND",
				);
		assert.deepEqual(await outline(id), []);
		assert.equal(
			await outcome(call("courses.updateSection", { id: sectionId, title: "T" }, as(teacher))),
			"SECTION_NOT_FOUND",
		);
	});

	await t.test("a lecture that a removal left behind is not there", async () => {
		const { id: sectionId } = await section();
		const { id } = await lecture(sectionId, { isPreview: true });
		await store<CourseDoc>("courses", "sections").remove({ id: sectionId });
		assert.equal(await lectures.count({ id }), 1);
		for (const action of ["getLecture", "updateLecture", "removeLecture"] as const)
			assert.equal(
				await outcome(call(`courses.${action}`, { id }, as(teacher))),
				"LECTURE_NOT_FOUND",
			);
	});
});

test("approval of teachers", async t => {
	const { call, course, teacher, person } = await openSchool(t, { TEACHER_APPROVAL: "on" });
	const admin = await person("admin");
	const approve = (approved: boolean) =>
		call("users.setApproval", { id: teacher.user.id, approved }, as(admin));
	const update = (id: string, params: object, by = teacher) =>
		outcome(call("courses.update", { id, ...params }, as(by)));

	await t.test(
		"is needed to publish what has a price, in whatever way it comes about",
		async () => {
			assert.equal(await outcome(course({ price: 5 })), "TEACHER_NOT_APPROVED");
			assert.equal(await outcome(course({ price: 9.999 })), "VALIDATION_ERROR");
			const free = await course();
			const paid = await course({ price: 5, status: "draft" });
			assert.equal(await update(free.id, { price: 5 }), "TEACHER_NOT_APPROVED");
			assert.equal(await update(paid.id, { status: "published" }), "TEACHER_NOT_APPROVED");
			assert.equal(await update(paid.id, { status: "published", price: 0 }), "ok");
			assert.equal(await update(free.id, { title: "Still free" }), "ok");
			const { status, price } = await call("courses.get", { id: free.id });
			assert.deepEqual([status, price], ["published", 0]);
		},
	);

	await t.test("does not slip through between two changes at once", async () => {
		for (let n = 0; n < 5; n++) {
			const { id } = await course({ status: "draft" });
			await twenty(i => update(id, i % 2 ? { status: "published" } : { price: 5 }));
			const { status, price } = await call("courses.get", { id }, as(teacher));
			assert.ok(!(status === "published" && price > 0), `${status} at ${price}`);
		}
	});

	await t.test("is given and taken by an admin, who needs none", async () => {
		const draft = await course({ price: 5, status: "draft" });
		assert.equal(await update(draft.id, { status: "published" }, admin), "ok");
		assert.equal(await outcome(course({ price: 5 }, admin)), "ok");
		await approve(true);
		const sold = await course({ price: 5 });
		await approve(false);
		assert.equal(await update(sold.id, { title: "A new word" }), "ok", "it is published already");
		assert.equal(await outcome(course({ price: 5 })), "TEACHER_NOT_APPROVED");
	});
});
