import { setTimeout as pause } from "node:timers/promises";
import { iso } from "../../../kernel/clock.ts";
import type { Caller, Ctx } from "../../../kernel/contract.ts";
import { codeOf, platformProblem, problem } from "../../../kernel/errors.ts";
import { derivedId, idFor } from "../../../kernel/ids.ts";
import { answerWith, implement } from "../../../kernel/implement.ts";
import { toMajor } from "../../../kernel/money/money.ts";
import { platformOf } from "../../../kernel/platform.ts";
import { Store } from "../../../mixins/store.mixin.ts";
import { WebhookInbox } from "../../../mixins/webhook-inbox.mixin.ts";
import { type PaymentDoc, PaymentModel } from "../../../models/money/payment.model.ts";
import { around } from "./around.ts";
import { applyEvent, isKnownEvent, subjectOf } from "./events.ts";
import { explain } from "./explain.ts";
import { countRefused } from "./metrics.ts";
import { movementsOf } from "./movements.ts";
import { byUser, type Order, payableOf, wantedMinor } from "./order.ts";
import { PayableOwner } from "./owner.ts";
import { type Payment, payments } from "./payments.contract.ts";
import { providerFor, takesWebhooks } from "./providers/choose.ts";
import { Gateways } from "./providers/mixin.ts";
import type { ProviderEvent } from "./providers/port.ts";
import { Purchases } from "./purchases.ts";
import { Reconciler } from "./reconciler.ts";
import { busy, isAway, Refunds } from "./refunds.ts";
import { isOpen } from "./states.ts";
import { Till } from "./till.ts";
import { paymentView } from "./view.ts";

const fulfilmentWaitMs = 2_000;
const fulfilmentPollMs = 50;
const movementsPerPage = 500;

interface Desk {
	till: Till;
	refunds: Refunds;
	owner: PayableOwner;
	purchases: Purchases;
	reconciler: Reconciler;
}

