import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { codeOf } from "../../../kernel/errors.ts";
import { Collection, type Driver } from "../../../kernel/store/collection.ts";
import { type CourseDoc, CourseModel } from "../../../models/learning/course.model.ts";
import { type LectureDoc, LectureModel } from "../../../models/learning/lecture.model.ts";
import { SectionModel } from "../../../models/learning/section.model.ts";
import { Curriculum } from "../../../services/learning/courses/curriculum.ts";
import { courseFrom } from "../../../services/learning/courses/editing.ts";
import { memoryDriver, StillClock } from "../../support/memory.ts";
import { Mortal } from "../../support/mortal.ts";

const now = "2026-05-01T12:00:00.000Z";

/** A course with one section and one lecture of 60 s in it, listed. */
async function world() {
	const drivers = {
		courses: await memoryDriver(CourseModel),
		sections: await memoryDriver(SectionModel),
		lectures: await memoryDriver(LectureModel),
	};
	const through = (of: (driver: Driver) => Driver = driver => driver) => ({
		courses: new Collection(CourseModel, of(drivers.courses)),
		sections: new Collection(SectionModel, of(drivers.sections)),
		lectures: new Collection(LectureModel, of(drivers.lectures)),
	});
	const { courses, sections, lectures } = through();
	const curriculum = (seed?: string, of?: (driver: Driver) => Driver) => {
		const ctx = { headers: seed ? { seed } : {}, locals: {} } as never;
		return new Curriculum({ ...through(of), clock: new StillClock(), ctx });
	};
	const { id } = await courses.insert(
		courseFrom({ title: "Pottery" }, { id: "crs_1", teacherId: "usr_t", now }),
	);
	const section = await curriculum().addSection(id, "First");
	const wanted = { id: section.id, title: "Wheel", durationSeconds: 60 };
	const lecture = await curriculum().addLecture(section, wanted);
	const course = async () => (await courses.get(id)) as CourseDoc;
	return {
		curriculum,
		section,
		lecture,
		sections,
		lectures,
		course,
		/** How often a change of the lectures was told. */
		async told(): Promise<number> {
			const boxes = [...(await sections.outboxes(99)), ...(await lectures.outboxes(99))];
			return boxes.flatMap(({ facts }) => facts).length;
		},
		/** How often it was told that the course asks for something else. */
		async completionsTold(): Promise<number> {
			return (await courses.outboxes(99)).flatMap(({ facts }) => facts).length;
		},
		/** Lengths of the lectures as answers show them, which are those that the course lists. */
		async lengths(): Promise<number[]> {
			const shown = await curriculum().sectionsOf(await course());
			const lessons = Object.fromEntries(
				shown.flatMap(s => s.lectures.map(l => [l.id, l.durationSeconds])),
			);
			assert.deepEqual((await course()).lessons ?? {}, lessons);
			return Object.values(lessons).sort((a, b) => b - a);
		},
	};
}
type World = Awaited<ReturnType<typeof world>>;
type Act = (curriculum: Curriculum, of: World) => Promise<unknown>;

const telling: Record<string, [Act, lengths: number[]]> = {
	"a lecture added": [
		(c, { section }) =>
			c.addLecture(section, { id: section.id, title: "Kiln", durationSeconds: 5 }),
		[60, 5],
	],
	"a lecture's length": [
		(c, { lecture }) => c.changeLecture(lecture, { id: lecture.id, durationSeconds: 90 }),
		[90],
	],
	"a lecture removed": [(c, { lecture }) => c.removeLecture(lecture), []],
	"a section removed": [(c, { section }) => c.removeSection(section), []],
};

for (const [name, [act, lengths]] of Object.entries(telling)) {
	test(`${name} is told in its write and listed in the course`, async () => {
		const of = await world();
		await act(of.curriculum(), of);
		assert.deepEqual(await of.lengths(), lengths);
		assert.deepEqual([await of.told(), await of.completionsTold()], [2, 2]);
	});

	test(`${name} is listed once it is heard of or asked for again, wherever it is cut off`, async () => {
		for (const dies of ["before", "after"] as const)
			for (let calls = 0; ; calls++) {
				const of = await world();
				const process = new Mortal(calls, dies);
				await act(of.curriculum("key", process.of), of).catch(() => {});
				const wasTold = (await of.told()) === 2;
				if (wasTold) await of.curriculum().relist("crs_1");
				else await act(of.curriculum("key"), of);
				assert.deepEqual(await of.lengths(), lengths, `${calls} calls, dies ${dies}`);
				await act(of.curriculum("key"), of).catch(error => {
					assert.equal(codeOf(error), "LECTURE_NOT_FOUND");
				});
				assert.deepEqual(await of.lengths(), lengths);
				if (!process.dead) {
					assert.ok(calls > 2);
					break;
				}
			}
	});
}

