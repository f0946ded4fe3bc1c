import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { codeOf } from "../../kernel/errors.ts";
import type { Node } from "../../kernel/node.ts";
import { moneyOf } from "../../services/learning/figures/sums.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came
export type Ask = (action: string, params?: object) => Promise<any>;

/** Calls actions as this user; without a token as a node of the mesh. */
export const asking =
	({ broker }: Node, token?: string): Ask =>
	(action, params = {}) =>
		broker.call(action, params, { headers: token ? { token } : {} });

export interface Buyer {
	token: string;
	userId: string;
	courseId: string;
}

/** How far a purchase is: `unpaid` with a payment open or none, `bought` with the seat taken and 37 % seen. */
export type Stage = "unpaid" | "captured" | "bought" | "refunded";

/** Settles after each stage, until the journey has ended. @throws what ends it early: an answer, the signal. */
export async function play(node: Node, buyer: Buyer, signal?: AbortSignal): Promise<void> {
	for await (const _ of journey(asking(node, buyer.token), buyer)) await settled(node, signal);
}

/**
 * What a client does from buying a course to giving it back, from wherever things stand: each stage as it is reached.
 * @throws AssertionError where an answer is not one that a client may get.
 */
export async function* journey(me: Ask, { courseId }: Buyer): AsyncGenerator<Stage> {
	let [payment] = (await me("payments.list")).items;
	if (!payment?.capturedAt) {
		payment = await me("payments.create", {
			courseId,
			paymentMethod: "stripe",
			amount: 99.99,
			currency: "USD",
		});
		yield "unpaid";
		payment = await me("sandbox.complete", { id: payment.id, outcome: "succeed" });
	}
	const { id } = payment;
	({ payment } = await me("payments.verify", { id }));
	assert.ok(payment.capturedAt, "the provider has the money and the payment is not captured");
	yield "captured";
	const isRefunded = payment.refunds?.length > 0;
	if (!isRefunded) {
		const report = { courseId, progressPercentage: 37, totalWatchTime: 600 };
		await me("enrollments.progress", report);
		yield "bought";
	}
	const refund = me("payments.refund", { id, reason: "not what I expected" });
	if (isRefunded)
		await assert.rejects(refund, (error: Error) => codeOf(error) === "ALREADY_REFUNDED");
	else await refund;
	yield "refunded";
}

/** Names of the actions of this kind of every service, as `facts.sweep`. */
const everywhere = ({ platform }: Node, action: string): string[] =>
	[...platform.contracts.actions.keys()].filter(name => name.endsWith(`.${action}`)).sort();

const settleMs = 15_000;

/** Lets go of what consumers have receipts for, until no fact is left; publishes nothing again. */
export async function settled(node: Node, signal?: AbortSignal): Promise<void> {
	const ask = asking(node);
	const until = performance.now() + settleMs;
	for (;;) {
		signal?.throwIfAborted();
		const sweeps = await Promise.all(everywhere(node, "facts.sweep").map(name => ask(name)));
		// A fact that was let go in this round may have led to another after its service was asked.
		const left = sweeps.reduce((sum, sweep) => sum + sweep.pending + sweep.settled, 0);
		if (left === 0) return;
		assert.ok(performance.now() < until, `${left} facts without all their receipts`);
		await pause(20);
	}
}

/**
 * The one sweep after a crash: what is in doubt is asked about, what waits is delivered, applied and published. An event
 * that was stored a moment ago has its own back-off, which is waited for.
 */
export async function sweep(node: Node, records: Records): Promise<void> {
	const ask = asking(node);
	await ask("payments.reconcile", { now: true });
	await ask("sandbox.deliver");
	const until = performance.now() + settleMs;
	for (;;) {
		await ask("payments.applyEvents");
		const events = await records("payment_events");
		if (events.every(({ state }) => state !== "received")) break;
		assert.ok(performance.now() < until, "a webhook is not applied");
		await pause(100);
	}
	for (const name of everywhere(node, "facts.sweep")) await ask(name, { now: true });
	await settled(node);
}

export type Raw = Record<string, unknown> & { _id: string };

/** All documents of a collection, as the database has them. */
export type Records = (collection: string) => Promise<Raw[]>;

