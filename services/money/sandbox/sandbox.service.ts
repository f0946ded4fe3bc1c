import { createHmac, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { platformProblem, problem } from "../../../kernel/errors.ts";
import { newId } from "../../../kernel/ids.ts";
import { implement } from "../../../kernel/implement.ts";
import { isDuplicate } from "../../../kernel/store/collection.ts";
import { Store } from "../../../mixins/store.mixin.ts";
import {
	type SandboxIntentDoc,
	SandboxIntentModel,
} from "../../../models/money/sandbox-intent.model.ts";
import { SandboxSecretModel } from "../../../models/money/sandbox-secret.model.ts";
import type { Payment } from "../payments/payments.contract.ts";
import { signPaid } from "../signatures.ts";
import { Books } from "./books.ts";
import { checkoutPage } from "./checkout/page.ts";
import { effectOf, lateMs } from "./outcome.ts";
import { Post } from "./post.ts";
import { type Outcome, sandbox } from "./sandbox.contract.ts";
import { intentView, lineOf, refundView } from "./view.ts";

const asset = (name: string) => readFile(`${import.meta.dirname}/checkout/${name}`, "utf8");

export default implement(sandbox, {
	mixins: [Store({ intents: SandboxIntentModel, kept: SandboxSecretModel })],

	methods: {
		/** Derived from the deployment's secrets; where it has none, made once and kept. */
		async secrets(): Promise<string[]> {
			const given = this.env.SERVICE_SECRET_KEY;
			if (given.length > 0)
				return given.map(key => createHmac("sha256", key).update("sandbox webhooks").digest("hex"));
			const id = "webhooks";
			try {
				await this.kept.insert({ id, secret: randomBytes(32).toString("hex") });
			} catch (error) {
				if (!isDuplicate(error)) throw error;
			}
			return [(await this.kept.get(id))?.secret as string];
		},

		books(): Books {
			return new Books(this.intents, this.clock);
		},

		/** Pulls a lever, delivers what that makes due, and answers how the payment then stands. */
		async pull(id: string, lever: (books: Books, intent: SandboxIntentDoc) => Promise<unknown>) {
			const books = this.books();
			const intent = await books.find(id);
			await lever(books, intent);
			await this.post().deliver(intent.id);
			return intentView(await books.find(intent.id));
		},

		/** Plays the outcome, delivers what that makes due, and answers how the payment then stands. */
		async play(intent: SandboxIntentDoc, outcome: Outcome) {
			const now = this.clock.now();
			const effect = effectOf(outcome, intent, newId("dcl", now), now);
			if (effect) await this.intents.advance(effect.guard, effect.change);
			await this.post().deliver(intent.id);
			if (effect && outcome === "late") this.deliverIn(lateMs + 20);
			const { chargeId } = await this.books().find(intent.id);
			const payment: Payment = await this.broker.call("payments.describe", { id: intent.key });
			const [secret = ""] = chargeId && intent.method === "razorpay" ? await this.secrets() : [];
			return {
				...payment,
				...(secret && chargeId && { signature: signPaid(secret, intent.id, chargeId) }),
			};
		},

		/** On time where this node still runs; the schedule of any other comes a little later. */
		deliverIn(ms: number): void {
			setTimeout(() => {
				if (!this.broker.started) return;
				this.broker
					.call("sandbox.deliver")
					.catch(error => this.logger.warn("The schedule will deliver", error));
			}, ms).unref();
		},

		post(): Post {
			return new Post({
				intents: this.intents,
				clock: this.clock,
				secret: async () => (await this.secrets())[0] as string,
				send: async webhook => {
					await this.broker.call("payments.webhook", { provider: "sandbox", ...webhook });
				},
				warn: (message, error) => this.logger.warn(message, error),
			});
		},
	},

	actions: {
		async complete(ctx) {
			const { id, outcome } = ctx.params;
			const payment = await ctx.call("payments.get", { id });
			if (payment.userId !== ctx.locals.user.id) throw platformProblem("FORBIDDEN");
			if (!payment.sandbox) throw problem(sandbox, "PAYMENT_NOT_FOUND");
			const intent = await this.intents.findOne({ key: id });
			return intent ? this.play(intent, outcome) : payment;
		},

		async pay(ctx) {
			const { id, secret, outcome } = ctx.params;
			return this.play(await this.books().findBySecret(id, secret), outcome);
		},

		async checkout(ctx) {
			const { id, secret = "" } = ctx.params;
			const intent = await this.books().findBySecret(id, secret);
			const payment = await this.broker.call("payments.describe", { id });
			return { contentType: "text/html; charset=utf-8", content: checkoutPage(payment, intent) };
		},

		async script() {
			return {
				contentType: "text/javascript; charset=utf-8",
				content: await asset("checkout.js"),
			};
		},

		async style() {
			return { contentType: "text/css; charset=utf-8", content: await asset("checkout.css") };
		},

		async open(ctx) {
			const answer = await this.books().open(ctx.params);
			if ("refused" in answer) return answer;
			const { id, key, clientSecret } = answer.opened;
			const checkoutUrl = `${this.env.publicUrl}/sandbox/checkout/${key}?secret=${clientSecret}`;
			return { opened: { id, clientSecret, checkoutUrl } };
		},

		async find(ctx) {
			return intentView(await this.books().find(ctx.params.id));
		},

		async cancel(ctx) {
			return intentView(await this.books().cancel(ctx.params.id));
		},

		async refund(ctx) {
			const { id, key, amountMinor } = ctx.params;
			const answer = await this.books().refund(id, key, amountMinor);
			if ("refused" in answer) return answer;
			this.deliverIn(0);
			if (answer.isSilent) throw platformProblem("SERVICE_UNAVAILABLE", { retryAfter: 1 });
			return { refund: refundView(answer.intent, answer.refund) };
		},

		async statement(ctx) {
			const { items, next } = await this.books().paidAfter(ctx.params.after);
			return { items: items.map(lineOf), ...(next && { next }) };
		},

		async behave(ctx) {
			const { id, refunds, feeMinor } = ctx.params;
			return this.pull(id, (books, intent) => books.behave(intent, refunds, feeMinor));
		},

		async process(ctx) {
			return this.pull(ctx.params.id, (books, intent) => books.process(intent));
		},

		async settleRefund(ctx) {
			const { id, refundId, status } = ctx.params;
			return this.pull(id, (books, intent) => books.settleRefund(intent, refundId, status));
		},

		async refundByHand(ctx) {
			const { id, amountMinor } = ctx.params;
			return this.pull(id, (books, intent) => books.refundByHand(intent, amountMinor));
		},

		async dispute(ctx) {
			const { id, status, amountMinor } = ctx.params;
			return this.pull(id, (books, intent) => books.dispute(intent, status, amountMinor));
		},

		async secrets() {
			return { secrets: await this.secrets() };
		},

		async deliver() {
			return { delivered: await this.post().deliverDue() };
		},
	},
});
