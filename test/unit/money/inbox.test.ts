import assert from "node:assert/strict";
import { test } from "node:test";
import { Inbox, webhookModel } from "../../../mixins/webhook-inbox.mixin.ts";
import {
	applyEvent,
	eventView,
	isKnownEvent,
	subjectOf,
} from "../../../services/money/payments/events.ts";
import type { ProviderEvent } from "../../../services/money/payments/providers/port.ts";
import { memoryCollection } from "../../support/memory.ts";
import { world } from "./support.ts";

const paid: ProviderEvent = {
	id: "evt_1",
	type: "payment.paid",
	kind: "paid",
	gatewayId: "pi_pay_1",
	key: "pay_1",
};

const day = 86_400_000;

async function inboxOf() {
	const w = await world();
	const events = await memoryCollection(webhookModel<ProviderEvent>("payment_events"));
	const { payments, till, clock } = w;
	/** The inbox of one node. */
	const opened = (before: () => Promise<void> = async () => {}) =>
		new Inbox<ProviderEvent>({
			events,
			clock,
			retentionDays: 90,
			isKnown: isKnownEvent,
			subjectOf,
			async apply(event, provider) {
				await before();
				return applyEvent({ payments, till }, event, provider);
			},
			warn: () => {},
		});
	return { ...w, events, opened, inbox: opened() };
}

const captured = async ({ facts }: Awaited<ReturnType<typeof inboxOf>>) =>
	(await facts()).filter(fact => fact.name === "payment.captured").length;

test("an event has one effect whatever its number", async () => {
	const w = await inboxOf();
	await w.till.create(w.wanted());
	w.bank.pay("pi_pay_1");
	await Promise.all(Array.from({ length: 20 }, () => w.inbox.take("bank", paid, "{}")));
	await w.inbox.take("bank", { ...paid, id: "evt_2" }, "{}");
	assert.equal(await captured(w), 1);
	assert.deepEqual(
		(await w.events.find({}, { sort: { id: 1 } })).map(({ id, state }) => [id, state]),
		[
			["bank:evt_1", "done"],
			["bank:evt_2", "done"],
		],
	);
});

test("an event that comes before its payment is applied once that is there", async () => {
	const w = await inboxOf();
	await w.inbox.take("bank", paid, "{}");
	assert.equal((await w.events.get("bank:evt_1"))?.state, "received");
	assert.equal(await w.inbox.applyDue(), 0, "not before its time");
	w.clock.ms += 1_000;
	assert.equal(await w.inbox.applyDue(), 0);
	await w.till.create(w.wanted());
	w.bank.pay("pi_pay_1");
	w.clock.ms += 2_000;
	assert.equal(await w.inbox.applyDue(), 1);
	assert.equal(await captured(w), 1);
});

test("an event that is sent again and again before its time is not put off by that", async () => {
	const w = await inboxOf();
	for (let n = 0; n < 10; n++) await w.inbox.take("bank", paid, "{}");
	await w.till.create(w.wanted());
	w.bank.pay("pi_pay_1");
	w.clock.ms += 1_000;
	assert.equal(await w.inbox.applyDue(), 1);
});

test("an event that the provider does not confirm yet is kept", async () => {
	const w = await inboxOf();
	await w.till.create(w.wanted());
	await w.inbox.take("bank", paid, "{}");
	assert.deepEqual([await captured(w), (await w.events.get("bank:evt_1"))?.tries], [0, 1]);
	w.bank.pay("pi_pay_1");
	await w.inbox.take("bank", paid, "{}");
	assert.equal(await captured(w), 1);
});

test("an event is stored before anything is asked, and applied after an outage", async () => {
	const w = await inboxOf();
	await w.till.create(w.wanted());
	w.bank.pay("pi_pay_1");
	w.bank.next = ["is down"];
	await w.inbox.take("bank", paid, "{}");
	assert.equal((await w.events.get("bank:evt_1"))?.state, "received");
	w.clock.ms += 60_000;
	assert.equal(await w.inbox.applyDue(), 1);
	assert.equal(await captured(w), 1);
});

test("an event that nobody can apply within a day is parked, and taken when it is sent again", async () => {
	const w = await inboxOf();
	await w.inbox.take("bank", paid, "{}");
	w.clock.ms += 24 * 3_600_000;
	assert.equal(await w.inbox.applyDue(), 0);
	assert.equal((await w.events.get("bank:evt_1"))?.state, "parked");
	w.clock.ms += 3_600_000;
	assert.equal(await w.inbox.applyDue(), 0);
	await w.till.create(w.wanted());
	w.bank.pay("pi_pay_1");
	await w.inbox.take("bank", paid, "{}");
	assert.deepEqual([await captured(w), (await w.events.get("bank:evt_1"))?.state], [1, "done"]);
});

