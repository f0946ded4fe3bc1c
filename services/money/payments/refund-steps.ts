import { type Clock, iso } from "../../../kernel/clock.ts";
import { derivedId } from "../../../kernel/ids.ts";
import { format, prorateDown } from "../../../kernel/money/money.ts";
import type { PaymentDoc, RefundDoc } from "../../../models/money/payment.model.ts";
import type { Usage } from "./payments.contract.ts";
import type { Failure, RefundSnapshot } from "./providers/port.ts";
import type { Step } from "./records.ts";
import { refunded, refundFailed } from "./told.ts";

/** A refund's id, which is the key it is made under. */
const ownKey = /^rfd_[0-9a-f-]+$/;

/**
 * What the unused share of a payment is worth, minor units: captured × part / of, rounded down to the provider's step,
 * and never more than what is left.
 * @param step the smallest amount the provider moves, minor units.
 */
export function refundableShare(payment: PaymentDoc, { part, of }: Usage, step: number): number {
	if (of <= 0) return 0;
	const share = prorateDown(payment.amountMinor, Math.min(part, of), of);
	const most = Math.min(share, payment.refundableMinor ?? 0);
	return most - (most % step);
}

/** Whether the buyer's own refund was made already, or is under way. */
export const endsAlready = (payment: PaymentDoc): boolean =>
	Object.values(payment.refunds).some(refund => refund.endsAccess && refund.status !== "failed");

/** Writes down that a refund is wanted; null while another one is under way or nothing is left. */
export function requested(
	payment: PaymentDoc,
	refund: Omit<RefundDoc, "status" | "createdAt">,
	now: string,
): Step | null {
	if (!payment.capturedAt || payment.openRefund || !payment.refundableMinor) return null;
	if (payment.refunds[refund.id]) return null;
	return {
		change: {
			$set: {
				[`refunds.${refund.id}`]: { ...refund, status: "requested", createdAt: now },
				openRefund: refund.id,
			},
		},
		what: "refund asked for",
		detail: refund.id,
	};
}

/**
 * Takes a refund back before anything was asked of the provider. One that freezes what was bought stays as failed, so that
 * it never begins again, and open until that is thawed.
 */
export function withdrawn(payment: PaymentDoc, refundId: string, why: string): Step | null {
	const refund = payment.refunds[refundId];
	if (refund?.status !== "requested") return null;
	const at = `refunds.${refundId}`;
	return {
		change: refund.holds
			? {
					$set: {
						[`${at}.status`]: "failed",
						[`${at}.failure`]: { code: "withdrawn", message: why },
					},
				}
			: { $unset: { [at]: true, openRefund: true } },
		what: "refund withdrawn",
		detail: `${refundId}: ${why}`,
	};
}

/** What a refund that was withdrawn had frozen is thawed. */
export function thawed(payment: PaymentDoc, refundId: string): Step | null {
	if (!isToBeThawed(payment, refundId)) return null;
	return { change: { $unset: { openRefund: true } } };
}

/** Whether a refund was withdrawn and may still freeze what was bought. */
export const isToBeThawed = ({ openRefund, refunds }: PaymentDoc, refundId: string): boolean =>
	openRefund === refundId && refunds[refundId]?.status === "failed";

/**
 * Takes the amount from the headroom and writes down the call that is about to be made, in one; null where there is no
 * such headroom any more.
 */
export function reserved(
	payment: PaymentDoc,
	refundId: string,
	amountMinor: number,
	now: string,
): Step | null {
	if (payment.refunds[refundId]?.status !== "requested") return null;
	if (amountMinor <= 0 || amountMinor > (payment.refundableMinor ?? 0)) return null;
	const at = `refunds.${refundId}`;
	return {
		change: {
			$set: {
				[`${at}.status`]: "pending",
				[`${at}.amountMinor`]: amountMinor,
				[`${at}.attempt`]: { key: refundId, tries: 1, at: now, outcome: "asked" },
			},
		},
		what: "refund asked of the provider",
		detail: `${refundId}, ${format({ amountMinor, currency: payment.currency })}`,
	};
}

/** Writes down that the provider is asked once more, under the same key. */
export function askedAgain(payment: PaymentDoc, refundId: string, now: string): Step | null {
	const refund = payment.refunds[refundId];
	if (refund?.status !== "pending" || !refund.attempt) return null;
	const at = `refunds.${refundId}.attempt`;
	return {
		change: {
			$set: { [`${at}.at`]: now, [`${at}.outcome`]: "asked" },
			$inc: { [`${at}.tries`]: 1 },
		},
	};
}

/** The provider did not answer: whether money moved is not known. */
export function unanswered(payment: PaymentDoc, refundId: string, error: string): Step | null {
	const refund = payment.refunds[refundId];
	if (refund?.status !== "pending" || refund.attempt?.outcome !== "asked") return null;
	const at = `refunds.${refundId}.attempt`;
	return {
		change: { $set: { [`${at}.outcome`]: "unknown", [`${at}.error`]: error } },
		what: "no answer to the refund",
		detail: `${refundId}: ${error}`,
	};
}

