import assert from "node:assert/strict";
import { test } from "node:test";
import { type MailDoc, MailModel } from "../../../models/engagement/mail.model.ts";
import type { Carrier, Refusal, Sendable } from "../../../services/engagement/mail/carrier.ts";
import { mailBackOffMs, Posting } from "../../../services/engagement/mail/posting.ts";
import { memoryCollection, StillClock } from "../../support/memory.ts";

/** A post office whose carrier does what it is told. */
async function office() {
	const mails = await memoryCollection(MailModel);
	const clock = new StillClock();
	const taken: Sendable[] = [];
	const warned: string[] = [];
	const mood: { refusal: Refusal | undefined; during: () => Promise<void>; gone: boolean } = {
		refusal: undefined,
		during: async () => {},
		gone: false,
	};
	const carrier: Carrier = {
		isInbox: false,
		async send(mail) {
			await mood.during();
			if (mood.refusal) throw mood.refusal;
			taken.push(mail);
		},
		refusalOf: error => error as Refusal,
		close: () => {},
	};
	const opened = () =>
		new Posting({
			mails,
			clock,
			carrier,
			domain: "school.example",
			compose: async () =>
				mood.gone ? null : { to: "ada@example.com", subject: "S", text: "T", html: "H" },
			warn: message => warned.push(message),
		});
	let count = 0;
	const post = async (change: Partial<MailDoc> = {}) =>
		(
			await mails.insert({
				id: `mal_${++count}`,
				key: `key ${count}`,
				userId: "usr_1",
				template: "notification",
				data: {},
				state: "waiting",
				tries: 0,
				nextAt: clock.ms,
				createdAt: clock.ms,
				...change,
			})
		).id;
	const get = async (id: string) => (await mails.get(id)) as MailDoc;
	return { mails, clock, taken, warned, mood, opened, post, get };
}

test("what is due goes once, whoever looks at the same time; what is not due waits", async () => {
	const { opened, post, get, taken, clock } = await office();
	const ids = await Promise.all(Array.from({ length: 30 }, () => post()));
	const later = await post({ nextAt: clock.ms + 1 });
	const sent = await Promise.all([opened().sendDue(), opened().sendDue(), opened().sendDue()]);
	assert.equal(
		sent.reduce((a, b) => a + b),
		30,
	);
	assert.equal(taken.length, 30);
	assert.equal(new Set(taken.map(({ messageId }) => messageId)).size, 30);
	for (const id of ids) {
		const { state, nextAt, sentAt } = await get(id);
		assert.deepEqual([state, nextAt, sentAt], ["sent", undefined, clock.ms]);
	}
	assert.equal((await get(later)).state, "waiting");
});

test("while nobody is there to carry, mails wait, later and later, and go once that is over", async () => {
	const { opened, post, get, taken, mood, clock, warned } = await office();
	const posting = opened();
	const ids = await Promise.all(Array.from({ length: 20 }, () => post()));
	mood.refusal = { kind: "away", code: "ESOCKET" };
	await posting.sendDue();
	await posting.sendDue();
	assert.ok(warned.length <= 8, "who is not there is not asked for each mail");
	for (let second = 0; second < 60; second += 5) {
		clock.ms += 5_000;
		await posting.sendDue();
	}
	assert.doesNotMatch(warned.join(), /ada@/);
	for (const id of ids) assert.equal((await get(id)).state, "waiting");
	mood.refusal = undefined;
	clock.ms += 600_000;
	await posting.sendDue();
	assert.deepEqual([taken.length, new Set(taken.map(m => m.messageId)).size], [20, 20]);
	assert.equal((await get(ids[0] as string)).lastError, undefined);
});

test("a mail that is refused for good is parked at once, one that cannot be sent after three days", async () => {
	const { opened, post, get, mood, clock } = await office();
	const posting = opened();
	mood.refusal = { kind: "refused", code: "EENVELOPE 550" };
	const refused = await post();
	await posting.sendDue();
	const parked = await get(refused);
	assert.deepEqual(
		[parked.state, parked.lastError, parked.nextAt, parked.tries],
		["parked", "EENVELOPE 550", undefined, 1],
	);
	mood.refusal = { kind: "later", code: "EENVELOPE 450" };
	const late = await post();
	for (let hours = 0; hours <= 71; hours++) {
		await posting.sendDue();
		assert.equal((await get(late)).state, "waiting", `${hours} h`);
		clock.ms += 3_600_000;
	}
	clock.ms += 3_600_000;
	await posting.sendDue();
	assert.equal((await get(late)).state, "parked");
	assert.deepEqual([1, 2, 3, 8, 30].map(mailBackOffMs), [5_000, 10_000, 20_000, 600_000, 600_000]);
});

test("one that whoever sends it died with goes again under its own Message-ID", async () => {
	const { opened, post, get, taken, mood, clock } = await office();
	const id = await post();
	const died = Promise.withResolvers<void>();
	const begun = Promise.withResolvers<void>();
	mood.during = () => {
		begun.resolve();
		return died.promise;
	};
	void opened().sendDue();
	await begun.promise;
	mood.during = async () => {};
	const heir = opened();
	assert.equal(await heir.sendDue(), 0, "it may yet be on its way");
	clock.ms += 120_000;
	assert.equal(await heir.sendDue(), 1);
	died.resolve();
	await new Promise(resolve => setTimeout(resolve, 20));
	assert.equal(new Set(taken.map(({ messageId }) => messageId)).size, 1);
	assert.deepEqual([(await get(id)).state, (await get(id)).tries], ["sent", 2]);
});

test("one that has lost its use is dropped", async () => {
	const { opened, post, get, taken, mood } = await office();
	mood.gone = true;
	const id = await post();
	assert.equal(await opened().sendDue(), 0);
	assert.deepEqual([(await get(id)).state, taken.length], ["dropped", 0]);
});
