import assert from "node:assert/strict";
import { test } from "node:test";
import type { Context } from "moleculer";
import type { MailDoc } from "../../../models/engagement/mail.model.ts";
import type { NotificationDoc } from "../../../models/engagement/notification.model.ts";
import { eventually } from "../../support/http.ts";
import type { SignedUp } from "../../support/identity.ts";
import { as, openSchool, outcome, placesOf, type School } from "../learning/school.ts";

interface Push {
	userId: string;
	event: string;
	payload: { id?: string; type?: string; unread: number };
}

/** A school, and what goes out of it by mail and live. */
async function listening(school: School) {
	const { call, node, settled } = school;
	const pushes: Push[] = [];
	node.broker.createService({
		name: "ear",
		events: { "realtime.push": ({ params }: Context<Push>) => void pushes.push(params) },
	});
	await node.broker.waitForServices("ear");
	const mailsOf = async (who: SignedUp) => {
		await settled();
		return (await call("mail.shown", {}, as(who))).items.filter(m => m.template === "notification");
	};
	return {
		mailsOf,
		liveOf: ({ user }: SignedUp) => pushes.filter(({ userId }) => userId === user.id),
	};
}

test("a payment and its refund are told in the inbox, by mail and live, each once", async t => {
	const school = await openSchool(t, { SERVICE_SECRET_KEY: "s".repeat(32) });
	const { call, clock, course, person, pay, told, tellAgain, store } = school;
	const { mailsOf, liveOf } = await listening(school);
	const who = await person();
	const { id: courseId } = await course({ title: "Pottery <b>", price: 99.99 });
	const paymentId = await pay(who, courseId);
	const seen = { courseId, progressPercentage: 37, totalWatchTime: 1 };
	await call("enrollments.progress", seen, as(who));
	await call("payments.refund", { id: paymentId }, as(who));
	const mails = await eventually(
		() => mailsOf(who),
		found => found.length === 2,
	);
	const [refund, payment] = mails;
	assert.deepEqual(
		[payment?.subject, refund?.subject],
		["Payment received", "Payment refunded"],
		"an enrollment goes by mail only where one asks for it",
	);
	assert.match(refund?.text as string, /^We gave you \$62\.99 back\./);
	assert.match(refund?.html as string, /<p>We gave you \$62\.99 back\.<\/p>/);
	assert.equal(refund?.to, who.email);
	assert.match(refund?.unsubscribeUrl as string, /\/api\/notifications\/unsubscribe\/usr_/);

	const { items, unread } = await call("notifications.list", {}, as(who));
	const live = () => liveOf(who).map(({ payload: { type, id } }) => `${type} ${id}`);
	const inbox = items.map(({ type, id }) => `${type} ${id}`);
	assert.deepEqual(live().sort(), inbox.sort());
	assert.equal(unread, 3);
	assert.equal(Math.max(...liveOf(who).map(({ payload }) => payload.unread)), 3);

	const allAgain = async () => {
		for (const name of ["payment.captured", "payment.refunded", "enrollment.activated"])
			for (const fact of told(name))
				if (fact.data.userId === who.user.id) await tellAgain("notifications", fact);
	};
	await allAgain();
	assert.equal((await mailsOf(who)).length, 2);
	assert.equal(live().length, 3);

	await call("notifications.readAll", {}, as(who));
	const { event, payload } = liveOf(who).at(-1) as Push;
	assert.deepEqual([event, payload], ["unread", { unread: 0 }]);
	const others = await call("mail.shown", {}, as(school.student));
	assert.ok(others.items.every(({ to }) => to === school.student.email));
	const all = await call("mail.shown", { pageSize: 100 }, as(await person("admin")));
	assert.ok(all.items.some(({ to }) => to === who.email));

	clock.aheadMs += 91 * 86_400_000;
	await call("mail.endContent");
	clock.aheadMs -= 91 * 86_400_000;
	await allAgain();
	const kept = await store<MailDoc>("mail", "mails").find({ userId: who.user.id });
	assert.ok(kept.every(({ state, data }) => state === "sent" && Object.keys(data).length === 0));
	assert.equal(kept.filter(({ template }) => template === "notification").length, 2);
	assert.deepEqual(
		(await mailsOf(who)).map(({ to, subject, unsubscribeUrl }) => [to, subject, unsubscribeUrl]),
		Array(2).fill(["", "removed, past its retention", undefined]),
	);
	assert.equal((await call("notifications.list", {}, as(who))).total, 3, "those are the user's");
});

