import { get, post } from "./api.js";
import { wordsOf } from "./problems.js";
import { user } from "./session.js";
import { price } from "./words.js";

const byId = id => document.getElementById(id);
const meta = name => document.querySelector(`meta[name="${name}"]`).content;
const widget = meta("widget");
const key = meta("widget-key");
const paymentId = decodeURIComponent(location.hash.slice(1));
const back = `/school#/paid/${encodeURIComponent(paymentId)}`;

const say = text => {
	byId("state").textContent = text;
};
const refuse = text => {
	byId("refusal").textContent = text;
};

/** A provider's own script, from its own origin: this page's policy names that one and no other. */
const script = address =>
	new Promise((resolve, reject) => {
		const element = document.createElement("script");
		element.src = address;
		element.addEventListener("load", resolve);
		element.addEventListener("error", () =>
			reject(new Error("The payment provider does not answer. Try again in a moment.")),
		);
		document.head.append(element);
	});

/** Stripe's Payment Element: what is typed goes to Stripe alone. */
async function stripe({ clientSecret }) {
	await script("https://js.stripe.com/v3/");
	const provider = globalThis.Stripe(key);
	const dark = matchMedia("(prefers-color-scheme: dark)").matches;
	const elements = provider.elements({
		clientSecret,
		appearance: { theme: dark ? "night" : "stripe" },
	});
	elements.create("payment").mount("#widget");
	return async () => {
		const { error } = await provider.confirmPayment({
			elements,
			confirmParams: { return_url: new URL(back, location.href).href },
		});
		if (error) throw new Error(error.message);
	};
}

/** Razorpay's Checkout, which opens over this page and hands back a signature. */
async function razorpay({ amountMinor, currency, paymentGatewayId }) {
	await script("https://checkout.razorpay.com/v1/checkout.js");
	return () =>
		new Promise((resolve, reject) => {
			const box = new globalThis.Razorpay({
				key,
				amount: amountMinor,
				currency,
				order_id: paymentGatewayId,
				prefill: { name: user()?.name, email: user()?.email },
				modal: { ondismiss: () => reject(new Error("Nothing was paid.")) },
				handler: async ({ razorpay_payment_id, razorpay_signature }) => {
					try {
						await post(`/api/payments/${paymentId}/verify`, {
							paymentGatewayId: razorpay_payment_id,
							signature: razorpay_signature,
						});
					} catch {
						// The school hears of it from the provider, too; its page says how it stands.
					}
					resolve();
					location.assign(back);
				},
			});
			box.open();
		});
}

async function begin() {
	if (!user())
		return location.replace(`/school#/sign-in?next=${encodeURIComponent("#/account/purchases")}`);
	if (!paymentId) {
		say("");
		return refuse("This page was opened without a payment. Begin at the course.");
	}
	const payment = await get(`/api/payments/${encodeURIComponent(paymentId)}`);
	byId("amount").textContent = price(payment.amount, payment.currency);
	if (!["created", "requires_action"].includes(payment.status)) return location.replace(back);
	if (payment.sandbox && payment.checkoutUrl) return location.replace(payment.checkoutUrl);
	if (widget !== payment.paymentMethod)
		return say("This way to pay is not set up here. Go back and choose another.");
	const pay = await { stripe, razorpay }[widget](payment);
	say("");
	byId("form").hidden = false;
	byId("form").addEventListener("submit", async event => {
		event.preventDefault();
		const button = event.currentTarget.querySelector("button");
		button.disabled = true;
		refuse("");
		try {
			await pay();
		} catch (problem) {
			refuse(problem.message);
		}
		button.disabled = false;
	});
}

begin().catch(problem => {
	say("");
	refuse("code" in problem ? wordsOf(problem) : problem.message);
});
