import { createHmac, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { iso } from "../../../kernel/clock.ts";
import { platformProblem, problem } from "../../../kernel/errors.ts";
import { derivedId, newId } from "../../../kernel/ids.ts";
import { implement } from "../../../kernel/implement.ts";
import { isSameSecret } from "../../../kernel/secrets.ts";
import { isDuplicate } from "../../../kernel/store/collection.ts";
import { Store } from "../../../mixins/store.mixin.ts";
import {
	type SandboxIntentDoc,
	SandboxIntentModel,
} from "../../../models/money/sandbox-intent.model.ts";
import { SandboxSecretModel } from "../../../models/money/sandbox-secret.model.ts";
import type { Payment } from "../payments/payments.contract.ts";
import { signPaid } from "../signatures.ts";
import { checkoutPage } from "./checkout/page.ts";
import { effectOf, lateMs } from "./outcome.ts";
import { Post } from "./post.ts";
import { type Outcome, sandbox } from "./sandbox.contract.ts";

const asset = (name: string) => readFile(`${import.meta.dirname}/checkout/${name}`, "utf8");

const intentView = ({ id, key, status, amountMinor, currency, ...rest }: SandboxIntentDoc) => ({
	id,
	key,
	status,
	amountMinor,
	currency,
	...(rest.chargeId && { chargeId: rest.chargeId }),
	...(rest.failure && { failure: rest.failure }),
});

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

		async find(id: string): Promise<SandboxIntentDoc> {
			const intent = await this.intents.get(id);
			if (!intent) throw problem(sandbox, "INTENT_NOT_FOUND");
			return intent;
		},

		/** @throws PAYMENT_NOT_FOUND unless the secret is the payment's. */
		async findBySecret(key: string, secret: string): Promise<SandboxIntentDoc> {
			const intent = await this.intents.findOne({ key });
			if (!intent || !isSameSecret(intent.clientSecret, secret))
				throw problem(sandbox, "PAYMENT_NOT_FOUND");
			return intent;
		},

		/** Plays the outcome, delivers what that makes due, and answers how the payment then stands. */
		async play(intent: SandboxIntentDoc, outcome: Outcome) {
			const now = this.clock.now();
			const effect = effectOf(outcome, intent, newId("dcl", now), now);
			if (effect) await this.intents.advance(effect.guard, effect.change);
			await this.post().deliver(intent.id);
			if (effect && outcome === "late") this.deliverLater();
			const { chargeId } = await this.find(intent.id);
			const payment: Payment = await this.broker.call("payments.describe", { id: intent.key });
			const [secret = ""] = chargeId && intent.method === "razorpay" ? await this.secrets() : [];
			return {
				...payment,
				...(secret && chargeId && { signature: signPaid(secret, intent.id, chargeId) }),
			};
		},

		/** On time where this node still runs; the schedule of any other comes a little later. */
		deliverLater(): void {
			setTimeout(() => {
				if (!this.broker.started) return;
				this.broker
					.call("sandbox.deliver")
					.catch(error => this.logger.warn("The schedule will deliver", error));
			}, lateMs + 20).unref();
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
			return this.play(await this.findBySecret(id, secret), outcome);
		},

		async checkout(ctx) {
			const { id, secret = "" } = ctx.params;
			const intent = await this.findBySecret(id, secret);
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
			const { key, method, amountMinor, currency, title } = ctx.params;
			const id = derivedId(method === "stripe" ? "pi_sandbox" : "order_sandbox", key, "intent");
			try {
				await this.intents.insert({
					id,
					key,
					method,
					amountMinor,
					currency,
					title,
					clientSecret: `${id}_secret_${randomBytes(24).toString("hex")}`,
					status: "open",
					webhooks: {},
					createdAt: iso(this.clock.now()),
				});
			} catch (error) {
				if (!isDuplicate(error)) throw error;
			}
			const intent = (await this.intents.findOne({ key })) as SandboxIntentDoc;
			if (
				intent.method !== method ||
				intent.amountMinor !== amountMinor ||
				intent.currency !== currency
			)
				return {
					refused: {
						id: "idempotency",
						code: "idempotency_error",
						message: "This key was used for another payment",
					},
				};
			const { clientSecret } = intent;
			const checkoutUrl = `${this.env.publicUrl}/sandbox/checkout/${key}?secret=${clientSecret}`;
			return { opened: { id: intent.id, clientSecret, checkoutUrl } };
		},

		async find(ctx) {
			return intentView(await this.find(ctx.params.id));
		},

		async cancel(ctx) {
			const { id } = ctx.params;
			const canceled = await this.intents.advance(
				{ id, status: "open" },
				{ $set: { status: "canceled" } },
			);
			return intentView(canceled ?? (await this.find(id)));
		},

		async secrets() {
			return { secrets: await this.secrets() };
		},

		async deliver() {
			return { delivered: await this.post().deliverDue() };
		},
	},
});