test("titles, contents, empty sections and the order are told to nobody", async () => {
	const { curriculum, section, lecture, told, completionsTold, course, lectures } = await world();
	const { title } = await curriculum().renameSection(section, "Second");
	assert.equal(title, "Second");
	await curriculum().changeLecture(lecture, { id: lecture.id, title: "Wheels", content: "Clay" });
	const { id } = await curriculum().addSection("crs_1", "Third");
	const outline = [{ id, lectures: [] }];
	assert.deepEqual((await curriculum().order("crs_1", outline)).outline, outline);
	assert.deepEqual(
		(await curriculum().sectionsOf(await course())).map(s => s.title),
		["Third", "Second"],
	);
	assert.equal((await lectures.get(lecture.id))?.content, "Clay");
	assert.deepEqual([await told(), await completionsTold()], [1, 1]);
});

test("an order of what the course has not is refused, and the old one stays", async () => {
	const { curriculum, course } = await world();
	const order = curriculum().order("crs_1", [{ id: "sec_other", lectures: [] }]);
	await assert.rejects(order, error => codeOf(error) === "VALIDATION_ERROR");
	assert.deepEqual((await course()).outline, []);
});

test("what was removed meanwhile is not changed", async () => {
	const { curriculum, section, lecture } = await world();
	const is = (code: string) => (error: unknown) => codeOf(error) === code;
	await curriculum().removeLecture(lecture);
	const change = curriculum().changeLecture(lecture, { id: lecture.id, durationSeconds: 1 });
	await assert.rejects(change, is("LECTURE_NOT_FOUND"));
	await curriculum().removeSection(section);
	await assert.rejects(curriculum().renameSection(section, "Late"), is("SECTION_NOT_FOUND"));
});

test("a listing made on an older one is not written, even by a process that dies of it", async () => {
	const of = await world();
	const change = (c: Curriculum, durationSeconds: number) =>
		c.changeLecture(of.lecture, { id: of.lecture.id, durationSeconds });
	const late = (driver: Driver): Driver => ({
		...driver,
		async update(guard, set) {
			if (!("lessonsVersion" in guard)) return driver.update(guard, set);
			await change(of.curriculum(), 40);
			await driver.update(guard, set);
			throw new Error("the process dies");
		},
	});
	await assert.rejects(change(of.curriculum(undefined, late), 30), /dies/);
	assert.deepEqual(await of.lengths(), [40]);
});

test("the course lists the lectures that are there, however changes interleave", async () => {
	const act = fc.constantFrom<Act>(
		(c, { section }) => c.addLecture(section, { id: section.id, title: "L", durationSeconds: 7 }),
		(c, { lecture }) => c.changeLecture(lecture, { id: lecture.id, durationSeconds: 30 }),
		(c, { lecture }) => c.changeLecture(lecture, { id: lecture.id, durationSeconds: 60 }),
	);
	await fc.assert(
		fc.asyncProperty(
			fc.scheduler(),
			fc.array(act, { minLength: 2, maxLength: 4 }),
			async (s, acts) => {
				const of = await world();
				const slow = (driver: Driver): Driver => ({
					...driver,
					find: s.scheduleFunction(async function find(...args: Parameters<Driver["find"]>) {
						return driver.find(...args);
					}),
					update: s.scheduleFunction(async function update(...args: Parameters<Driver["update"]>) {
						return driver.update(...args);
					}),
				});
				const runs = acts.map(async (run, i) => {
					await s.schedule(Promise.resolve(), `begins ${i}`);
					await run(of.curriculum(undefined, slow), of);
				});
				await s.waitFor(Promise.all(runs));
				const { lessons = {} } = await of.course();
				const there = await of.lectures.find({ courseId: "crs_1" });
				assert.deepEqual(
					lessons,
					Object.fromEntries(there.map((l: LectureDoc) => [l.id, l.durationSeconds])),
				);
			},
		),
		{ numRuns: 100 },
	);
});
