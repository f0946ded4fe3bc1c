import { setTimeout as pause } from "node:timers/promises";
import { Counter } from "prom-client";
import type { Ctx } from "../../../kernel/contract.ts";
import { invalidField, platformProblem, problem } from "../../../kernel/errors.ts";
import { idFor } from "../../../kernel/ids.ts";
import { answerWith, implement } from "../../../kernel/implement.ts";
import { toMajor } from "../../../kernel/money/money.ts";
import { platformOf } from "../../../kernel/platform.ts";
import { Store } from "../../../mixins/store.mixin.ts";
import { type PaymentDoc, PaymentModel } from "../../../models/money/payment.model.ts";
import { PaymentEventModel } from "../../../models/money/payment-event.model.ts";
import { Inbox } from "./inbox.ts";
import {
	type Fulfilment,
	type Payable,
	type Payment,
	type PaymentMethod,
	payments,
	type Quote,
} from "./payments.contract.ts";
import { isPrice } from "./price.ts";
import { providerFor, providersOf } from "./providers/choose.ts";
import { isOpen } from "./states.ts";
import { payableKeyOf, Till } from "./till.ts";
import { paymentView } from "./view.ts";

const fulfilmentWaitMs = 2_000;
const fulfilmentPollMs = 50;
const capturesPerPage = 2_000;

interface Order {
	userId: string;
	payable: Payable;
	method: PaymentMethod;
	/** What the client believes to pay: major units. */
	amount?: number | undefined;
	currency?: string | undefined;
}

/** What a request asks a payment for. @throws VALIDATION_ERROR unless it says so once. */
function payableOf(params: { courseId?: string; payable?: Payable }): Payable {
	const { courseId, payable } = params;
	if (courseId !== undefined && payable)
		throw invalidField("/payable", "CONFLICT", "must not come together with courseId");
	if (payable) return payable;
	if (courseId === undefined)
		throw invalidField("/courseId", "REQUIRED", "must have courseId or payable");
	return { kind: "course", id: courseId };
}

