import type { Caller, Ctx } from "../../../kernel/contract.ts";
import { platformProblem, problem } from "../../../kernel/errors.ts";
import { idFor } from "../../../kernel/ids.ts";
import { answerWith, implement } from "../../../kernel/implement.ts";
import { toMajor } from "../../../kernel/money/money.ts";
import { platformOf } from "../../../kernel/platform.ts";
import { Store } from "../../../mixins/store.mixin.ts";
import { WebhookInbox } from "../../../mixins/webhook-inbox.mixin.ts";
import { type PaymentDoc, PaymentModel } from "../../../models/money/payment.model.ts";
import { around } from "./around.ts";
import { type Desk, deskOf } from "./desk.ts";
import { applyEvent, eventView, isKnownEvent, subjectOf } from "./events.ts";
import { explain } from "./explain.ts";
import { Refusals } from "./metrics.ts";
import { movementsOf } from "./movements.ts";
import { byUser, type Order, payableOf, wantedMinor } from "./order.ts";
import { type Payment, payments } from "./payments.contract.ts";
import { providerFor, takesWebhooks } from "./providers/choose.ts";
import { Gateways } from "./providers/mixin.ts";
import type { ProviderEvent } from "./providers/port.ts";
import { isOpen } from "./states.ts";
import { paymentView, refusalOf } from "./view.ts";

const movementsPerPage = 500;

