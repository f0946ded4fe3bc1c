import { all, get, post } from "./api.js";
import { placeOf } from "./checkout.js";
import { html, nothing } from "./lit-html.js";
import { bones, empty, loading } from "./parts.js";
import { wordsOf } from "./problems.js";
import { toast } from "./shell.js";
import { day, minor, price } from "./words.js";

const states = {
	created: ["Not paid yet", ""],
	requires_action: ["Not paid yet", "warning"],
	processing: ["On its way", "warning"],
	captured: ["Paid", "good"],
	failed: ["Failed", "bad"],
	canceled: ["Canceled", ""],
	expired: ["Expired", ""],
	refund_pending: ["Being given back", "warning"],
	partially_refunded: ["Given back in part", ""],
	refunded: ["Given back", ""],
	disputed: ["Disputed", "bad"],
};

/** What somebody paid, and how to get it back. */
export async function purchasesPage(view) {
	view.title("Purchases");
	view.busy(
		html`${loading("Asking for your payments")}<div class="page-head"><h1>Purchases</h1></div>${bones(3, "stack")}`,
	);
	const [payments, titles] = [await all("/api/payments", 200, { signal: view.signal }), new Map()];
	await Promise.all(
		[...new Set(payments.map(({ courseId }) => courseId))].map(async id => {
			const course =
				id && (await get(`/api/courses/${id}`, { signal: view.signal }).catch(() => undefined));
			titles.set(id, course?.title ?? "A course");
		}),
	);
	const dialog = () => document.querySelector("#refund");
	let asked;
	let problem = "";

	const change = payment => {
		const at = payments.findIndex(({ id }) => id === payment.id);
		if (at >= 0) payments[at] = payment;
		draw();
	};

	async function quote(payment) {
		problem = "";
		try {
			asked = { payment, quote: await get(`/api/payments/${payment.id}/refund-quote`) };
			draw();
			dialog().showModal();
		} catch (failed) {
			toast(wordsOf(failed));
		}
	}

	async function refund() {
		const { payment, quote } = asked;
		try {
			const answer = await post(
				`/api/payments/${payment.id}/refund`,
				{},
				{ key: `refund-${payment.id}` },
			);
			dialog().close();
			toast(
				answer.refund
					? "The refund is under way. We tell you when it is done."
					: `${price(quote.amount, quote.currency)} are on their way back to you.`,
			);
			change(answer);
		} catch (failed) {
			problem = wordsOf(failed);
			draw();
		}
	}

	async function cancel(payment) {
		try {
			change(await post(`/api/payments/${payment.id}/cancel`));
		} catch (failed) {
			toast(wordsOf(failed));
		}
	}

	const actions = payment => {
		if (["created", "requires_action"].includes(payment.status))
			return html`<a class="button small main" href=${placeOf(payment)}>Pay</a>
				<button type="button" class="small plain" @click=${() => cancel(payment)}>Cancel</button>`;
		if (payment.status === "captured")
			return html`<button type="button" class="small" @click=${() => quote(payment)}>Ask for a refund</button>`;
		return nothing;
	};

	const item = payment => {
		const [words, tone] = states[payment.status] ?? [payment.status, ""];
		return html`<li class="card purchase">
			<div><h2><a href="#/courses/${payment.courseId}">${titles.get(payment.courseId)}</a></h2>
				<p class="fine">${day(payment.createdAt)}${payment.sandbox ? " · sandbox, no money moved" : ""}${
					payment.refundedAmountMinor
						? ` · ${minor(payment.refundedAmountMinor, payment.currency)} given back`
						: ""
				}</p></div>
			<p class="number"><strong>${price(payment.amount, payment.currency)}</strong> <span class="tag" data-tone=${tone || nothing}>${words}</span></p>
			<div class="buttons">${actions(payment)}</div>
		</li>`;
	};

	const question = () => {
		if (!asked) return nothing;
		const { quote } = asked;
		if (!quote.refundable)
			return html`<p>${wordsOf({ code: quote.reason ?? "", message: "Nothing can be given back" })}</p>
				<form method="dialog" class="buttons form-end"><button class="main">Close</button></form>`;
		return html`<p>You have used ${quote.progressPercentage} % of the course, so <strong>${price(quote.amount, quote.currency)}</strong> of ${price(asked.payment.amount, asked.payment.currency)} go back to you. You lose the course, and its certificate if you have one.</p>
			<p class="refusal" role="alert">${problem}</p>
			<div class="buttons form-end"><button type="button" class="danger" @click=${refund}>Give it back</button>
				<form method="dialog"><button class="plain">Keep the course</button></form></div>`;
	};

	const draw = () =>
		view.draw(html`
			<div class="page-head"><h1>Purchases</h1><a class="button small" href="#/account">Account</a></div>
			${
				payments.length === 0
					? empty(
							"You have bought nothing yet",
							"What you pay for will stand here, with how to get it back.",
						)
					: html`<ul class="stack">${payments.map(item)}</ul>`
			}
			<dialog id="refund" aria-labelledby="refund-title"><h2 id="refund-title">Give this course back?</h2>${question()}</dialog>`);
	draw();
}
