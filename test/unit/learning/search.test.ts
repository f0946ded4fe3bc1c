import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { searchKeys, wordsOf } from "../../../services/learning/courses/search.ts";

const finds = (query: string, title: string): boolean => {
	const { words } = searchKeys(title);
	return wordsOf(query).every(word => Object.hasOwn(words, word));
};

describe("words", () => {
	test("are letters and digits in lower case without accents, each once", () => {
		assert.deepEqual(wordsOf("  Crème brûlée, crème & 2-nd COURSE! "), [
			"creme",
			"brulee",
			"2",
			"nd",
			"course",
		]);
		assert.deepEqual(wordsOf("Çok İyi ｆｕｌｌ日本語"), ["cok", "iyi", "full日本語"]);
		assert.deepEqual(wordsOf(" -- ?!\u{1f600} "), []);
		assert.deepEqual(wordsOf("__proto__ a.b $set"), ["proto", "a", "b", "set"]);
	});
});

describe("a title", () => {
	const title = "Advanced Pottery: Glazing in 10 steps";

	test("is found by the beginnings of its words, in any order and case", () => {
		for (const query of ["pottery", "POTT", "glaz adv", "10", "p g", "", "Póttery"])
			assert.ok(finds(query, title), query);
	});

	test("is not found by anything else", () => {
		for (const query of [
			"ottery",
			"potteries",
			"pottery wheel",
			"1 0 2",
			"constructor",
			"toString",
		])
			assert.ok(!finds(query, title), query);
	});

	test("is found by itself, whatever is in it", () => {
		fc.assert(
			fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), any => {
				assert.ok(finds(any, any));
			}),
		);
	});

	test("has keys that a store can keep and a guard can name", () => {
		fc.assert(
			fc.property(fc.string({ unit: "binary", maxLength: 200 }), any => {
				for (const key of Object.keys(searchKeys(any).words)) {
					assert.match(key, /^[\p{L}\p{N}]+$/u);
					assert.ok(key.isWellFormed());
				}
			}),
		);
	});

	test("is sorted without regard to case, accents and blanks around it", () => {
		const sorted = ["zen", "Apple", " Éclair", "banana"]
			.map(text => ({ text, ...searchKeys(text) }))
			.sort((a, b) => (a.titleKey < b.titleKey ? -1 : 1));
		assert.deepEqual(
			sorted.map(({ text }) => text),
			["Apple", "banana", " Éclair", "zen"],
		);
	});
});