test("a declined attempt is told even when a later one hides it at the provider", async () => {
	const w = await inboxOf();
	await w.till.create(w.wanted());
	const failure = (id: string) => ({ id, code: "card_declined", message: "Declined" });
	w.bank.set("pi_pay_1", { failure: failure("b") });
	for (const id of ["a", "b", "a"])
		await w.inbox.take(
			"bank",
			{
				id: `evt_${id}`,
				type: "payment.failed",
				kind: "failed",
				key: "pay_1",
				failure: failure(id),
			},
			"{}",
		);
	assert.deepEqual(
		(await w.facts()).map(fact => fact.name),
		["payment.failed", "payment.failed"],
	);
	assert.equal(w.bank.calls.filter(call => call === "fetch").length, 2, "one applied asks nobody");
});

test("another provider's event finds no payment of this one, and other types do nothing", async () => {
	const w = await inboxOf();
	await w.till.create(w.wanted());
	w.bank.pay("pi_pay_1");
	await w.inbox.take("other", paid, "{}");
	await w.inbox.take("bank", { ...paid, type: "customer.created", kind: "other" }, "{}");
	assert.equal(await captured(w), 0);
	assert.equal((await w.events.get("bank:evt_1"))?.state, "ignored");
	assert.deepEqual(
		(await w.inbox.list("ignored", {})).items.map(event => event.type),
		["customer.created"],
	);
});

test("what applied and meaningless events said ends after its retention, and that they came does not", async () => {
	const w = await inboxOf();
	await w.till.create(w.wanted());
	w.bank.pay("pi_pay_1");
	await w.inbox.take("bank", paid, "a body");
	await w.inbox.take(
		"bank",
		{ ...paid, id: "evt_2", type: "customer.created", kind: "other" },
		"{}",
	);
	const unknown = { ...paid, id: "evt_3", key: "pay_9", gatewayId: "pi_9" };
	await w.inbox.take("bank", unknown, "waits");
	w.clock.ms += 90 * day - 1;
	assert.equal(await w.inbox.endContent(), 0);
	const before = await w.events.get("bank:evt_1");
	assert.equal(before?.body, "a body");
	w.clock.ms += 1;
	const ended = await Promise.all([w.inbox.endContent(), w.opened().endContent()]);
	assert.equal(ended[0] + ended[1], 2);
	const { event: _event, body: _body, ...rest } = before;
	assert.deepEqual(await w.events.get("bank:evt_1"), { ...rest, agesFrom: 0 });
	const [waits] = await w.inbox.about("pay_9");
	assert.deepEqual([waits?.state, waits?.body, waits?.event], ["received", "waits", unknown]);

	let applied = 0;
	const again = w.opened(async () => void applied++);
	await again.take("bank", paid, "a body");
	assert.equal(await again.replay("bank:evt_1"), "done");
	assert.deepEqual([applied, await captured(w)], [0, 1]);
	assert.deepEqual(await w.events.get("bank:evt_1"), { ...rest, agesFrom: 0 });

	await w.inbox.applyDue();
	assert.equal((await w.events.get("bank:evt_3"))?.state, "parked");
	w.clock.ms += 365 * day;
	assert.equal(await w.inbox.endContent(), 0);
	await w.till.create({ ...w.wanted(), id: "pay_9" });
	w.bank.pay("pi_pay_9");
	assert.equal(
		await w.inbox.replay("bank:evt_3"),
		"done",
		"it has what it says for as long as it takes",
	);
});

test("an event that is past its retention says so, with the payment it was about", async () => {
	const w = await inboxOf();
	await w.till.create(w.wanted());
	w.bank.pay("pi_pay_1");
	await w.inbox.take("bank", paid, "{}");
	const { key: _, ...unkeyed } = paid;
	await w.inbox.take("bank", { ...unkeyed, id: "evt_2" }, "{}");
	const shown = async () =>
		(await w.inbox.list("done", {})).items
			.map(eventView)
			.sort((a, b) => (a.id < b.id ? -1 : 1))
			.map(({ paymentId, isPastRetention }) => [paymentId, isPastRetention]);
	assert.deepEqual(await shown(), [
		["pay_1", undefined],
		[undefined, undefined],
	]);
	w.clock.ms += 90 * day;
	await w.inbox.endContent();
	assert.deepEqual(await shown(), [
		["pay_1", true],
		[undefined, true],
	]);
});

test("who hung while an event was applied by another brings nothing back that was ended since", async () => {
	const w = await inboxOf();
	await w.till.create(w.wanted());
	w.bank.pay("pi_pay_1");
	const gate = Promise.withResolvers<void>();
	const reached = Promise.withResolvers<void>();
	const hung = w
		.opened(() => {
			reached.resolve();
			return gate.promise;
		})
		.take("bank", paid, "{}");
	await reached.promise;
	await w.inbox.take("bank", paid, "{}");
	w.clock.ms += 90 * day;
	assert.equal(await w.inbox.endContent(), 1);
	const ended = await w.events.get("bank:evt_1");
	gate.resolve();
	await hung;
	assert.deepEqual(await w.events.get("bank:evt_1"), ended);
	assert.equal(await captured(w), 1);
});
