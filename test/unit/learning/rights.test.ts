import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Identity } from "../../../kernel/contract.ts";
import { codeOf } from "../../../kernel/errors.ts";
import type { CourseDoc } from "../../../models/learning/course.model.ts";
import { courseFrom } from "../../../services/learning/courses/editing.ts";
import { Rights } from "../../../services/learning/courses/rights.ts";

const now = "2026-01-01T00:00:00.000Z";
const person = (id: string, ...roles: string[]): Identity => ({ id, roles, sid: `ses_${id}` });
const callers = {
	nobody: undefined,
	student: person("usr_s", "student"),
	enrolled: person("usr_e", "student"),
	"another teacher": person("usr_o", "teacher"),
	"its teacher": person("usr_t", "teacher"),
	"its former teacher": person("usr_t", "student"),
	admin: person("usr_a", "admin"),
};
type Who = keyof typeof callers;

const course = (state: Pick<CourseDoc, "status" | "publishedAt">): CourseDoc => ({
	...courseFrom({ title: "Any" }, { id: "crs_1", teacherId: "usr_t", now }),
	...state,
});
const states = {
	"never published": { status: "draft" },
	published: { status: "published", publishedAt: now },
	"a draft again": { status: "draft", publishedAt: now },
	archived: { status: "archived", publishedAt: now },
	"archived before it was published": { status: "archived" },
} as const;
type State = keyof typeof states;

/** The course's own publishedAt is not set by default: each state says it. */
const inState = (state: State): CourseDoc => {
	const { publishedAt: _, ...bare } = course({ status: "draft" });
	return { ...bare, ...states[state] };
};

const rights = (state: State, who: Who, sectionIsThere = true) => {
	const docs = {
		courses: inState(state),
		sections: { id: "sec_1", courseId: "crs_1", title: "S", createdAt: now },
		lecture: {
			courseId: "crs_1",
			sectionId: "sec_1",
			title: "L",
			durationSeconds: 1,
			createdAt: now,
		},
	};
	return new Rights({
		courses: { get: async id => (id === "crs_1" ? docs.courses : null) },
		sections: { get: async id => (id === "sec_1" && sectionIsThere ? docs.sections : null) },
		lectures: {
			get: async id =>
				id === "lec_1" || id === "lec_preview"
					? { ...docs.lecture, id, isPreview: id === "lec_preview" }
					: null,
		},
		caller: callers[who],
		isEnrolled: async () => who === "enrolled",
	});
};

const outcome = (ask: Promise<unknown>): Promise<string | undefined> =>
	ask.then(
		() => "yes",
		error => codeOf(error),
	);

const everybody = Object.keys(callers) as Who[];
const teaching: Who[] = ["its teacher", "admin"];

describe("seeing a course", () => {
	const sees: Record<State, readonly Who[]> = {
		published: everybody,
		archived: everybody,
		"never published": [...teaching, "enrolled"],
		"a draft again": [...teaching, "enrolled"],
		"archived before it was published": [...teaching, "enrolled"],
	};
	for (const state of Object.keys(states) as State[])
		for (const who of everybody)
			test(`${state}, by ${who}`, async () => {
				const expected = sees[state].includes(who) ? "yes" : "COURSE_NOT_FOUND";
				assert.equal(await outcome(rights(state, who).course("crs_1")), expected);
				assert.equal(await outcome(rights(state, who).course("crs_2")), "COURSE_NOT_FOUND");
			});

	for (const state of Object.keys(states) as State[])
		for (const who of everybody)
			test(`and changing it: ${state}, by ${who}`, async () => {
				const expected = (missing: string) =>
					teaching.includes(who) ? "yes" : sees[state].includes(who) ? "FORBIDDEN" : missing;
				const may = rights(state, who);
				assert.equal(await outcome(may.editable("crs_1")), expected("COURSE_NOT_FOUND"));
				assert.equal(await outcome(may.editableSection("sec_1")), expected("SECTION_NOT_FOUND"));
				assert.equal(await outcome(may.editableLecture("lec_1")), expected("LECTURE_NOT_FOUND"));
				assert.equal(await outcome(may.editable("crs_2")), "COURSE_NOT_FOUND");
				assert.equal(await outcome(may.editableSection("sec_2")), "SECTION_NOT_FOUND");
				assert.equal(await outcome(may.editableLecture("lec_2")), "LECTURE_NOT_FOUND");
			});
});

describe("reading a lecture", () => {
	const isPublic = (state: State) => state === "published" || state === "archived";
	for (const state of Object.keys(states) as State[])
		for (const who of everybody)
			test(`${state}, by ${who}`, async () => {
				const may = rights(state, who);
				const within = who === "enrolled" || teaching.includes(who);
				const refused = isPublic(state) ? "ENROLLMENT_REQUIRED" : "LECTURE_NOT_FOUND";
				assert.equal(await outcome(may.lecture("lec_1")), within ? "yes" : refused);
				const previewed = within || isPublic(state) ? "yes" : "LECTURE_NOT_FOUND";
				assert.equal(await outcome(may.lecture("lec_preview")), previewed);
			});

	test("ends with its section, for everybody", async () => {
		for (const who of everybody) {
			const may = rights("published", who, false);
			assert.equal(await outcome(may.lecture("lec_preview")), "LECTURE_NOT_FOUND");
			assert.equal(await outcome(may.editableLecture("lec_1")), "LECTURE_NOT_FOUND");
		}
	});
});