/** What the database has of one buyer. */
export async function writtenOf(records: Records, { userId }: Buyer) {
	const payments = await records("payments");
	const mine = payments.filter(payment => payment.userId === userId);
	const others = new Set(payments.filter(p => p.userId !== userId).map(p => p._id));
	const intents = (await records("sandbox_intents")).filter(i => !others.has(i.key as string));
	const seats = (await records("enrollments")).filter(seat => seat.userId === userId);
	return { payments: mine, intents, seats };
}
export type Written = Awaited<ReturnType<typeof writtenOf>>;

/** How far a purchase was when the process ended, by what was written down and what the provider had. */
export function stageOf({ payments, intents, seats }: Written): Stage {
	const refunds = payments.flatMap(({ refunds = {} }) => Object.keys(refunds as object));
	if (refunds.length > 0) return "refunded";
	if (!intents.some(intent => intent.status === "paid")) return "unpaid";
	return seats.some(({ progress }) => (progress as number) > 0) ? "bought" : "captured";
}

/** What the course's figures have of one buyer, and whether their sums are those of what they are counted from. */
async function figuresOf(records: Records, { courseId }: Buyer, { payments, seats }: Written) {
	const [kept, moved, totals] = await Promise.all([
		records("figure_seats"),
		records("figure_movements"),
		records("figure_courses"),
	]);
	const isIn = ({ enrolledOn }: Raw) => enrolledOn !== undefined;
	const of = moved.filter(movement => movement.courseId === courseId);
	const { students = 0, money = {} }: Partial<Raw> =
		totals.find(({ _id }) => _id === courseId) ?? {};
	return {
		seats: kept.filter(({ _id }) => seats.some(seat => seat._id === _id)).map(isIn),
		movements: of
			.filter(({ paymentId }) => payments.some(({ _id }) => _id === paymentId))
			.map(({ kind, amountMinor }) => `${kind} ${amountMinor}`)
			.sort(),
		isRight:
			students === kept.filter(seat => seat.courseId === courseId && isIn(seat)).length &&
			isDeepStrictEqual(money, moneyOf(of as never)),
	};
}

/** Everything that a purchase comes to, without ids and times. */
export async function outcome(node: Node, records: Records, buyer: Buyer, admin: string) {
	const me = asking(node, buyer.token);
	const boss = asking(node, admin);
	const { items: payments } = await me("payments.list");
	const transfers = [];
	for (const { id: subjectId } of payments)
		transfers.push(...(await boss("ledger.transfers", { subjectId })).items);
	const audit = await boss("ledger.audit");
	const parked = [];
	for (const name of everywhere(node, "facts.parked"))
		parked.push(...(await asking(node)(name)).items);
	const written = await writtenOf(records, buyer);
	const { intents, payments: docs } = written;
	return {
		// biome-ignore-start lint/suspicious/noExplicitAny: as they are answered
		payments: payments.map((p: any) => ({
			status: p.status,
			amount: p.amount,
			refunded: p.refundedAmountMinor ?? 0,
			refunds: (p.refunds ?? []).map((r: any) => `${r.amountMinor} ${r.status}`),
			isInDoubt: docs.some(({ _id, askAt }) => _id === p.id && askAt !== undefined),
		})),
		provider: intents.map(({ status, amountMinor, dueAt, refunds = {} }) => ({
			status,
			amountMinor,
			owesWebhook: dueAt !== undefined,
			refunds: Object.values(refunds as object).map(r => `${r.amountMinor} ${r.status}`),
		})),
		seats: (await me("enrollments.list")).items.map(
			(seat: any) => `${seat.status} ${seat.progressPercentage}`,
		),
		transfers: transfers
			.flatMap((t: any) =>
				t.legs.map((l: any) => `${t.kind} ${l.direction} ${l.account} ${l.amountMinor}`),
			)
			.sort(),
		mails: (await me("mail.shown")).items.map((m: any) => m.subject).sort(),
		notices: (await me("notifications.list")).items.map((n: any) => n.type).sort(),
		// biome-ignore-end lint/suspicious/noExplicitAny: as they are answered
		figures: await figuresOf(records, buyer, written),
		differences: audit.differences,
		parked,
	};
}
export type Outcome = Awaited<ReturnType<typeof outcome>>;
