import { escapeHtml } from "../../../../kernel/html.ts";
import { format } from "../../../../kernel/money/money.ts";
import type { SandboxIntentDoc } from "../../../../models/money/sandbox-intent.model.ts";
import type { Payment } from "../../payments/payments.contract.ts";
import type { Outcome } from "../sandbox.contract.ts";

const buttons: readonly { outcome: Outcome; label: string; hint: string }[] = [
	{ outcome: "succeed", label: "Pay", hint: "The money is taken and the webhook comes at once." },
	{ outcome: "decline", label: "Decline", hint: "The card is declined; the payment stays open." },
	{
		outcome: "timeout",
		label: "Time out",
		hint: "The money is taken and nobody says so: verifying finds it, or Pay.",
	},
	{
		outcome: "late",
		label: "Answer late",
		hint: "The money is taken and the webhook comes 5 seconds later.",
	},
];

const states: Record<Payment["status"], string> = {
	created: "Being made at the provider.",
	requires_action: "Waiting for you to pay.",
	processing: "Being processed.",
	captured: "Paid.",
	failed: "Failed.",
	canceled: "Canceled.",
	expired: "Expired.",
	refund_pending: "Being refunded.",
	partially_refunded: "Refunded in part.",
	refunded: "Refunded.",
	disputed: "Disputed.",
};

const openOnes: readonly Payment["status"][] = ["created", "requires_action", "processing"];

function stateOf(payment: Payment, intent: SandboxIntentDoc): string {
	if (!openOnes.includes(payment.status)) return states[payment.status];
	if (intent.status === "paid") return "The provider has the money and has not said so yet.";
	if (payment.lastError) return `${payment.lastError.message}. ${states[payment.status]}`;
	return states[payment.status];
}

/** The checkout page of one payment, as HTML that needs nothing but this host's script and style. */
export function checkoutPage(payment: Payment, intent: SandboxIntentDoc): string {
	const open = openOnes.includes(payment.status);
	const amount = format({ amountMinor: intent.amountMinor, currency: intent.currency });
	const choices = buttons
		.map(
			({ outcome, label, hint }) => `
				<li>
					<button name="outcome" value="${outcome}" aria-describedby="hint-${outcome}"${open ? "" : " disabled"}>${label}</button>
					<span id="hint-${outcome}">${hint}</span>
				</li>`,
		)
		.join("");
	return `<!doctype html>
<html lang="en">
	<head>
		<meta charset="utf-8">
		<meta name="viewport" content="width=device-width, initial-scale=1">
		<meta name="robots" content="noindex">
		<meta name="referrer" content="no-referrer">${
			open && intent.dueAt !== undefined ? '\n\t\t<meta http-equiv="refresh" content="2">' : ""
		}
		<title>Sandbox checkout: ${escapeHtml(intent.title)}</title>
		<link rel="stylesheet" href="/sandbox/checkout.css">
		<script src="/sandbox/checkout.js" defer></script>
	</head>
	<body>
		<p class="banner"><strong>Sandbox.</strong> This page plays a payment provider. No money moves.</p>
		<main>
			<h1>${escapeHtml(intent.title)}</h1>
			<p class="amount">${escapeHtml(amount)}</p>
			<p class="state" data-status="${payment.status}" role="status">${escapeHtml(stateOf(payment, intent))}</p>
			<form>
				<ul>${choices}
				</ul>
			</form>
			<p class="error" role="alert" hidden></p>
			<noscript><p class="error">The buttons need JavaScript.</p></noscript>
			<p><a href="/school#/paid/${encodeURIComponent(payment.id)}">Back to the school</a></p>
			<p class="ids">${escapeHtml(payment.paymentMethod)} · ${escapeHtml(intent.id)}</p>
		</main>
	</body>
</html>
`;
}
