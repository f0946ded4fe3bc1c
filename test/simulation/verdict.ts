import type { OutgoingFact, Raw } from "../../kernel/store/collection.ts";
import type { NotificationDoc } from "../../models/engagement/notification.model.ts";
import type { EnrollmentDoc } from "../../models/learning/enrollment.model.ts";
import type { PaymentDoc } from "../../models/money/payment.model.ts";
import type { TransferDoc } from "../../models/money/transfer.model.ts";
import { notifications as notificationsContract } from "../../services/engagement/notifications/notifications.contract.ts";
import { isOpen } from "../../services/money/payments/states.ts";
import { type Bank, type Intent, left, refundedOf } from "./bank.ts";
import { contracts } from "./node.ts";

type Stored<T> = T & { _id: string };

/** All that is left once everything came to rest. */
export interface Remains {
	bank: Bank;
	facts: ReadonlyMap<string, OutgoingFact>;
	/** Services whose receipts a fact waits for. */
	consumers: ReadonlySet<string>;
	/** Seats that a service took away without giving anything back. */
	dropped: ReadonlySet<string>;
	documents(collection: string): readonly Raw[];
}

/** What must hold at the end; each thing that does not, in words. */
export function problemsOf(remains: Remains): string[] {
	return [
		...money(remains),
		...seats(remains),
		...books(remains),
		...told(remains),
		...remains
			.documents("payment_events")
			.filter(event => event.state !== "done" && event.state !== "ignored")
			.map(event => `the event ${event._id} is ${event.state}: ${event.lastError}`),
	];
}

const paymentsOf = ({ documents }: Remains) =>
	documents("payments") as unknown as Stored<PaymentDoc>[];
const seatsOf = ({ documents }: Remains) =>
	documents("enrollments") as unknown as Stored<EnrollmentDoc>[];

/** What payments know is what the bank has. */
function* money(remains: Remains): Generator<string> {
	const { bank } = remains;
	const payments = new Map(paymentsOf(remains).map(payment => [payment._id, payment]));
	for (const { id, key, status } of bank.intents.values()) {
		const payment = payments.get(key);
		if (!payment) yield `the bank has ${id} for ${key}, which nobody knows`;
		else if (status === "paid" && !(payment.capturedAt && payment.gatewayId === id))
			yield `the bank has money for ${key}, which is ${payment.status}`;
	}
	for (const payment of payments.values()) {
		const { _id: name, status, gatewayId } = payment;
		const intent = gatewayId ? bank.intents.get(gatewayId) : bank.byKey(name);
		if (isOpen(status)) yield `${name} is ${status} for ever`;
		if (payment.askAt !== undefined) yield `${name} is ${status} and asked about for ever`;
		if (payment.openRefund) yield `${payment.openRefund} is open for ever`;
		if (payment.capturedAt) yield* captured(payment, intent);
		else if (intent?.status === "open" && intent.cancels)
			yield `${name} is ${status} and can still be paid at the bank`;
	}
}

function* captured(payment: Stored<PaymentDoc>, intent: Intent | undefined): Generator<string> {
	const { _id: name, amountMinor, currency, refundedMinor, refundableMinor, fee } = payment;
	if (intent?.status !== "paid") return yield `${name} is captured and the bank has no money`;
	if (intent.amountMinor !== amountMinor || intent.currency !== currency)
		yield `${name} is ${amountMinor} ${currency}, at the bank ${intent.amountMinor}`;
	if (fee?.amountMinor !== intent.fee?.amountMinor)
		yield `${name} knows the fee ${fee?.amountMinor}, the bank ${intent.fee?.amountMinor}`;
	if (refundedMinor !== refundedOf(intent))
		yield `${name} gave ${refundedMinor} back, the bank ${refundedOf(intent)}`;
	if (refundableMinor !== left(intent))
		yield `${name} can give ${refundableMinor} back, the bank ${left(intent)}`;
	const own = Object.values(payment.refunds);
	for (const { id, key, status, amountMinor: amount } of intent.refunds) {
		const known = own.find(refund => refund.gatewayId === id);
		if (key && intent.refunds.filter(refund => refund.key === key).length > 1)
			yield `the bank made ${key} twice`;
		if (key && !payment.refunds[key]) yield `the bank made ${key}, which nobody asked for`;
		if (!known && status !== "failed") yield `the bank made ${id} of ${name}, unknown here`;
		if (known && (known.status !== status || known.amountMinor !== amount))
			yield `${known.id} is ${known.status}, at the bank ${status}`;
	}
	for (const { id, status, gatewayId } of own)
		if (status !== "failed" && !intent.refunds.some(refund => refund.id === gatewayId))
			yield `${id} is ${status} and the bank does not have it`;
	for (const { id, status, amountMinor: amount } of intent.disputes) {
		const known = payment.disputes[id];
		if (known?.status !== status || known.amountMinor !== amount)
			yield `${id} is ${status} at the bank, here ${known?.status}`;
	}
	if (Object.keys(payment.disputes).length !== intent.disputes.length)
		yield `${name} has disputes that the bank does not have`;
}

