import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { canonicalEmail, checkedEmail } from "../../../services/identity/email.ts";

test("addresses that a person would call the same are one", () => {
	assert.equal(canonicalEmail("  Ada@Example.COM\t"), "ada@example.com");
	assert.equal(canonicalEmail("ａｄａ＠example．com"), "ada@example.com");
	assert.equal(canonicalEmail("ﬁ@example.com"), "fi@example.com");
	assert.equal(canonicalEmail("cafe\u0301@example.com"), "caf\u00e9@example.com");
});

test("the canonical form is its own canonical form", () => {
	const once = canonicalEmail("\u0386\u0345@example.com");
	assert.equal(canonicalEmail(once), once);
	fc.assert(
		fc.property(fc.string({ unit: "binary" }), typed => {
			const canonical = canonicalEmail(typed);
			assert.equal(canonicalEmail(canonical), canonical);
		}),
	);
});

for (const typed of ["a@b.co", "o'neil+tag@mail.example.co.uk", "jörg@büro.example", " A@B.CO "])
	test(`${JSON.stringify(typed)} is an address`, () => {
		assert.equal(checkedEmail(typed), canonicalEmail(typed));
	});

for (const typed of [
	"",
	"   ",
	"ada",
	"ada@",
	"@example.com",
	"ada@localhost",
	"ada@example..com",
	".ada@example.com",
	"ada.@example.com",
	"a b@example.com",
	"a@b@example.com",
	"a\u0000b@example.com",
	"ada@example.com\nbcc: x@example.com",
	"<ada@example.com>",
	"ada@-example.com",
	// Only its canonical form has two of them.
	"a\uff20b@example.com",
	`${"a".repeat(250)}@b.co`,
])
	test(`${JSON.stringify(typed)} is none`, () => {
		assert.throws(() => checkedEmail(typed), {
			type: "VALIDATION_ERROR",
			data: { errors: [{ path: "/email", code: "FORMAT", message: "must be an e-mail address" }] },
		});
	});

test("a hostile address is refused in linear time", () => {
	const started = process.cpuUsage();
	for (const hostile of ["a.".repeat(126), `a@${"a-".repeat(125)}`, `a@${"a.".repeat(125)}`])
		assert.throws(() => checkedEmail(hostile));
	assert.ok(process.cpuUsage(started).user < 500_000, "µs of CPU time");
});
