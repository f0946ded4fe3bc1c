import assert from "node:assert/strict";
import { test } from "node:test";
import { mailDomain, messageIdOf, refusalOf } from "../../../services/engagement/mail/carrier.ts";
import { missingOf, writeLetter } from "../../../services/engagement/mail/letter.ts";
import { notificationTypes } from "../../../services/engagement/notifications/kinds.ts";
import {
	readUnsubscribeToken,
	unsubscribePage,
	unsubscribeToken,
} from "../../../services/engagement/notifications/unsubscribe.ts";
import { write } from "../../../services/engagement/notifications/words.ts";

const evil = `<script>alert("1")</script>{{ name }} & 'x'`;

test("a letter says the same as text and as HTML, in which nothing of its data is markup", () => {
	const { subject, text, html } = writeLetter("notification", {
		title: evil,
		body: evil,
		name: evil,
		url: `https://x.example/"onload="y`,
		unsubscribeUrl: "https://x.example/u",
	});
	assert.equal(subject, evil, "what a template is given is no template");
	assert.ok(text.includes(`Hello ${evil},`) && text.includes("https://x.example/u"));
	assert.doesNotMatch(html, /<script|"onload|'x'/);
	assert.equal(html.split("&lt;script&gt;").length, 4);
	assert.ok(html.includes("{{ name }}"));
});

test("a heading is one line", () => {
	const { subject, text } = writeLetter("notification", {
		title: "A\r\nBcc: b@example.com\u0085C",
		body: "B",
		name: "Ada\nEve",
		url: "",
		unsubscribeUrl: "",
	});
	assert.equal(subject, "A Bcc: b@example.com C");
	assert.match(text, /^Hello Ada Eve,\n\nB\n/);
	assert.doesNotMatch(text, /Open it|no more mail/);
});

test("a letter is not written without what it needs", () => {
	assert.deepEqual(missingOf("notification", { title: "T" }), ["body"]);
	assert.deepEqual(missingOf("password_reset", {}), ["id"]);
	assert.deepEqual(missingOf("notification", { title: "T", body: "B" }), []);
});

test("every type of notification has its words, and says so where they need what is not there", () => {
	const all = { course: "Clay", courseId: "c", certificateId: "k", money: "$1.00", reason: "r" };
	for (const type of notificationTypes) {
		const { title, body, path } = write(type, all);
		assert.ok(title.length > 5 && body.length > 5, type);
		assert.match(path, /^\/(school|certificates)/);
		assert.doesNotMatch(title + body + path, /[{}]/);
	}
	assert.throws(() => write("payment.captured", {}), /undefined variable: money/);
});

test("a mail's Message-ID follows from its key alone", () => {
	const id = messageIdOf("ntf_1", "school.example");
	assert.equal(id, messageIdOf("ntf_1", "school.example"));
	assert.notEqual(id, messageIdOf("ntf_2", "school.example"));
	assert.match(id, /^<[0-9a-f]{40}@school\.example>$/);
	assert.equal(mailDomain("https://school.example:8443"), "school.example");
	for (const url of ["http://127.0.0.1:3000", "http://[::1]:3000"])
		assert.equal(mailDomain(url), "localhost");
});

test("what a server says of a mail is told from what it says of itself", () => {
	for (const [error, kind] of [
		[{ code: "EENVELOPE", responseCode: 550, permanent: true }, "refused"],
		[{ code: "EMESSAGE", responseCode: 554, permanent: true }, "refused"],
		[{ code: "EENVELOPE", responseCode: 450 }, "later"],
		[{ code: "EAUTH", responseCode: 535, permanent: true }, "away"],
		[{ code: "ESOCKET" }, "away"],
		[{ code: "ETIMEDOUT", command: "DATA" }, "away"],
		[undefined, "away"],
	] as const)
		assert.equal(refusalOf(error).kind, kind, JSON.stringify(error));
	const { code } = refusalOf({ code: "EENVELOPE", responseCode: 550, message: "ada@example.com" });
	assert.equal(code, "EENVELOPE 550", "no address gets into a log");
});

test("an address to unsubscribe at is good for one user and one type, under any secret that is known", () => {
	const userId = "usr_0190f3c2-0000-7000-8000-000000000000";
	const token = unsubscribeToken("old", userId, "payment.refund_failed");
	assert.deepEqual(readUnsubscribeToken(["new", "old"], token), {
		userId,
		type: "payment.refund_failed",
	});
	for (const [secrets, wrong] of [
		[["new"], token],
		[[], token],
		[["old"], token.replace("refund_failed", "captured")],
		[["old"], token.replace("usr_0190", "usr_0191")],
		[["old"], unsubscribeToken("old", userId, "account.password_changed")],
		[["old"], `${token}\n`],
		[["old"], ""],
	] as const)
		assert.equal(readUnsubscribeToken(secrets, wrong), null, wrong);
	assert.match(unsubscribePage("payment.captured"), /<form method="post">/);
});