export default implement(payments, {
	mixins: [Store({ payments: PaymentModel, events: PaymentEventModel })],

	methods: {
		till(): Till {
			return new Till({
				payments: this.payments,
				providers: providersOf(this.env, this.broker, this.clock),
				clock: this.clock,
				onRefused: (from, to) => this.countRefused(from, to),
				warn: (message, error) => this.logger.warn(message, error),
			});
		},

		inbox(): Inbox {
			return new Inbox({
				events: this.events,
				payments: this.payments,
				till: this.till(),
				clock: this.clock,
				warn: (message, error) => this.logger.warn(message, error),
			});
		},

		countRefused(from: string, to: string): void {
			this.logger.warn(`A payment that is ${from} cannot become ${to}`);
			const name = "zeolite_payment_transitions_refused_total";
			const { registry } = platformOf(this.broker).metrics;
			const counter =
				(registry.getSingleMetric(name) as Counter | undefined) ??
				new Counter({
					name,
					help: "Changes of a payment's status that its table does not allow",
					labelNames: ["from", "to"],
					registers: [registry],
				});
			counter.inc({ from, to });
		},

		/** The full name of the action that plays a role for a kind of payable. */
		actionFor(role: "payable" | "fulfilment", kind: string): string | undefined {
			return platformOf(this.broker).contracts.provider(`${role}:${kind}`);
		},

		/** What the payment led to; null as long as there is nothing. */
		async fulfilment(ctx: Ctx, { id, userId, payable }: PaymentDoc): Promise<object | null> {
			const action = this.actionFor("fulfilment", payable.kind);
			if (!action) return null;
			const params = { id: payable.id, userId, paymentId: id };
			const found: Fulfilment = await ctx.call(action as never, params as never);
			return found.enrollment;
		},

		/** Waits for it a while; what is captured stays so whether or not it comes. */
		async awaitFulfilment(ctx: Ctx, payment: PaymentDoc): Promise<object | null> {
			if (!payment.capturedAt) return null;
			const until = performance.now() + (payment.status === "captured" ? fulfilmentWaitMs : 0);
			for (;;) {
				const found = await this.fulfilment(ctx, payment).catch(() => null);
				if (found || performance.now() >= until) return found;
				await pause(fulfilmentPollMs);
			}
		},

		async quote(ctx: Ctx, { payable, userId, amount, currency }: Order): Promise<Quote> {
			const action = this.actionFor("payable", payable.kind);
			if (!action)
				throw invalidField("/payable/kind", "UNKNOWN", `nothing is sold as ${payable.kind}`);
			const quote: Quote = await ctx.call(action as never, { id: payable.id, userId } as never);
			if (!isPrice(quote, amount, currency))
				throw problem(payments, "AMOUNT_MISMATCH", {
					amount: toMajor(quote.amountMinor, quote.currency),
					amountMinor: quote.amountMinor,
					currency: quote.currency,
				});
			return quote;
		},

		/** One that is captured and has not led to anything yet: buying again would pay twice. */
		async paidAlready(ctx: Ctx, userId: string, payable: Payable): Promise<PaymentDoc | null> {
			const payableKey = payableKeyOf(userId, payable);
			const [last] = await this.payments.find(
				{ payableKey, status: "captured" },
				{ sort: { createdAt: -1 }, limit: 1 },
			);
			return last && !(await this.fulfilment(ctx, last)) ? last : null;
		},

		/** A run that is taken up under the same seed finds the payment it made, and answers as the first would have. */
		async createPayment(ctx: Ctx, order: Order): Promise<Payment> {
			const { userId, payable, method } = order;
			const id = idFor(ctx, "pay");
			const provider = providerFor(method, this.env);
			if (!provider) throw problem(payments, "PAYMENT_METHOD_UNAVAILABLE");
			const till = this.till();
			const before = await this.payments.findOne({ id, userId });
			if (before) return this.opened(await till.open(before));
			const quote = await this.quote(ctx, order);
			const paid = await this.paidAlready(ctx, userId, payable);
			const { payment, made } = paid
				? { payment: paid, made: false }
				: await till.create({ id, userId, payable, method, provider, quote });
			if (!made) answerWith(ctx, 200);
			return this.opened(payment);
		},

		/** @throws PAYMENT_METHOD_UNAVAILABLE where the provider refused it. */
		opened(payment: PaymentDoc): Payment {
			if (payment.status === "failed")
				throw problem(payments, "PAYMENT_METHOD_UNAVAILABLE", payment.lastError?.message);
			return paymentView(payment);
		},

		/** @throws PAYMENT_NOT_FOUND unless it is the caller's. */
		async own(ctx: Ctx, id: string): Promise<PaymentDoc> {
			const payment = await this.payments.findOne({ id, userId: ctx.locals.user.id });
			if (!payment) throw problem(payments, "PAYMENT_NOT_FOUND");
			return payment;
		},
	},

	actions: {
		async create(ctx) {
			const { paymentMethod, amount, currency } = ctx.params;
			return this.createPayment(ctx, {
				userId: ctx.locals.user.id,
				payable: payableOf(ctx.params),
				method: paymentMethod,
				amount,
				currency,
			});
		},

		async createFor(ctx) {
			const { userId, courseId, paymentMethod } = ctx.params;
			const payable = { kind: "course", id: courseId };
			return this.createPayment(ctx, { userId, payable, method: paymentMethod });
		},

		async cancel(ctx) {
			const payment = await this.own(ctx, ctx.params.id);
			const by = ctx.headers.seed as string | undefined;
			const closed = await this.till().close(payment, "canceled", by);
			const closedNow = isOpen(payment.status) || (by !== undefined && payment.closedBy === by);
			if (closed.status !== "canceled" || !closedNow)
				throw problem(payments, "PAYMENT_NOT_OPEN", { paymentStatus: closed.status });
			return paymentView(closed);
		},

		async verify(ctx) {
			const { id, paymentGatewayId, signature } = ctx.params;
			const till = this.till();
			const opened = await till.open(await this.own(ctx, id));
			if (paymentGatewayId !== undefined && paymentGatewayId !== opened.gatewayId)
				throw problem(payments, "PAYMENT_MISMATCH", "paymentGatewayId is not of this payment");
			if (signature !== undefined && !(await till.isSigned(opened, signature)))
				throw problem(payments, "PAYMENT_MISMATCH", "The signature does not hold");
			const payment = await till.settle(id).catch(error => {
				if (isOpen(opened.status)) throw error;
				return opened;
			});
			if (payment.review) throw problem(payments, "PAYMENT_MISMATCH", payment.review);
			if (isOpen(payment.status))
				throw problem(payments, "PAYMENT_NOT_COMPLETED", { paymentStatus: payment.status });
			const enrollment = await this.awaitFulfilment(ctx, payment);
			return { payment: paymentView(payment), enrollment };
		},

		async list(ctx) {
			const userId = ctx.locals.user.id;
			const page = await this.payments.list({ userId }, ctx.params, { createdAt: -1 });
			return { ...page, items: page.items.map(paymentView) };
		},

		async get(ctx) {
			const { id, roles } = ctx.locals.user;
			const payment = await this.till().get(ctx.params.id);
			if (payment.userId !== id && !roles.includes("admin"))
				throw problem(payments, "PAYMENT_NOT_FOUND");
			return paymentView(payment);
		},

		async describe(ctx) {
			return paymentView(await this.till().get(ctx.params.id));
		},

		async captures(ctx) {
			const { after = "", ids } = ctx.params;
			const found = await this.payments.find(
				{ id: ids ? { $in: ids } : { $gt: after }, capturedAt: { $exists: true } },
				{ sort: { id: 1 }, limit: capturesPerPage },
			);
			return {
				items: found.map(({ id, provider, amountMinor, currency, capturedAt = "" }) => ({
					paymentId: id,
					provider,
					amountMinor,
					currency,
					capturedAt,
				})),
			};
		},

		async settle(ctx) {
			return paymentView(await this.till().settle(ctx.params.id));
		},

		async expire() {
			return { expired: await this.till().expire() };
		},

		async webhook(ctx) {
			const { provider: name, headers, body } = ctx.params;
			const provider = providersOf(this.env, this.broker, this.clock).get(name);
			if (!provider) throw platformProblem("NOT_FOUND");
			const bytes = Buffer.from(body, "base64");
			const event = await provider.readWebhook(headers as Record<string, unknown>, bytes);
			if (!event) throw problem(payments, "SIGNATURE_INVALID");
			await this.inbox().take(name, event, bytes.toString());
			return { received: true as const };
		},

		async applyEvents() {
			return { applied: await this.inbox().applyDue() };
		},
	},
});