/**
 * The provider refuses for good, or is known not to have it: everything is as before. Of one that it has taken on
 * meanwhile, asked by another run, a refusal is old.
 */
export function refused(
	payment: PaymentDoc,
	refundId: string,
	{ code, message }: Omit<Failure, "id">,
	clock: Clock,
): Step | null {
	const refund = payment.refunds[refundId];
	if (refund?.status !== "pending" || refund.gatewayId) return null;
	return ended(payment, refund, "failed", clock, { failure: { code, message } });
}

/** What the provider says of a refund changes here, step by step; null when it is all known. */
export function refundStep(payment: PaymentDoc, answer: RefundSnapshot, clock: Clock): Step | null {
	const known = knownAs(payment, answer);
	if (!known) return answer.status === "failed" ? null : adopted(payment, answer, clock);
	if (known.amountMinor !== answer.amountMinor || payment.currency !== answer.currency)
		return review(payment, `refund ${known.id} differs`);
	const gatewayId = answer.id;
	if (known.status === "pending" && answer.status !== "pending")
		return ended(payment, known, answer.status, clock, {
			gatewayId,
			...(answer.failure && {
				failure: { code: answer.failure.code, message: answer.failure.message },
			}),
		});
	if (known.status === "succeeded" && answer.status === "failed")
		return ended(payment, known, "failed", clock, { gatewayId });
	if (known.status !== "pending" || known.gatewayId) return null;
	const at = `refunds.${known.id}`;
	return {
		change: {
			$set: {
				[`${at}.gatewayId`]: gatewayId,
				...(known.attempt && { [`${at}.attempt.outcome`]: "answered" }),
			},
		},
		what: "refund taken on by the provider",
		detail: `${known.id}: ${gatewayId}`,
	};
}

/** One that was given up here without the provider having had it is not known: what turns up then is another one. */
function knownAs(payment: PaymentDoc, { key, id }: RefundSnapshot): RefundDoc | undefined {
	const byKey = key === undefined ? undefined : payment.refunds[key];
	if (byKey && (byKey.status !== "failed" || byKey.gatewayId)) return byKey;
	return Object.values(payment.refunds).find(refund => refund.gatewayId === id);
}

/**
 * A refund that was made at the provider by hand, or here before an older copy of the database came back; the latter under
 * its own id, by which it may have been told of. It ends what was bought if it is all that was left.
 */
function adopted(payment: PaymentDoc, answer: RefundSnapshot, clock: Clock): Step | null {
	if (answer.currency !== payment.currency)
		return review(payment, `refund ${answer.id} has another currency`);
	const { key = "" } = answer;
	const isOwn = ownKey.test(key) && !payment.refunds[key];
	const id = isOwn ? key : derivedId("rfd", `${payment.id}/${answer.id}`, "adopted");
	const refund: RefundDoc = {
		id,
		status: "pending",
		amountMinor: answer.amountMinor,
		endsAccess: answer.amountMinor >= (payment.refundableMinor ?? 0),
		holds: false,
		gatewayId: answer.id,
		createdAt: iso(clock.now()),
	};
	return {
		change: { $set: { [`refunds.${id}`]: refund } },
		what: "refund made at the provider",
		detail: `${id}, ${format(answer)}, ${answer.id}`,
	};
}

/** Ends a refund, for good unless it had succeeded and fails after all. */
function ended(
	payment: PaymentDoc,
	refund: RefundDoc,
	status: "succeeded" | "failed",
	clock: Clock,
	more: Pick<RefundDoc, "gatewayId" | "failure">,
): Step {
	const { id, amountMinor = 0 } = refund;
	const at = `refunds.${id}`;
	const isReversal = refund.status === "succeeded";
	const isStuck = status === "failed" && (isReversal || (refund.attempt && !refund.endsAccess));
	return {
		change: {
			$set: {
				[`${at}.status`]: status,
				[`${at}.${status}At`]: iso(clock.now()),
				...(refund.attempt && { [`${at}.attempt.outcome`]: "answered" }),
				...(more.gatewayId && { [`${at}.gatewayId`]: more.gatewayId }),
				...(more.failure && { [`${at}.failure`]: more.failure }),
				...(isStuck && { review: `${id} could not be given back` }),
			},
			$unset: payment.openRefund === id ? { openRefund: true } : {},
		},
		what: status === "succeeded" ? "refunded" : isReversal ? "refund came back" : "refund failed",
		detail: `${id}, ${format({ amountMinor, currency: payment.currency })}${more.failure ? `, ${more.failure.code}` : ""}`,
		facts: [
			status === "succeeded"
				? refunded(payment, clock, refund)
				: refundFailed(payment, clock, refund),
		],
	};
}

const review = (payment: PaymentDoc, reason: string): Step | null =>
	payment.review
		? null
		: { change: { $set: { review: reason } }, what: "a person must look", detail: reason };