test("what was left undone when a node died is done by the fact that comes again, by the first decision", async t => {
	const school = await openSchool(t);
	const { call, course, person, pay, told, tellAgain, store } = school;
	const { mailsOf, liveOf } = await listening(school);
	const who = await person();
	await pay(who, (await course({ price: 5 })).id);
	const mails = store<MailDoc>("mail", "mails");
	const [payment] = await mailsOf(who);
	assert.equal(await mails.remove({ id: payment?.id as string }), 1, "as if it died before this");
	await call(
		"notifications.setPreferences",
		{ types: { "payment.captured": { email: false } } },
		as(who),
	);
	const [fact] = told("payment.captured").filter(({ data }) => data.userId === who.user.id);
	const before = liveOf(who).length;
	await tellAgain("notifications", fact as never);
	assert.deepEqual(
		(await mailsOf(who)).map(({ id }) => id),
		[payment?.id],
	);
	assert.equal(liveOf(who).length, before);
});

test("preferences", async t => {
	const school = await openSchool(t, { SERVICE_SECRET_KEY: "s".repeat(32) });
	const { call, clock, course, person, pay, store } = school;
	const { mailsOf, liveOf } = await listening(school);
	const set = (who: SignedUp, said: object) =>
		call("notifications.setPreferences", said as never, as(who));

	await t.test("begin as they are for all, and are replaced as a whole", async () => {
		const who = await person();
		const usual = await call("notifications.preferences", {}, as(who));
		assert.equal(usual.quietHours, undefined);
		assert.deepEqual(usual.types["payment.captured"], { inApp: true, email: true, live: true });
		assert.ok(!("account.password_changed" in usual.types), "what is critical is nobody's choice");
		const quietHours = { from: "22:00", to: "07:00", timeZone: "Europe/Berlin" };
		const said = await set(who, { types: { "payment.captured": { live: false } }, quietHours });
		assert.deepEqual(said, {
			types: { ...usual.types, "payment.captured": { inApp: true, email: true, live: false } },
			quietHours,
		});
		assert.deepEqual(await call("notifications.preferences", {}, as(who)), said);
		assert.deepEqual(await set(who, {}), usual);
	});

	await t.test("hold for each channel by itself", async () => {
		const who = await person();
		await set(who, {
			types: {
				"payment.captured": { inApp: false, email: true, live: true },
				"enrollment.activated": { email: true, live: false },
			},
		});
		await pay(who, (await course({ title: "Clay", price: 5 })).id);
		const { items, total, unread } = await call("notifications.list", {}, as(who));
		assert.deepEqual([total, unread, items[0]?.type], [1, 1, "enrollment.activated"]);
		assert.deepEqual(
			liveOf(who).map(({ payload }) => payload.type),
			["payment.captured"],
		);
		const mails = await mailsOf(who);
		assert.deepEqual(mails.map(m => m.subject).sort(), [
			"Payment received",
			"You are enrolled in Clay",
		]);
		const hidden = store<NotificationDoc>("notifications", "notifications");
		const [doc] = await hidden.find({ userId: who.user.id, type: "payment.captured" });
		assert.equal(
			await outcome(call("notifications.read", { id: doc?.id as string }, as(who))),
			"NOTIFICATION_NOT_FOUND",
		);
	});

	await t.test("refuse times and zones that there are not", async () => {
		const who = await person();
		const quiet = (from: string, to: string, timeZone = "UTC") =>
			placesOf(set(who, { quietHours: { from, to, timeZone } }));
		assert.deepEqual(await quiet("22:00", "22:00"), ["/quietHours/to"]);
		assert.deepEqual(await quiet("24:00", "07:00"), ["/quietHours/from"]);
		assert.deepEqual(await quiet("22:00", "07:00", "Europe/Atlantis"), ["/quietHours/timeZone"]);
		assert.equal(await outcome(set(who, { types: { "no.type": { email: true } } })), "ok");
	});

	await t.test("let mails of quiet hours wait for their end, and nothing else", async () => {
		const who = await person();
		const now = new Date(clock.now());
		const hour = (ahead: number) =>
			`${String((now.getUTCHours() + ahead + 24) % 24).padStart(2, "0")}:00`;
		await set(who, { quietHours: { from: hour(0), to: hour(2), timeZone: "UTC" } });
		await pay(who, (await course({ price: 5 })).id);
		assert.equal((await call("notifications.list", {}, as(who))).total, 2);
		assert.equal(liveOf(who).length, 2);
		assert.deepEqual(await mailsOf(who), []);
		const passwords = (await call("mail.shown", {}, as(who))).items.map(m => m.template);
		assert.deepEqual(passwords, ["email_verification"], "what is critical does not wait");
		assert.equal((await call("mail.sendDue")).sent, 0);
		const aheadMs = 2 * 3_600_000;
		clock.aheadMs += aheadMs;
		const { sent } = await call("mail.sendDue");
		clock.aheadMs -= aheadMs;
		assert.equal(sent, 1);
		assert.equal((await mailsOf(who)).length, 1);
	});

	await t.test(
		"are changed by one click in a mail, for its type alone, by nobody else",
		async () => {
			const who = await person();
			await pay(who, (await course({ price: 5 })).id);
			const [payment] = await mailsOf(who);
			const token = String(payment?.unsubscribeUrl).split("/").at(-1) as string;
			const page = await call("notifications.unsubscribePage", { token });
			assert.match(page.content, /<form method="post">/);
			assert.equal(
				(await call("notifications.preferences", {}, as(who))).types["payment.captured"].email,
				true,
			);
			const click = {
				headers: {},
				body: Buffer.from("List-Unsubscribe=One-Click").toString("base64"),
			};
			for (let again = 0; again < 2; again++)
				assert.match(
					(await call("notifications.unsubscribe", { token, ...click })).content,
					/turned off/,
				);
			const { types } = await call("notifications.preferences", {}, as(who));
			assert.deepEqual(types["payment.captured"], { inApp: true, email: false, live: true });
			assert.equal(types["payment.refunded"].email, true);
			const forged = token.replace(who.user.id, school.student.user.id);
			assert.equal(
				await outcome(call("notifications.unsubscribe", { token: forged, ...click })),
				"UNSUBSCRIBE_TOKEN_INVALID",
			);
		},
	);
});

