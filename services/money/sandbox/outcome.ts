import { derivedId } from "../../../kernel/ids.ts";
import type { Change, Guard } from "../../../kernel/store/guard.ts";
import type {
	SandboxFailure,
	SandboxIntentDoc,
	SandboxWebhook,
} from "../../../models/money/sandbox-intent.model.ts";
import type { Outcome } from "./sandbox.contract.ts";

/** How much later `late` is. */
export const lateMs = 5_000;

/** Id of the event that says it is paid: one, however often it is sent. */
export const paidEventId = (intent: Pick<SandboxIntentDoc, "key">): string =>
	derivedId("evt_sandbox", intent.key, "paid");

const chargeIdOf = ({ key, method }: SandboxIntentDoc): string =>
	derivedId(method === "stripe" ? "ch_sandbox" : "pay_sandbox", key, "charge");

/**
 * What an outcome changes at the sandbox: the payment and the webhook that tells it, in one update. Nothing (null) on
 * one that has ended, but a `succeed` of what is paid sends its webhook again, the withheld one too.
 * @param declineId a new id for this attempt to pay.
 * @param now ms
 */
export function effectOf(
	outcome: Outcome,
	intent: SandboxIntentDoc,
	declineId: string,
	now: number,
): { guard: Guard; change: Change } | null {
	const { id, status } = intent;
	const paid = `webhooks.${paidEventId(intent)}`;
	if (status === "paid" && outcome === "succeed")
		return {
			guard: { id, status: "paid" },
			change: { $set: { [`${paid}.dueAt`]: now, dueAt: now } },
		};
	if (status !== "open" && status !== "processing") return null;
	const guard = { id, status };
	if (outcome === "decline") {
		const failure: SandboxFailure = {
			id: declineId,
			code: "card_declined",
			message: "The card was declined",
		};
		const webhook: SandboxWebhook = {
			type: "payment.failed",
			createdAt: now,
			dueAt: now,
			tries: 0,
			failure,
		};
		const event = derivedId("evt_sandbox", declineId, "failed");
		return {
			guard,
			change: { $set: { status: "open", failure, [`webhooks.${event}`]: webhook, dueAt: now } },
		};
	}
	const dueAt = { succeed: now, late: now + lateMs, timeout: undefined }[outcome];
	const webhook: SandboxWebhook = {
		type: "payment.paid",
		createdAt: now,
		...(dueAt !== undefined && { dueAt }),
		tries: 0,
	};
	return {
		guard,
		change: {
			$set: { status: "paid", chargeId: chargeIdOf(intent), [paid]: webhook, dueAt },
			$unset: { failure: true },
		},
	};
}
