import type Stripe from "stripe";
import type { Books } from "./books.ts";
import { declined, noSuch, unexpectedState } from "./errors.ts";
import {
	type Charge,
	type Intent,
	newCharge,
	newIntent,
	newPaymentMethod,
	now,
	OUTCOME,
} from "./objects.ts";

/** How a buyer pays: at once, until 3-D Secure asks, or with a method that takes its time. */
export interface Paying {
	threeDSecure?: boolean;
	processing?: boolean;
}

const OPEN: readonly Intent["status"][] = ["requires_payment_method", "requires_confirmation"];

/** Statuses in which Stripe lets a PaymentIntent be canceled (`processing` only in rare cases). */
const CANCELABLE: readonly Intent["status"][] = [...OPEN, "requires_capture", "requires_action"];

const FAILED_AUTHENTICATION = "payment_intent_authentication_failure";

/** Codes of a decline that are error codes of their own; every other is a `decline_code`. */
const OWN_CODES: ReadonlySet<string> = new Set([
	"card_declined",
	"expired_card",
	"incorrect_cvc",
	"processing_error",
	FAILED_AUTHENTICATION,
]);

export function createIntent(
	books: Books,
	given: Partial<Intent> & Pick<Intent, "amount" | "currency">,
): Intent {
	const intent = newIntent({ ...given, livemode: books.livemode });
	books.intents.set(intent.id, intent);
	books.tell("payment_intent.created", intent);
	return intent;
}

/** @throws StripeRefusal payment_intent_unexpected_state */
export function cancel(books: Books, id: string, reason: Intent["cancellation_reason"]): Intent {
	const intent = books.intent(id);
	if (!CANCELABLE.includes(intent.status)) {
		const message = `You cannot cancel this PaymentIntent because it has a status of ${intent.status}. Only a PaymentIntent with one of the following statuses may be canceled: ${CANCELABLE.join(", ")}.`;
		throw unexpectedState(intent, message);
	}
	intent.status = "canceled";
	intent.canceled_at = now();
	intent.cancellation_reason = reason;
	intent.next_action = null;
	books.tell("payment_intent.canceled", intent);
	return intent;
}

/**
 * A test card of Stripe's pays while the request waits.
 * @throws StripeRefusal card_error for the one that is declined
 */
export function confirm(books: Books, id: string, card: string): Intent {
	const intent = books.intent(id);
	if (!OPEN.includes(intent.status)) {
		const message = `You cannot confirm this PaymentIntent because it has a status of ${intent.status}.`;
		throw unexpectedState(intent, message);
	}
	if (card === "pm_card_visa") return pay(books, id, {});
	if (card === "pm_card_authenticationRequired") return pay(books, id, { threeDSecure: true });
	if (card !== "pm_card_chargeDeclined") throw noSuch("PaymentMethod", card, "payment_method", 400);
	decline(books, id, "generic_decline");
	throw declined(intent, books.chargeOf(intent) as Charge);
}

export function pay(books: Books, id: string, { threeDSecure, processing }: Paying): Intent {
	const intent = inStatus(books, id, OPEN);
	useCard(books, intent);
	intent.last_payment_error = null;
	if (threeDSecure) {
		intent.status = "requires_action";
		intent.next_action = {
			type: "redirect_to_url",
			redirect_to_url: { return_url: null, url: "https://hooks.stripe.com/3d_secure_2/start" },
		};
		books.tell("payment_intent.requires_action", intent);
		return intent;
	}
	if (!processing) return succeed(books, intent, attempt(books, intent));
	const charge = attempt(books, intent);
	intent.status = "processing";
	intent.processing = { card: {}, type: "card" };
	books.tell("charge.pending", charge);
	books.tell("payment_intent.processing", intent);
	return intent;
}

/** The buyer passes 3-D Secure, or does not. */
export function authenticate(books: Books, id: string, passes: boolean): Intent {
	const intent = inStatus(books, id, ["requires_action"]);
	intent.next_action = null;
	return passes
		? succeed(books, intent, attempt(books, intent))
		: refuse(books, intent, FAILED_AUTHENTICATION);
}

/** The buyer's card is declined. */
export function decline(books: Books, id: string, code: string): Intent {
	const intent = inStatus(books, id, [...OPEN, "requires_action"]);
	useCard(books, intent);
	intent.next_action = null;
	return refuse(books, intent, code, attempt(books, intent));
}

/** A payment that is processing ends. */
export function process(books: Books, id: string, end: "succeeded" | "failed"): Intent {
	const intent = inStatus(books, id, ["processing"]);
	const charge = books.chargeOf(intent) as Charge;
	intent.processing = null;
	return end === "succeeded"
		? succeed(books, intent, charge)
		: refuse(books, intent, "processing_error", charge);
}

/** A buyer cannot do what Stripe would not let them, so a test that tries is wrong. */
function inStatus(books: Books, id: string, statuses: readonly Intent["status"][]): Intent {
	const intent = books.intent(id);
	if (!statuses.includes(intent.status))
		throw new Error(`${id} is ${intent.status}, this needs ${statuses.join(" or ")}`);
	return intent;
}

function useCard(books: Books, intent: Intent): void {
	const card = newPaymentMethod(books.livemode);
	books.paymentMethods.set(card.id, card);
	intent.payment_method = card.id;
}

function attempt(books: Books, intent: Intent): Charge {
	const charge = newCharge(intent);
	books.charges.set(charge.id, charge);
	intent.latest_charge = charge.id;
	return charge;
}

function succeed(books: Books, intent: Intent, charge: Charge): Intent {
	charge.status = "succeeded";
	charge.paid = true;
	charge.captured = true;
	charge.amount_captured = charge.amount;
	charge.outcome = {
		...OUTCOME,
		network_status: "approved_by_network",
		seller_message: "Payment complete.",
		type: "authorized",
	};
	intent.status = "succeeded";
	intent.amount_received = intent.amount;
	if (!books.feesWithheld) books.settle(charge);
	books.tell("charge.succeeded", charge);
	books.tell("payment_intent.succeeded", intent);
	return intent;
}

function refuse(books: Books, intent: Intent, reason: string, charge?: Charge): Intent {
	const code = OWN_CODES.has(reason) ? reason : "card_declined";
	const failedAuthentication = reason === FAILED_AUTHENTICATION;
	const message = failedAuthentication
		? "The provided PaymentMethod has failed authentication."
		: "Your card was declined.";
	const card = books.paymentMethods.get(intent.payment_method ?? "");
	intent.status = "requires_payment_method";
	intent.payment_method = null;
	intent.last_payment_error = {
		type: failedAuthentication ? "invalid_request_error" : "card_error",
		code: code as Stripe.PaymentIntent.LastPaymentError.Code,
		message,
		...(code === "card_declined" && { decline_code: reason }),
		...(charge && { charge: charge.id }),
		...(card && { payment_method: card }),
	};
	if (charge) {
		charge.status = "failed";
		charge.failure_code = code;
		charge.failure_message = message;
		charge.outcome = {
			...OUTCOME,
			network_status: "declined_by_network",
			reason,
			seller_message: "The bank did not return any further details with this decline.",
			type: "issuer_declined",
		};
		books.tell("charge.failed", charge);
	}
	books.tell("payment_intent.payment_failed", intent);
	return intent;
}
