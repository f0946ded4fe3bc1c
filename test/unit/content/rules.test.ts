import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { contentDisposition } from "../../../kernel/content-disposition.ts";
import { codeOf } from "../../../kernel/errors.ts";
import { isOfType, partsOf, planOf } from "../../../services/content/files/rules.ts";
import { readTicket, signTicket, type Ticket } from "../../../services/content/files/ticket.ts";
import { tinyVideo } from "../../support/video.ts";

const GiB = 1024 ** 3;
const lecture = { purpose: "lecture", contentType: "video/mp4", fileSize: 1 } as const;

test("a file may be as large as its purpose says, and above 1 GiB only in parts", () => {
	assert.equal(planOf({ ...lecture, fileSize: GiB }), undefined);
	for (const wrong of [
		{ fileSize: GiB + 1 },
		{ fileSize: 20 * GiB + 1, multipart: true },
		{ contentType: "text/html" },
		{ contentType: "constructor" },
		{ contentType: "VIDEO/MP4" },
	])
		assert.throws(
			() => planOf({ ...lecture, ...wrong }),
			error => codeOf(error) === "VALIDATION_ERROR",
			JSON.stringify(wrong),
		);
});

test("parts make up their file, at most 1,000 of them, each as large as S3 takes", () => {
	fc.assert(
		fc.property(fc.integer({ min: 1, max: 20 * GiB }), fileSize => {
			const partSize = planOf({ ...lecture, fileSize, multipart: true }) as number;
			const parts = partsOf(fileSize, partSize);
			assert.equal(
				parts.reduce((sum, one) => sum + one, 0),
				fileSize,
			);
			assert.ok(parts.length <= 1_000);
			assert.ok(parts.slice(0, -1).every(size => size === partSize && size >= 5 * 1024 ** 2));
			assert.ok((parts.at(-1) ?? 0) > 0);
		}),
	);
});

const bytes = (text: string) => Buffer.from(text, "latin1");
const webm = "\x1aE\xdf\xa3\x8aB\x82\x84webm";
const matroska = "\x1aE\xdf\xa3\x91B\x82\x88matroska";

test("the first bytes say what a file is, whatever was announced", async () => {
	for (const [contentType, first, expected] of [
		["video/mp4", tinyVideo, true],
		["video/quicktime", tinyVideo, true],
		["video/webm", tinyVideo, false],
		["video/webm", webm, true],
		["video/mp4", webm, false],
		["video/x-matroska", matroska, true],
		["video/webm", matroska, false],
		["video/mp4", "<html><script>alert(1)</script>", false],
		["video/mp4", "MZ\x90\0", false],
		["video/mp4", "%PDF-1.7", false],
		["video/mp4", "", false],
	] as const) {
		const found = await isOfType({ purpose: "lecture", contentType }, bytes(first));
		assert.equal(found, expected, `${contentType} of ${JSON.stringify(first.slice(0, 12))}`);
	}
});

const ticket: Ticket = { fileId: "fil_1", use: "part", number: 3, expiresAt: 1_000 };

test("a ticket holds as it was signed, by any secret that is still known, until its time", () => {
	const signed = signTicket("old", ticket);
	assert.deepEqual(readTicket(["new", "old"], signed, 999), ticket);
	assert.equal(readTicket(["new", "old"], signed, 1_000), undefined);
	assert.equal(readTicket(["new"], signed, 0), undefined);
	const other = signTicket("old", { ...ticket, fileId: "fil_2" });
	const [mine = "", mac = ""] = [other.split(".")[0], signed.split(".")[1]];
	for (const forged of [
		"",
		".",
		"e30.",
		`${mine}.${mac}`,
		`${signed}x`,
		signed.slice(1),
		`${signed}.`,
	])
		assert.equal(readTicket(["old"], forged, 0), undefined, forged);
});

test("no character of a ticket can be another", () => {
	const signed = signTicket("secret", ticket);
	fc.assert(
		fc.property(fc.nat(signed.length - 1), fc.constantFrom(..."Aa0_-.x"), (at, char) => {
			fc.pre(signed[at] !== char);
			const forged = signed.slice(0, at) + char + signed.slice(at + 1);
			// The last character of a MAC carries two bits that mean nothing.
			fc.pre(at < signed.length - 1);
			assert.equal(readTicket(["secret"], forged, 0), undefined);
		}),
	);
});

test("a file's name can end no header and no quotes", () => {
	assert.equal(
		contentDisposition("attachment", 'Ton "und"\r\nX: Töpfe%.mp4'),
		`attachment; filename="Ton _und___X: T_pfe_.mp4"; filename*=UTF-8''Ton%20%22und%22%0D%0AX%3A%20T%C3%B6pfe%25.mp4`,
	);
	fc.assert(
		fc.property(fc.string({ unit: "binary" }), name => {
			assert.match(
				contentDisposition("inline", name),
				/^inline; filename="[\x20-\x7e]*"; filename\*=UTF-8''[\w.~%!-]*$/,
			);
		}),
	);
});