export default implement(payments, {
	mixins: [
		Store({ payments: PaymentModel }),
		WebhookInbox<ProviderEvent>("payment_events"),
		Gateways,
		Refusals,
	],

	methods: {
		/**
		 * @param by who or what causes it, as `explain` shows it.
		 * @param mesh the request, where there is one.
		 */
		desk(by: string, mesh?: Caller): Desk {
			const { contracts } = platformOf(this.broker);
			return deskOf({
				payments: this.payments,
				providers: this.gateways,
				clock: this.clock,
				mesh: mesh ?? this.broker,
				contracts,
				windowDays: this.env.REFUND_WINDOW_DAYS,
				by,
				onRefused: (from, to) => {
					this.logger.warn(`A payment that is ${from} cannot become ${to}`);
					this.refusals.inc({ from, to });
				},
				warn: (message, error) => this.logger.warn(message, error),
			});
		},

		isKnownEvent,
		subjectOfEvent: subjectOf,

		applyEvent(event: ProviderEvent, provider: string): Promise<string | undefined> {
			const { till } = this.desk(`webhook ${event.id}`);
			return applyEvent({ payments: this.payments, till }, event, provider);
		},

		/** A run that is taken up under the same seed finds the payment it made, and answers as the first would have. */
		async createPayment(ctx: Ctx, order: Order): Promise<Payment> {
			const id = idFor(ctx, "pay");
			const provider = providerFor(order.method, this.env);
			if (!provider) throw problem(payments, "PAYMENT_METHOD_UNAVAILABLE");
			const { payment, made } = await this.desk(byUser(ctx), ctx).purchases.create({
				...order,
				id,
				provider,
			});
			if (!made) answerWith(ctx, 200);
			if (payment.status === "failed")
				throw problem(payments, "PAYMENT_METHOD_UNAVAILABLE", payment.lastError?.message);
			return paymentView(payment);
		},

		/** @throws PAYMENT_NOT_FOUND unless it is the caller's, or the caller an admin. */
		async visible(ctx: Ctx, id: string): Promise<PaymentDoc> {
			const payment = await this.payments.get(id);
			const { id: userId, roles } = ctx.locals.user;
			if (!payment || (payment.userId !== userId && !roles.includes("admin")))
				throw problem(payments, "PAYMENT_NOT_FOUND");
			return payment;
		},

		/** @throws PAYMENT_NOT_FOUND as above; FORBIDDEN for an admin, who sees it and has no part in it. */
		async own(ctx: Ctx, id: string): Promise<PaymentDoc> {
			const payment = await this.visible(ctx, id);
			if (payment.userId !== ctx.locals.user.id) throw platformProblem("FORBIDDEN");
			return payment;
		},
	},

	actions: {
		async create(ctx) {
			const { paymentMethod: method, amount, currency } = ctx.params;
			const userId = ctx.locals.user.id;
			const payable = payableOf(ctx.params);
			return this.createPayment(ctx, { userId, payable, method, amount, currency });
		},

		async createFor(ctx) {
			const { userId, courseId, paymentMethod: method } = ctx.params;
			const payable = { kind: "course", id: courseId };
			return this.createPayment(ctx, { userId, payable, method });
		},

		async cancel(ctx) {
			const payment = await this.own(ctx, ctx.params.id);
			const by = ctx.headers.seed as string | undefined;
			const closed = await this.desk(byUser(ctx)).till.close(payment, "canceled", by);
			const closedNow = isOpen(payment.status) || (by !== undefined && payment.closedBy === by);
			if (closed.status !== "canceled" || !closedNow)
				throw problem(payments, "PAYMENT_NOT_OPEN", { paymentStatus: closed.status });
			return paymentView(closed);
		},

		async verify(ctx) {
			const { id, paymentGatewayId, signature } = ctx.params;
			const { till, owner } = this.desk(byUser(ctx), ctx);
			const opened = await till.open(await this.own(ctx, id));
			if (paymentGatewayId !== undefined && paymentGatewayId !== opened.gatewayId)
				throw problem(payments, "PAYMENT_MISMATCH", "paymentGatewayId is not of this payment");
			if (signature !== undefined && !(await till.isSigned(opened, signature)))
				throw problem(payments, "PAYMENT_MISMATCH", "The signature does not hold");
			const payment = await till.settle(id).catch(error => {
				if (isOpen(opened.status)) throw error;
				return opened;
			});
			if (payment.review && !payment.capturedAt)
				throw problem(payments, "PAYMENT_MISMATCH", payment.review);
			if (isOpen(payment.status))
				throw problem(payments, "PAYMENT_NOT_COMPLETED", { paymentStatus: payment.status });
			const enrollment = await owner.awaitFulfilment(payment);
			return { payment: paymentView(payment), enrollment };
		},

		async list(ctx) {
			const userId = ctx.locals.user.id;
			const page = await this.payments.list({ userId }, ctx.params, { createdAt: -1 });
			return { ...page, items: page.items.map(paymentView) };
		},

		async get(ctx) {
			return paymentView(await this.visible(ctx, ctx.params.id));
		},

		async describe(ctx) {
			return paymentView(await this.desk("mesh").till.get(ctx.params.id));
		},

		async explain(ctx) {
			const payment = await this.visible(ctx, ctx.params.id);
			const { contracts, mesh } = platformOf(this.broker);
			const events = await this.inbox.about(payment.id, payment.gatewayId);
			const known = await around(payment, this.broker, contracts, mesh);
			return explain(payment, { ...known, events }, this.clock.now());
		},

		async refundQuote(ctx) {
			const payment = await this.visible(ctx, ctx.params.id);
			const { currency } = payment;
			const quote = await this.desk(byUser(ctx), ctx).refunds.quote(payment);
			return { ...quote, amount: toMajor(quote.amountMinor, currency), currency };
		},

		async refund(ctx) {
			const { reason, amount } = ctx.params;
			const payment = await this.visible(ctx, ctx.params.id);
			const isAdmin = ctx.locals.user.roles.includes("admin");
			if (amount !== undefined && !isAdmin) throw platformProblem("FORBIDDEN");
			const id = idFor(ctx, "rfd");
			const { refunds } = this.desk(byUser(ctx), ctx);
			const wanted = amount === undefined ? "share" : wantedMinor(amount, payment.currency);
			const begun = await refunds.begin(payment, {
				id,
				amount: wanted,
				reason,
				endsAccess: true,
				holds: true,
			});
			const after = await refunds.attempt(begun, id);
			const status = after.refunds[id]?.status;
			if (status === "succeeded") return paymentView(after);
			if (status === "failed") throw problem(payments, "NOTHING_REFUNDABLE", refusalOf(after, id));
			answerWith(ctx, 202);
			return { ...paymentView(after), refund: { id, status: "pending" as const } };
		},

		async giveBack(ctx) {
			const { id, reason } = ctx.params;
			const { refunds } = this.desk("nothing was bought with it", ctx);
			return paymentView(await refunds.giveBack(id, reason));
		},

		async movements(ctx) {
			const { after = "", ids } = ctx.params;
			const found = await this.payments.find(
				{ id: ids ? { $in: ids } : { $gt: after }, capturedAt: { $exists: true } },
				{ sort: { id: 1 }, limit: movementsPerPage },
			);
			return {
				paymentIds: found.map(({ id }) => id),
				payables: found.map(({ payable }) => payable),
				items: found.flatMap(movementsOf),
				unsettled: found.filter(({ askAt }) => askAt !== undefined).map(({ id }) => id),
			};
		},

		async statement(ctx) {
			const provider = this.gateways.get(ctx.params.provider);
			if (!provider) return { items: [] };
			return provider.statement(ctx.params.after);
		},

		async providers() {
			return { names: [...this.gateways.keys()] };
		},

		async settle(ctx) {
			return paymentView(await this.desk("mesh").till.settle(ctx.params.id, { again: true }));
		},

		async reconcile(ctx) {
			return this.desk("reconciler").reconciler.reconcile(ctx.params.now ?? false);
		},

		async expire() {
			return { expired: await this.desk("expiry").till.expire() };
		},

		async webhook(ctx) {
			const { provider: name, headers, body } = ctx.params;
			const provider = takesWebhooks(name, this.env) ? this.gateways.get(name) : undefined;
			if (!provider) throw platformProblem("NOT_FOUND");
			const bytes = Buffer.from(body, "base64");
			const event = await provider.readWebhook(headers as Record<string, unknown>, bytes);
			if (!event) throw problem(payments, "SIGNATURE_INVALID");
			await this.inbox.take(name, event, bytes.toString());
			return { received: true as const };
		},

		async events(ctx) {
			const { state, ...params } = ctx.params;
			const page = await this.inbox.list(state, params);
			return { ...page, items: page.items.map(eventView) };
		},

		async replayEvent(ctx) {
			const state = await this.inbox.replay(ctx.params.id);
			if (!state) throw problem(payments, "EVENT_NOT_FOUND");
			return { state };
		},

		async applyEvents() {
			return { applied: await this.inbox.applyDue() };
		},

		async endEventContent() {
			return { ended: await this.inbox.endContent() };
		},
	},
});
