import { get, local, post } from "./api.js";
import { cover } from "./cover.js";
import { onSubmit, refusal } from "./form.js";
import { html, nothing } from "./lit-html.js";
import { loading } from "./parts.js";
import { wordsOf } from "./problems.js";
import { go } from "./router.js";
import { toast } from "./shell.js";
import { price } from "./words.js";

const methods = [
	["stripe", "Card", "Through Stripe"],
	["razorpay", "UPI, netbanking or card", "Through Razorpay"],
];

/** Where a payment is made: at the sandbox's page, or on the one page that may load its provider's script. */
export const placeOf = ({ id, paymentMethod, sandbox, checkoutUrl }) =>
	sandbox && checkoutUrl
		? local(checkoutUrl)
		: `/school/checkout?method=${paymentMethod}#${encodeURIComponent(id)}`;

/** What is bought, for how much, and how it is paid. */
export async function checkoutPage(view) {
	const { id } = view.params;
	const course = await get(`/api/courses/${id}`, { signal: view.signal });
	if (course.price === 0) return go(`#/courses/${id}`, { replace: true });
	let shown = course;
	const key = crypto.randomUUID();

	const pay = onSubmit(async ({ method }) => {
		try {
			const payment = await post(
				"/api/payments",
				{ courseId: id, amount: shown.price, currency: shown.currency, paymentMethod: method },
				{ key: `${key}-${method}-${shown.price}` },
			);
			if (payment.status === "captured") return go(`#/paid/${payment.id}`);
			location.assign(placeOf(payment));
		} catch (problem) {
			if (problem.code === "ALREADY_ENROLLED") {
				toast("You have this course already.");
				return go(`#/learn/${id}`);
			}
			if (problem.code !== "AMOUNT_MISMATCH") throw problem;
			const { amount, currency } = problem.members;
			shown = { ...shown, price: amount, currency };
			toast(`The price has changed to ${price(amount, currency)}.`);
			draw();
		}
	});

	const draw = () =>
		view.draw(html`<div class="narrow">
			<section class="card checkout" aria-labelledby="checkout-title">
				<h1 id="checkout-title">Buy this course</h1>
				<div class="bought">
					<div class="picture">${cover(id)}</div>
					<div><h2>${course.title}</h2><p class="fine">Yours for good, with all that is added later.</p></div>
				</div>
				<dl class="sum"><dt>To pay</dt><dd class="number">${price(shown.price, shown.currency)}</dd></dl>
				<form @submit=${pay}>
					<fieldset class="field"><legend>How would you like to pay?</legend>
						<div class="choices">${methods.map(
							(
								[value, name, through],
								i,
							) => html`<label class="choice"><input type="radio" name="method" value=${value} ?checked=${i === 0}>
								<span><strong>${name}</strong><span class="fine">${through}</span></span></label>`,
						)}</div>
					</fieldset>
					${refusal}
					<button type="submit" class="main wide form-end">Go to payment</button>
				</form>
				<p class="fine door-end">Within 30 days you get back what you have not used.</p>
			</section>
		</div>`);

	view.title("Checkout");
	draw();
}

const patienceMs = 40_000;
const waitMs = 1_500;
const pause = ms => new Promise(done => setTimeout(done, ms));

/** After a payment: asks until the course is there, or says why it is not. */
export async function paidPage(view) {
	const { id } = view.params;
	view.title("Your payment");
	view.busy(
		html`${loading("Asking for your payment")}<div class="narrow"><div class="card bone bone-card"></div></div>`,
	);
	const until = Date.now() + patienceMs;
	let problem;
	let payment;
	let enrollment;
	while (!view.signal.aborted && Date.now() < until) {
		problem = undefined;
		try {
			({ payment, enrollment } = await post(`/api/payments/${id}/verify`));
			if (enrollment || payment.status !== "captured") break;
		} catch (failed) {
			problem = failed;
			if (failed.code !== "PAYMENT_NOT_COMPLETED" || failed.members.paymentStatus !== "processing")
				break;
		}
		await pause(waitMs);
	}
	payment ??= await get(`/api/payments/${id}`, { signal: view.signal });
	const isIn = enrollment && enrollment.status !== "dropped";
	if (isIn) toast("Paid. The course is yours.");
	const isOpen = ["created", "requires_action"].includes(payment.status);
	const sum = price(payment.amount, payment.currency);
	const story = () => {
		if (isIn) return ["The course is yours", `We have your ${sum}. Enjoy it.`];
		if (isOpen)
			return [
				"Not paid yet",
				payment.lastError
					? `${payment.lastError.message}. Nothing was taken; you can try again.`
					: "Nothing was taken. You can go back to the payment whenever you like.",
			];
		if (payment.status === "processing")
			return ["On its way", "Your bank is still at it. We tell you as soon as it is done."];
		if (payment.status === "captured")
			return ["Paid", "Your seat is being made ready. We tell you as soon as it is there."];
		if (payment.status === "refunded")
			return ["Given back", `The ${sum} are on their way back to you.`];
		return ["Not paid", problem ? wordsOf(problem) : `This payment is ${payment.status}.`];
	};
	const [heading, text] = story();
	view.draw(html`<div class="narrow"><section class="card paid" aria-labelledby="paid-title">
		${isIn ? html`<div class="picture">${cover(payment.courseId)}</div>` : nothing}
		<h1 id="paid-title">${heading}</h1>
		<p class="quiet">${text}</p>
		<div class="buttons form-end">
			${isIn ? html`<a class="button main wide" href="#/learn/${payment.courseId}">Start learning</a>` : nothing}
			${isOpen ? html`<a class="button main wide" href=${placeOf(payment)}>Back to the payment</a>` : nothing}
			${isIn ? nothing : html`<a class="button wide" href="#/courses/${payment.courseId}">Back to the course</a>`}
		</div>
	</section></div>`);
}