/** Who paid has a seat or the money, and who got all of it back has no seat. */
function* seats(remains: Remains): Generator<string> {
	const { bank, dropped } = remains;
	const all = seatsOf(remains);
	const pairs = new Set(all.map(({ userCourse }) => userCourse));
	if (pairs.size !== all.length) yield "somebody has two seats in one course";
	for (const seat of all) {
		if (seat.heldBy) yield `${seat._id} is frozen by ${seat.heldBy} for ever`;
		const paying = Object.keys(seat.payments).filter(id => seat.payments[id] === "captured");
		const isFree = dropped.has(seat.userCourse);
		if (paying.length > 1 && !isFree) yield `${seat._id} is paid for by ${paying.join(" and ")}`;
		if ((seat.status === "dropped") !== (paying.length === 0) && !isFree)
			yield `${seat._id} is ${seat.status}, paid for by ${paying.join() || "nothing"}`;
	}
	for (const payment of paymentsOf(remains)) {
		const { _id: name, capturedAt, gatewayId, userId, payable, review } = payment;
		const seat = all.find(each => each.userCourse === `${userId}:${payable.id}`);
		const intent = gatewayId ? bank.intents.get(gatewayId) : undefined;
		if (!capturedAt || !intent) continue;
		const ends = Object.values(payment.refunds).some(
			refund => refund.endsAccess && refund.status === "succeeded",
		);
		const isTaken = Object.values(payment.disputes).some(({ status }) => status === "lost");
		switch (seat?.payments[name]) {
			case "captured":
				if (ends) yield `${name} was given back and still pays for ${seat._id}`;
				if (isTaken) yield `${name} was charged back and still pays for ${seat._id}`;
				break;
			case "refunded":
				if (!ends && !isTaken && !dropped.has(seat.userCourse))
					yield `${name} was not given back and ${seat._id} says so`;
				break;
			case "surplus":
				if (left(intent) > 0 && !review) yield `${name} bought nothing and ${left(intent)} is kept`;
				break;
			case "refunding":
				yield `${name} is being given back for ever, says ${seat._id}`;
				break;
			default:
				yield `${name} is captured and no seat knows it`;
		}
	}
}

/** Each movement is booked once, each entry sums to zero, and all of it is what the bank has. */
function* books(remains: Remains): Generator<string> {
	const transfers = remains.documents("ledger_transfers") as unknown as Stored<TransferDoc>[];
	const keys = new Set(transfers.map(({ key }) => key));
	if (keys.size !== transfers.length) yield "a movement is booked twice";
	const booked = new Map<string, number>();
	for (const { subjectId, kind, legs } of transfers) {
		let sum = 0;
		for (const { direction, amountMinor, account } of legs) {
			sum += direction === "debit" ? amountMinor : -amountMinor;
			if (kind === "fee" || !account.endsWith(":clearing")) continue;
			const moved = direction === "debit" ? amountMinor : -amountMinor;
			booked.set(subjectId, (booked.get(subjectId) ?? 0) + moved);
		}
		if (sum !== 0) yield `the ${kind} of ${subjectId} sums to ${sum}`;
	}
	for (const { _id: name, gatewayId, capturedAt } of paymentsOf(remains)) {
		const intent = gatewayId ? remains.bank.intents.get(gatewayId) : undefined;
		const there = capturedAt && intent ? left(intent) : 0;
		if ((booked.get(name) ?? 0) !== there)
			yield `${booked.get(name)} of ${name} is in the books, ${there} at the bank`;
	}
}

/** Every fact was handled by everybody who wants it, told once to whom it concerns, and has left its outbox. */
function* told(remains: Remains): Generator<string> {
	const { facts, consumers, documents } = remains;
	for (const collection of ["payments", "enrollments"])
		for (const { _id, outboxSize = 0 } of documents(collection))
			if (outboxSize !== 0) yield `${_id} has ${outboxSize} facts in its outbox for ever`;
	for (const { id, name } of facts.values())
		for (const group of contracts.consumersOf(name).filter(each => consumers.has(each))) {
			const receipt = documents(`${group}_receipts`).find(each => each._id === `${group}:${id}`);
			if (receipt?.state !== "done") yield `${group} is ${receipt?.state} with ${name} ${id}`;
		}
	const wanted = [...facts.values()].filter(({ name }) => name in notificationsContract.consumes);
	const got = documents("notifications") as unknown as Stored<NotificationDoc>[];
	for (const type of Object.keys(notificationsContract.consumes)) {
		const due = wanted.filter(({ name }) => name === type).length;
		const there = got.filter(notification => notification.type === type).length;
		if (due !== there) yield `${there} users were told of ${due} × ${type}`;
	}
}
