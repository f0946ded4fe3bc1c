import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { codeOf } from "../../kernel/errors.ts";
import type { Node } from "../../kernel/node.ts";
import { moneyOf } from "../../services/learning/figures/sums.ts";
import {
	type Actor,
	type Answered,
	asking,
	type Journey,
	newActor,
	newCourse,
	type Place,
	parked,
	type Raw,
	type Records,
} from "./crash-journey.ts";

/** Somebody who wants a course. */
export interface Buyer extends Actor {
	courseId: string;
}

/** Opens a payment for a course, has the sandbox pay it, and asks what came of it; from wherever it stands. */
export async function* pay(node: Node, { token, courseId }: Buyer): AsyncGenerator<string> {
	const me = asking(node, token);
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
	({ payment } = await me("payments.verify", { id: payment.id }));
	assert.ok(payment.capturedAt, "the provider has the money and the payment is not captured");
	yield "captured";
}

/** That what was given back, or is being so, is not given back again. @throws what stands in its way meanwhile */
export const notTwice = (refund: Promise<Answered>): Promise<void> =>
	refund.then(
		() => assert.fail("given back twice"),
		error => {
			if (codeOf(error) !== "ALREADY_REFUNDED") throw error;
		},
	);

/** What the database has of one buyer. */
async function writtenOf(records: Records, { userId }: Actor) {
	const payments = await records("payments");
	const mine = payments.filter(payment => payment.userId === userId);
	const others = new Set(payments.filter(p => p.userId !== userId).map(p => p._id));
	const intents = (await records("sandbox_intents")).filter(i => !others.has(i.key as string));
	const seats = (await records("enrollments")).filter(seat => seat.userId === userId);
	return { payments: mine, intents, seats };
}
type Written = Awaited<ReturnType<typeof writtenOf>>;

/** Whether anything of it went back, or is to. */
export const isRefunded = ({ payments }: Pick<Written, "payments">): boolean =>
	payments.some(({ refunds = {} }) => Object.keys(refunds as object).length > 0);

/** What the course's figures have of one buyer, and whether their sums are those of what they are counted from. */
async function figuresOf(records: Records, { courseId }: Buyer, { payments, seats }: Written) {
	const [kept, moved, totals] = await Promise.all([
		records("figure_seats"),
		records("figure_movements"),
		records("figure_courses"),
	]);
	const isIn = ({ enrolledOn }: Raw) => enrolledOn !== undefined;
	const isThrough = ({ completedOn }: Raw) => completedOn !== undefined;
	const of = moved.filter(movement => movement.courseId === courseId);
	const ofCourse = kept.filter(seat => seat.courseId === courseId);
	const {
		students = 0,
		completed = 0,
		money = {},
	}: Partial<Raw> = totals.find(({ _id }) => _id === courseId) ?? {};
	const mine = kept.filter(({ _id }) => seats.some(seat => seat._id === _id));
	return {
		seats: mine.map(seat => ({ isIn: isIn(seat), isThrough: isThrough(seat) })),
		movements: of
			.filter(({ paymentId }) => payments.some(({ _id }) => _id === paymentId))
			.map(({ kind, amountMinor }) => `${kind} ${amountMinor}`)
			.sort(),
		isRight:
			students === ofCourse.filter(isIn).length &&
			completed === ofCourse.filter(isThrough).length &&
			isDeepStrictEqual(money, moneyOf(of as never)),
	};
}

/** Everything that a purchase comes to. */
export async function purchased({ node, records }: Place, buyer: Buyer, admin: string) {
	const me = asking(node, buyer.token);
	const boss = asking(node, admin);
	const { items: payments } = await me("payments.list");
	const transfers = [];
	for (const { id: subjectId } of payments)
		transfers.push(...(await boss("ledger.transfers", { subjectId })).items);
	const audit = await boss("ledger.audit");
	const written = await writtenOf(records, buyer);
	const { intents, payments: docs } = written;
	return {
		payments: payments.map((p: Answered) => ({
			status: p.status,
			amount: p.amount,
			refunded: p.refundedAmountMinor ?? 0,
			refunds: (p.refunds ?? []).map((r: Answered) => `${r.amountMinor} ${r.status}`),
			isInDoubt: docs.some(({ _id, askAt }) => _id === p.id && askAt !== undefined),
		})),
		provider: intents.map(({ status, amountMinor, dueAt, refunds = {} }) => ({
			status,
			amountMinor,
			owesWebhook: dueAt !== undefined,
			refunds: Object.values(refunds as object).map(r => `${r.amountMinor} ${r.status}`),
		})),
		seats: (await me("enrollments.list")).items.map(
			(seat: Answered) => `${seat.status} ${seat.progressPercentage}`,
		),
		transfers: transfers
			.flatMap((t: Answered) =>
				t.legs.map((l: Answered) => `${t.kind} ${l.direction} ${l.account} ${l.amountMinor}`),
			)
			.sort(),
		...(await told(node, buyer)),
		figures: await figuresOf(records, buyer, written),
		differences: audit.differences,
		parked: await parked(node),
	};
}

/** What somebody was told, and by which way. */
export async function told(node: Node, { token }: Actor) {
	const me = asking(node, token);
	return {
		mails: (await me("mail.shown")).items.map((m: Answered) => m.subject).sort(),
		notices: (await me("notifications.list")).items.map((n: Answered) => n.type).sort(),
	};
}

type Purchased = Awaited<ReturnType<typeof purchased>>;

/** A student buys a course, sees 37 % of it and gives it back. */
export const purchase: Journey<Buyer, Purchased> = {
	stages: ["unpaid", "captured", "bought", "refunded"],

	async cast(node) {
		const courseId = await newCourse(node, await newActor(node, "teacher"));
		return { ...(await newActor(node, "student")), courseId };
	},

	async *steps({ node }, buyer) {
		const me = asking(node, buyer.token);
		yield* pay(node, buyer);
		const [{ id, refunds = [] }] = (await me("payments.list")).items;
		if (refunds.length === 0) {
			const { courseId } = buyer;
			const report = { courseId, progressPercentage: 37, totalWatchTime: 600 };
			await me("enrollments.progress", report);
			yield "bought";
		}
		const refund = me("payments.refund", { id, reason: "not what I expected" });
		await (refunds.length > 0 ? notTwice(refund) : refund);
		yield "refunded";
	},

	async stageOf(records, buyer) {
		const written = await writtenOf(records, buyer);
		const { intents, seats } = written;
		if (isRefunded(written)) return "refunded";
		if (!intents.some(intent => intent.status === "paid")) return "unpaid";
		return seats.some(({ progress }) => (progress as number) > 0) ? "bought" : "captured";
	},

	outcome: purchased,

	/** A payment may be there or not, and known to the provider or not; all that counts is that nothing came of it. */
	atFirst({ payments, provider, ...rest }) {
		assert.ok(payments.length <= 1 && provider.length <= payments.length);
		for (const { status } of payments) assert.match(status, /^(created|requires_action)$/);
		for (const { status } of provider) assert.equal(status, "open");
		return rest;
	},
};