export default implement(payments, {
	mixins: [
		Store({ payments: PaymentModel }),
		WebhookInbox<ProviderEvent>("payment_events"),
		Gateways,
	],

	methods: {
		/**
		 * All that is done to payments, for one cause.
		 * @param by who or what causes it, as `explain` shows it.
		 * @param mesh the request, so that nested calls carry its token and seed.
		 */
		desk(by: string, mesh?: Caller): Desk {
			const { metrics, contracts } = platformOf(this.broker);
			const owner = new PayableOwner(mesh ?? this.broker, contracts);
			const needs = {
				payments: this.payments,
				providers: this.gateways,
				clock: this.clock,
				by,
				onRefused: (from: string, to: string) => {
					this.logger.warn(`A payment that is ${from} cannot become ${to}`);
					countRefused(metrics.registry, from, to);
				},
				warn: (message: string, error: unknown) => this.logger.warn(message, error),
			};
			const till = new Till(needs);
			const windowDays = this.env.REFUND_WINDOW_DAYS;
			const refunds = new Refunds({ ...needs, till, owner, windowDays });
			return {
				till,
				refunds,
				owner,
				purchases: new Purchases({ payments: this.payments, till, owner }),
				reconciler: new Reconciler({ ...needs, till, refunds }),
			};
		},

		isKnownEvent,
		subjectOfEvent: subjectOf,

		applyEvent(event: ProviderEvent, provider: string): Promise<string | undefined> {
			const { till } = this.desk(`webhook ${event.id}`);
			return applyEvent({ payments: this.payments, till }, event, provider);
		},

		/** Waits for what a payment leads to; what is captured stays so whether or not it comes. */
		async awaitFulfilment(owner: PayableOwner, payment: PaymentDoc): Promise<object | null> {
			if (!payment.capturedAt) return null;
			const until = performance.now() + (payment.status === "captured" ? fulfilmentWaitMs : 0);
			for (;;) {
				const found = await owner.fulfilment(payment).catch(() => null);
				if (found || performance.now() >= until) return found;
				await pause(fulfilmentPollMs);
			}
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

		/** @throws PAYMENT_NOT_FOUND unless it is the caller's. */
		async own(ctx: Ctx, id: string): Promise<PaymentDoc> {
			const payment = await this.payments.findOne({ id, userId: ctx.locals.user.id });
			if (!payment) throw problem(payments, "PAYMENT_NOT_FOUND");
			return payment;
		},

		/** @throws PAYMENT_NOT_FOUND unless it is the caller's, or the caller an admin. */
		async visible(ctx: Ctx, id: string): Promise<PaymentDoc> {
			const payment = await this.payments.get(id);
			const { id: userId, roles } = ctx.locals.user;
			if (!payment || (payment.userId !== userId && !roles.includes("admin")))
				throw problem(payments, "PAYMENT_NOT_FOUND");
			return payment;
		},

		/** Goes on with a refund; what keeps it from going on for now is left to the reconciler. */
		async proceed(refunds: Refunds, begun: PaymentDoc, refundId: string): Promise<PaymentDoc> {
			try {
				return await refunds.proceed(begun, refundId);
			} catch (error) {
				if (codeOf(error) === "REFUND_PENDING")
					await refunds.withdraw(begun, refundId, "another refund is under way");
				if (!isAway(error)) throw error;
				this.logger.warn(`The refund ${refundId} goes on later`, error);
				return (await this.payments.get(begun.id)) ?? begun;
			}
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
			const enrollment = await this.awaitFulfilment(owner, payment);
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
			const after = await this.proceed(refunds, begun, id);
			const status = after.refunds[id]?.status;
			if (status === "succeeded") return paymentView(after);
			if (status === "failed") throw problem(payments, "NOTHING_REFUNDABLE", refusalOf(after, id));
			answerWith(ctx, 202);
			return { ...paymentView(after), refund: { id, status: "pending" as const } };
		},

		async giveBack(ctx) {
			const { id, reason } = ctx.params;
			const { refunds, till } = this.desk("nothing was bought with it", ctx);
			const refundId = derivedId("rfd", id, "nothing bought");
			const payment = await till.get(id);
			// What a dispute holds may come back: all of it goes back at once, when that is decided.
			if (Object.values(payment.disputes).some(({ status }) => status === "open")) throw busy();
			try {
				const begun = await refunds.begin(payment, {
					id: refundId,
					amount: "all",
					reason,
					endsAccess: false,
					holds: false,
				});
				await this.proceed(refunds, begun, refundId);
			} catch (error) {
				const code = codeOf(error);
				if (code === "REFUND_PENDING") throw busy();
				if (code !== "NOTHING_REFUNDABLE" && code !== "ALREADY_REFUNDED") throw error;
			}
			return paymentView(await till.get(id));
		},

		async movements(ctx) {
			const { after = "", ids } = ctx.params;
			const found = await this.payments.find(
				{ id: ids ? { $in: ids } : { $gt: after }, capturedAt: { $exists: true } },
				{ sort: { id: 1 }, limit: movementsPerPage },
			);
			return {
				paymentIds: found.map(({ id }) => id),
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
			const items = page.items.map(({ id, sender, type, event, tries, ...doc }) => ({
				id,
				provider: sender,
				type,
				...(event.key && { paymentId: event.key }),
				state: doc.state,
				tries,
				...(doc.lastError && { lastError: doc.lastError }),
				receivedAt: iso(doc.receivedAt),
			}));
			return { ...page, items };
		},

		async replayEvent(ctx) {
			const state = await this.inbox.replay(ctx.params.id);
			if (!state) throw problem(payments, "EVENT_NOT_FOUND");
			return { state };
		},

		async applyEvents() {
			return { applied: await this.inbox.applyDue() };
		},
	},
});

function refusalOf({ refunds }: PaymentDoc, id: string): string {
	const { code, message = "it does not say why" } = refunds[id]?.failure ?? {};
	return code === "withdrawn" ? `It was withdrawn: ${message}` : `The provider refuses: ${message}`;
}
