import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { ReviewDoc } from "../../../models/commerce/review.model.ts";
import { changed, counting, taken } from "../../../services/commerce/reviews/steps.ts";
import { plainText } from "../../../services/commerce/reviews/text.ts";

describe("the text of a review", () => {
	test("is plain: what is not seen is not there, lines end alike, nothing is around it", () => {
		assert.equal(plainText(" a\r\nb\rc\u2028d \n\n\n\n e\t\n "), "a\nb\nc\nd\n\n e");
		assert.equal(plainText("evil\u202egpj.exe\u0007\u0000 \u2066x\u2069\ufeff"), "evilgpj.exe x");
		assert.equal(plainText("<b>bold</b> & 1 < 2"), "<b>bold</b> & 1 < 2");
		assert.equal(plainText("e\u0301 👩‍👩‍👧"), "é 👩‍👩‍👧");
		assert.equal(plainText(" \u202a \n"), "");
	});

	test("is plain the second time as the first, and never longer than NFC makes it", () => {
		fc.assert(
			fc.property(fc.string({ unit: "binary", maxLength: 200 }), any => {
				const text = plainText(any);
				assert.equal(plainText(text), text);
				assert.ok(text.length <= any.normalize("NFC").length);
			}),
		);
	});
});

describe("a review", () => {
	const subject = { kind: "course", id: "crs_1" };
	const review: ReviewDoc = {
		id: "rev_1",
		userId: "usr_1",
		subject,
		subjectKey: "course:crs_1",
		userSubject: "usr_1:course:crs_1",
		countKey: "course:crs_1:4",
		rating: 4,
		text: "Good",
		counts: true,
		createdAt: "then",
		updatedAt: "then",
		version: 1,
	};
	const gone: ReviewDoc = { ...review, counts: false };
	delete gone.subjectKey;
	delete gone.countKey;

	test("that changes moves to where its stars are counted, if it counts", () => {
		assert.deepEqual(changed(review, { rating: 2 }, "now"), {
			$set: { rating: 2, countKey: "course:crs_1:2", text: "Good", updatedAt: "now" },
		});
		assert.deepEqual(changed({ ...review, counts: false }, { rating: 2 }, "now"), {
			$set: { rating: 2, text: "Good", updatedAt: "now" },
		});
	});

	test("that says the same is not changed, an empty text removes it", () => {
		assert.equal(changed(review, { rating: 4, text: " Good\n" }, "now"), null);
		assert.equal(changed(review, {}, "now"), null);
		assert.deepEqual(changed(review, { text: "" }, "now")?.$unset, { text: true });
	});

	test("counts or not, each told once; what is gone never counts", () => {
		assert.deepEqual(counting(review, false), {
			$set: { counts: false },
			$unset: { countKey: true },
		});
		assert.equal(counting(review, true), null);
		assert.deepEqual(counting({ ...review, counts: false }, true)?.$set, {
			counts: true,
			countKey: "course:crs_1:4",
		});
		assert.equal(counting(gone, true), null);
		assert.deepEqual(Object.keys(taken("now").$unset ?? {}), [
			"subjectKey",
			"countKey",
			"text",
			"reply",
		]);
	});
});