test("a mail is one for its key, whoever asks for it how often", async t => {
	const { call, person, store } = await openSchool(t);
	const who = await person();
	const mail = {
		key: "one",
		userId: who.user.id,
		template: "notification",
		data: { title: "T", body: "B" },
	} as const;
	const answers = await Promise.all(Array.from({ length: 20 }, () => call("mail.send", mail)));
	assert.equal(new Set(answers.map(({ id }) => id)).size, 1);
	const mails = store<MailDoc>("mail", "mails");
	assert.equal(await mails.count({ key: "one" }), 1);
	assert.deepEqual(await placesOf(call("mail.send", { ...mail, data: {} })), ["/data/title"]);
	const { userId: _, ...nobodys } = mail;
	assert.deepEqual(await placesOf(call("mail.send", nobodys)), ["/to"]);
	const gone = { ...mail, key: "two", userId: "usr_gone" };
	assert.equal((await call("mail.send", gone)).state, "dropped");
});

test("an address that nobody has confirmed is spared: ten notifications a day, no name of a stranger's choice", async t => {
	const { call, clock, person, store } = await openSchool(t);
	const { user } = await person();
	let count = 0;
	const send = async () => {
		const key = `mail-${count++}`;
		const data = { title: "T", body: "B" };
		const { state } = await call("mail.send", {
			key,
			userId: user.id,
			template: "notification",
			data,
		});
		const [mail] = await store<MailDoc>("mail", "mails").find({ key });
		return `${state} ${mail?.shown?.text.split("\n")[0] ?? ""}`.trim();
	};
	const sent = [];
	for (let i = 0; i < 12; i++) sent.push(await send());
	assert.deepEqual(sent, [...Array.from({ length: 10 }, () => "sent B"), "dropped", "dropped"]);
	clock.aheadMs += 86_400_000;
	assert.equal(await send(), "sent B");
	await call("users.verifyEmail", { id: user.id });
	for (let i = 0; i < 12; i++) assert.equal(await send(), "sent Hello Test User,");
});

test("where nobody carries mail nothing is kept for later", async t => {
	const { call, person, store } = await openSchool(t, { SANDBOX: "off" });
	const who = await person();
	const mail = { key: "one", userId: who.user.id, template: "notification" } as const;
	const sent = await call("mail.send", { ...mail, data: { title: "T", body: "B" } });
	assert.equal(sent.state, "off");
	assert.equal(await store<MailDoc>("mail", "mails").count({}), 0);
	assert.equal(await outcome(call("mail.shown", {}, as(who))), "SERVICE_NOT_FOUND");
});
