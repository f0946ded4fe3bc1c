import assert from "node:assert/strict";
import { test } from "node:test";
import { type MailDoc, MailModel } from "../../../models/engagement/mail.model.ts";
import type { Carrier, Refusal } from "../../../services/engagement/mail/carrier.ts";
import { Posting } from "../../../services/engagement/mail/posting.ts";
import { retentionOf } from "../../../services/engagement/mail/retention.ts";
import { memoryCollection, StillClock } from "../../support/memory.ts";

const day = 86_400_000;

async function office(isInbox: boolean) {
	const mails = await memoryCollection(MailModel);
	const clock = new StillClock();
	const mood: { refusal: Refusal | undefined; hasUse: boolean } = {
		refusal: undefined,
		hasUse: true,
	};
	const carrier: Carrier = {
		isInbox,
		async send() {
			if (mood.refusal) throw mood.refusal;
		},
		refusalOf: error => error as Refusal,
		close: () => {},
	};
	const posting = new Posting({
		mails,
		clock,
		carrier,
		domain: "school.example",
		compose: async () =>
			mood.hasUse ? { to: "ada@example.com", subject: "S", text: "T", html: "H" } : null,
		warn: () => {},
	});
	const post = (id: string, more: Partial<MailDoc> = {}) =>
		mails.insert({
			id,
			key: `key of ${id}`,
			to: "ada@example.com",
			template: "notification",
			data: { title: "T", body: "Dear Ada" },
			unsubscribeUrl: "https://school.example/u",
			state: "waiting",
			tries: 0,
			nextAt: clock.ms,
			createdAt: clock.ms,
			...more,
		});
	/** Posts and sends one, in this mood. */
	const send = async (id: string, how: Partial<typeof mood> = {}) => {
		await post(id);
		Object.assign(mood, { refusal: undefined, hasUse: true }, how);
		await posting.sendDue();
		return mails.get(id);
	};
	const end = () => retentionOf(mails, clock, 90).end();
	return { mails, clock, posting, post, send, end, mood };
}

test("a mail that went, or was dropped, loses address and words after its retention, and nothing else", async () => {
	const { mails, clock, send, end } = await office(false);
	const sent = await send("sent");
	const dropped = await send("dropped", { hasUse: false });
	assert.deepEqual([sent?.state, dropped?.state], ["sent", "dropped"]);
	clock.ms += 90 * day - 1;
	assert.equal(await end(), 0);
	assert.deepEqual(await mails.get("sent"), sent);
	clock.ms += 1;
	assert.equal(await end(), 2);
	for (const before of [sent, dropped]) {
		const { to: _to, unsubscribeUrl: _url, ...rest } = before as MailDoc;
		assert.deepEqual(await mails.get(rest.id), { ...rest, data: {}, agesFrom: 0 });
		assert.doesNotMatch(JSON.stringify(await mails.get(rest.id)), /ada|Ada/);
	}
});

test("a mail that waits or is parked keeps all of it, however old", async () => {
	const { mails, clock, posting, post, send, end, mood } = await office(false);
	const refusal: Refusal = { kind: "refused", code: "EENVELOPE 550" };
	const parked = await send("parked", { refusal });
	const waiting = await post("waiting", { nextAt: clock.ms + 1_000 * day });
	assert.deepEqual([parked?.state, parked?.agesFrom], ["parked", undefined]);
	clock.ms += 400 * day;
	assert.equal(await end(), 0);
	assert.deepEqual([await mails.get("parked"), await mails.get("waiting")], [parked, waiting]);

	mood.refusal = undefined;
	await mails.advance({ id: "parked" }, { $set: { state: "waiting", nextAt: clock.ms } });
	await posting.sendDue();
	assert.equal((await mails.get("parked"))?.state, "sent");
	assert.equal(await end(), 0, "it ages from when it went");
	clock.ms += 90 * day;
	assert.equal(await end(), 1);
	assert.equal((await mails.get("parked"))?.to, undefined);
});

test("what an older version sent ends too, and what it has not sent does not", async () => {
	const { mails, clock, post, end } = await office(false);
	for (const state of ["sent", "dropped", "parked", "waiting"] as const)
		await post(`old ${state}`, {
			state,
			createdAt: clock.ms - 90 * day,
			...(state === "sent" && { sentAt: clock.ms - 90 * day + 1 }),
		});
	assert.equal(await end(), 1, "dropped by when it was posted, sent by when it went");
	clock.ms += 1;
	assert.equal(await end(), 1);
	assert.deepEqual(
		(await mails.find({ to: { $exists: true } }, { sort: { id: 1 } })).map(({ id }) => id),
		["old parked", "old waiting"],
	);
});

test("the sandbox's inbox shows that words are past their retention", async () => {
	const { mails, clock, send, end } = await office(true);
	assert.equal((await send("sent"))?.shown?.to, "ada@example.com");
	clock.ms += 90 * day;
	assert.equal(await end(), 1);
	const { shown } = (await mails.get("sent")) as MailDoc;
	assert.equal(shown?.to, "");
	assert.match(`${shown?.subject} ${shown?.text} ${shown?.html}`, /^(.*past its retention.*\s*)+$/);
});
