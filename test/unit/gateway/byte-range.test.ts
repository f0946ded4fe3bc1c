import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { rangeOf, stretchesOf } from "../../../services/gateway/api/byte-range.ts";

test("a range is what RFC 9110 says of a file of 10 bytes", () => {
	for (const [header, expected] of [
		[undefined, undefined],
		["bytes=0-3", { first: 0, last: 3 }],
		["bytes=4-", { first: 4, last: 9 }],
		["bytes=4-99", { first: 4, last: 9 }],
		["bytes=-3", { first: 7, last: 9 }],
		["bytes=-99", { first: 0, last: 9 }],
		["BYTES=9-9", { first: 9, last: 9 }],
		["bytes=10-", "none"],
		["bytes=10-12", "none"],
		["bytes=-0", "none"],
		["bytes=3-1", undefined],
		["bytes=0-1,4-5", undefined],
		["bytes=-", undefined],
		["bytes=a-b", undefined],
		["items=0-3", undefined],
		[`bytes=0-${"9".repeat(40)}`, undefined],
	] as const)
		assert.deepEqual(rangeOf(header, 10), expected, header);
});

test("the stretches of a range are its bytes, however a file is cut into pieces", () => {
	const pieces = fc.array(fc.nat(20), { minLength: 1, maxLength: 8 }).filter(s => s.some(n => n));
	fc.assert(
		fc.property(pieces, fc.nat(), fc.nat(), (sizes, a, b) => {
			const size = sizes.reduce((sum, one) => sum + one, 0);
			const [first, last] = [a % size, b % size].sort((x, y) => x - y) as [number, number];
			const whole = Array.from({ length: size }, (_, i) => i);
			const rest = [...whole];
			const cut = sizes.map(length => rest.splice(0, length));
			const read = stretchesOf(sizes, { first, last }).flatMap(({ index, start, length }) => {
				assert.ok(length > 0);
				return cut[index]?.slice(start, start + length);
			});
			assert.deepEqual(read, whole.slice(first, last + 1));
		}),
	);
});
