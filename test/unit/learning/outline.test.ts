import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { LectureDoc } from "../../../models/learning/lecture.model.ts";
import type { SectionDoc } from "../../../models/learning/section.model.ts";
import { checkOrder, outlineOf } from "../../../services/learning/courses/outline.ts";

let made = 0;
const section = (id: string, createdAt = `t${String(made++).padStart(6, "0")}`): SectionDoc => ({
	id,
	courseId: "crs",
	title: `Section ${id}`,
	createdAt,
});
const lecture = (id: string, sectionId: string): LectureDoc => ({
	...section(id),
	sectionId,
	title: `Lecture ${id}`,
	durationSeconds: 60,
	isPreview: false,
	content: "not for the outline",
});
const parts = {
	sections: [section("a"), section("b"), section("c")],
	lectures: [lecture("a1", "a"), lecture("a2", "a"), lecture("b1", "b"), lecture("x1", "removed")],
};
const ids = (outline: { id: string; lectures: { id: string }[] }[]) =>
	outline.map(({ id, lectures }) => [id, ...lectures.map(l => l.id)].join(" "));

describe("an outline", () => {
	test("is by age where there is no order", () => {
		const mixed = {
			sections: parts.sections.toReversed(),
			lectures: parts.lectures.toReversed(),
		};
		assert.deepEqual(ids(outlineOf({ outline: [] }, mixed)), ["a a1 a2", "b b1", "c"]);
	});

	test("is by id where the age is the same", () => {
		const sections = ["z", "m", "a"].map(id => section(id, "same"));
		assert.deepEqual(ids(outlineOf({ outline: [] }, { sections, lectures: [] })), ["a", "m", "z"]);
	});

	test("is as its teacher ordered it, the rest after by age", () => {
		const outline = [
			{ id: "c", lectures: [] },
			{ id: "a", lectures: ["a2"] },
		];
		assert.deepEqual(ids(outlineOf({ outline }, parts)), ["c", "a a2 a1", "b b1"]);
	});

	test("knows nothing of what was removed since it was ordered", () => {
		const outline = [
			{ id: "gone", lectures: ["gone"] },
			{ id: "b", lectures: ["gone", "b1"] },
		];
		assert.deepEqual(ids(outlineOf({ outline }, parts)), ["b b1", "a a1 a2", "c"]);
	});

	test("shows of a lecture what is for everybody", () => {
		const [first] = outlineOf({ outline: [] }, parts);
		assert.deepEqual(first?.lectures[0], {
			id: "a1",
			title: "Lecture a1",
			durationSeconds: 60,
			isPreview: false,
		});
	});

	test("says which lectures a video was announced for", () => {
		const uploads = { fil_1: { n: 1, status: "failed" as const } };
		const [a1, a2, b1] = parts.lectures as [LectureDoc, LectureDoc, LectureDoc];
		const lectures = [{ ...a1, uploads }, { ...a2, uploads: {} }, b1];
		const [first, second] = outlineOf({ outline: [] }, { ...parts, lectures });
		assert.deepEqual(
			[...(first?.lectures ?? []), ...(second?.lectures ?? [])].map(l => l.hasUpload),
			[true, undefined, undefined],
		);
	});

	test("holds every section once and every lecture of theirs once, whatever the order says", () => {
		const anyId = fc.constantFrom("a", "b", "c", "a1", "a2", "b1", "gone");
		const order = fc.array(fc.record({ id: anyId, lectures: fc.array(anyId, { maxLength: 5 }) }), {
			maxLength: 6,
		});
		fc.assert(
			fc.property(order, outline => {
				const all = outlineOf({ outline }, parts);
				assert.deepEqual(all.map(({ id }) => id).sort(), ["a", "b", "c"]);
				for (const { id, lectures } of all)
					assert.deepEqual(
						lectures.map(l => l.id).sort(),
						parts.lectures.filter(l => l.sectionId === id).map(l => l.id),
					);
			}),
		);
	});
});

describe("an order", () => {
	const refusal = (order: Parameters<typeof checkOrder>[0]) => {
		try {
			checkOrder(order, parts);
		} catch (error) {
			const { path, code } = (error as { data: { errors: { path: string; code: string }[] } }).data
				.errors[0] as { path: string; code: string };
			return [path, code];
		}
		return null;
	};

	test("may be whole, partial or empty", () => {
		assert.equal(refusal([]), null);
		assert.equal(refusal([{ id: "b", lectures: [] }]), null);
		assert.equal(
			refusal([
				{ id: "c", lectures: [] },
				{ id: "b", lectures: ["b1"] },
				{ id: "a", lectures: ["a2", "a1"] },
			]),
			null,
		);
	});

	test("names the place that is wrong", () => {
		const a = { id: "a", lectures: ["a1"] };
		assert.deepEqual(refusal([a, { id: "other", lectures: [] }]), ["/sections/1/id", "UNKNOWN"]);
		assert.deepEqual(refusal([a, { id: "a", lectures: [] }]), ["/sections/1/id", "DUPLICATE"]);
		assert.deepEqual(refusal([a, { id: "b", lectures: ["b1", "no"] }]), [
			"/sections/1/lectures/1",
			"UNKNOWN",
		]);
		assert.deepEqual(refusal([{ id: "b", lectures: ["a1"] }]), [
			"/sections/0/lectures/0",
			"UNKNOWN",
		]);
		assert.deepEqual(refusal([{ id: "a", lectures: ["a2", "a1", "a2"] }]), [
			"/sections/0/lectures/2",
			"DUPLICATE",
		]);
	});
});
