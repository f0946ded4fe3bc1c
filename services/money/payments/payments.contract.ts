import { Type } from "typebox";
import { audited } from "../../../kernel/audit.ts";
import { defineContract } from "../../../kernel/contract.ts";
import {
	amountFields,
	byId,
	Currency,
	Id,
	listParams,
	PastRetention,
	pageOf,
	Timestamp,
} from "../../../kernel/schemas.ts";
import {
	Explanation,
	Fulfilment,
	Movement,
	Payable,
	Payment,
	PaymentMethod,
	PaymentStatus,
	REFUND_PENDING,
	RefundedPayment,
	RefundQuote,
} from "./payments.schemas.ts";

export * from "./payments.schemas.ts";

export const PAYMENT_NOT_FOUND = { status: 404, title: "There is no such payment" } as const;
export const ALREADY_ENROLLED = {
	status: 409,
	title: "This user has the course already",
} as const;
export const COURSE_IS_FREE = {
	status: 409,
	title: "The course has no price: enroll in it",
} as const;

const createErrors = {
	COURSE_NOT_FOUND: { status: 404, title: "There is no such course" },
	COURSE_IS_FREE,
	ALREADY_ENROLLED,
	AMOUNT_MISMATCH: {
		status: 422,
		title: "The price is another",
		explanation: "The members say the price; show it to the buyer and send it, or send none.",
		data: Type.Object(amountFields),
	},
	PAYMENT_METHOD_UNAVAILABLE: {
		status: 422,
		title: "This payment method is not set up here",
	},
} as const;

const FORBIDDEN = { status: 403, title: "Only who is to pay may do this" } as const;
const EventState = Type.Enum(["received", "done", "ignored", "parked"]);
const paymentStatus = Type.Object({ paymentStatus: PaymentStatus });
const forServices = { service: ["payment-service", "course-service"] } as const;
const course = "crs_0190f3c2-0000-7000-8000-000000000000";
const example = { id: "pay_0190f3c2-0000-7000-8000-000000000000" };

/** What a payment is for and whose it is, as its facts tell it. */
const factData = {
	paymentId: Type.String(),
	userId: Type.String(),
	payable: Payable,
};

const factMoney = {
	amountMinor: Type.Integer({ description: "Minor units" }),
	currency: Currency,
	provider: Type.String({ description: "Who has the money: sandbox, stripe, razorpay" }),
};

const refundFact = {
	...factData,
	...factMoney,
	refundId: Type.String(),
	endsAccess: Type.Boolean({ description: "Whether what it bought ends with it" }),
};

const disputeFact = { ...factData, ...factMoney, disputeId: Type.String() };

export const payments = defineContract("payments", {
	description: "Payments for whatever has a price, through a provider, each captured at most once",
	actions: {
		create: {
			description:
				"Opens a payment for what the server says it costs. While one for the same thing is open, that one " +
				"is answered with 200 where method and price are the same, else canceled first; one that turns " +
				"out to be paid is answered as it is. `amount` is in major units and only compared",
			kind: "write",
			access: "user",
			rest: "POST /api/payments",
			status: [201, 200],
			params: Type.Object({
				courseId: Type.Optional(Id),
				payable: Type.Optional(Payable),
				amount: Type.Optional(Type.Number({ description: "Major units" })),
				currency: Type.Optional(Currency),
				paymentMethod: PaymentMethod,
			}),
			result: Payment,
			errors: createErrors,
			sensitive: true,
			example: { courseId: course, paymentMethod: "stripe" },
		},
		createFor: {
			description: "As `create`, for the user that another system's server names",
			kind: "write",
			access: forServices,
			rest: "POST /api/payments/internal/create",
			status: [201, 200],
			params: Type.Object({ userId: Id, courseId: Id, paymentMethod: PaymentMethod }),
			result: Payment,
			errors: createErrors,
			sensitive: true,
			example: {
				userId: "usr_0190f3c2-0000-7000-8000-000000000000",
				courseId: course,
				paymentMethod: "stripe",
			},
		},
		cancel: {
			description: "Closes an open payment of the caller's, at the provider first",
			kind: "write",
			access: "user",
			rest: "POST /api/payments/:id/cancel",
			params: byId,
			result: Payment,
			errors: {
				PAYMENT_NOT_FOUND,
				FORBIDDEN,
				PAYMENT_NOT_OPEN: {
					status: 409,
					title: "The payment is not open any more",
					data: paymentStatus,
				},
			},
			sensitive: true,
			example,
		},
		verify: {
			description:
				"Asks the provider how the payment stands, settles it and waits up to 2 s for what it led to",
			kind: "write",
			access: "user",
			rest: "POST /api/payments/:id/verify",
			limit: { perMinute: 60, by: "caller" },
			params: Type.Object({
				id: Type.String(),
				paymentGatewayId: Type.Optional(Type.String({ maxLength: 255 })),
				signature: Type.Optional(Type.String({ maxLength: 512 })),
			}),
			result: Type.Object(
				{ payment: Payment, enrollment: Fulfilment.properties.enrollment },
				{ $id: "VerifiedPayment" },
			),
			errors: {
				PAYMENT_NOT_FOUND,
				FORBIDDEN,
				PAYMENT_NOT_COMPLETED: {
					status: 409,
					title: "The provider does not have the money",
					data: paymentStatus,
				},
				PAYMENT_MISMATCH: {
					status: 422,
					title: "What was sent, or what the provider says, is not of this payment",
				},
			},
			sensitive: true,
			example,
		},
		list: {
			description: "The caller's payments, newest first",
			kind: "read",
			access: "user",
			rest: "GET /api/payments",
			params: Type.Object(listParams),
			result: pageOf("PaymentPage", Payment),
			example: {},
		},
		get: {
			description: "A payment, to whose it is and to admins",
			kind: "read",
			access: "user",
			rest: "GET /api/payments/:id",
			params: byId,
			result: Payment,
			errors: { PAYMENT_NOT_FOUND },
			example,
		},
		describe: {
			description: "Any payment, for other services",
			kind: "read",
			access: ["internal", forServices],
			rest: "GET /api/payments/internal/:id",
			params: byId,
			result: Payment,
			errors: { PAYMENT_NOT_FOUND },
			example,
		},
		explain: {
			description:
				"Everything that happened to a payment, oldest first and in words: what was asked of the provider and " +
				"answered, webhooks, facts with their receipts, ledger entries, and by whom",
			kind: "read",
			access: "user",
			rest: "GET /api/payments/:id/explain",
			params: byId,
			result: Explanation,
			errors: { PAYMENT_NOT_FOUND },
			example,
		},
		refundQuote: {
			description:
				"What a refund would give back now: what was paid times the share that is unused, rounded down",
			kind: "read",
			access: "user",
			rest: "GET /api/payments/:id/refund-quote",
			params: byId,
			result: RefundQuote,
			errors: { PAYMENT_NOT_FOUND },
			example,
		},
		refund: {
			description:
				"Gives back what was paid for the unused share, and ends what it bought. An admin may give another " +
				"`amount` (major units), at any time. 202 while the provider has not answered",
			kind: "write",
			access: "user",
			rest: "POST /api/payments/:id/refund",
			status: [200, 202],
			params: Type.Object({
				id: Type.String(),
				reason: Type.Optional(Type.String({ maxLength: 500 })),
				amount: Type.Optional(Type.Number({ description: "Major units; admins only" })),
			}),
			result: RefundedPayment,
			errors: {
				PAYMENT_NOT_FOUND,
				FORBIDDEN: { status: 403, title: "Only an admin may say the amount" },
				ALREADY_REFUNDED: { status: 409, title: "This payment was given back, or is being so" },
				REFUND_WINDOW_CLOSED: {
					status: 409,
					title: "The payment is too old to be given back",
					explanation: "An admin may still give back an amount.",
				},
				NOTHING_REFUNDABLE: {
					status: 409,
					title: "Nothing of this payment can be given back",
					explanation: "It was not captured, is used up, disputed, or went back already.",
				},
				REFUND_PENDING,
			},
			sensitive: true,
			audit: true,
			example: { ...example, reason: "Not what I expected" },
		},
		giveBack: {
			description:
				"Gives a captured payment back in full because it led to nothing; the same on every repeat",
			kind: "write",
			access: "internal",
			params: Type.Object({ id: Type.String(), reason: Type.String({ maxLength: 500 }) }),
			result: Payment,
			errors: { PAYMENT_NOT_FOUND },
			example: { ...example, reason: "The course was bought already" },
		},
		movements: {
			description:
				"Money that moved (minor units) of up to 500 captured payments after an id, in the order of ids, or of " +
				"given ones",
			kind: "read",
			access: "internal",
			params: Type.Object({
				after: Type.Optional(Type.String()),
				ids: Type.Optional(Type.Array(Type.String(), { maxItems: 500 })),
			}),
			result: Type.Object(
				{
					paymentIds: Type.Array(Type.String()),
					payables: Type.Array(Payable, { description: "What each is for, in the same order" }),
					items: Type.Array(Movement),
					unsettled: Type.Array(Type.String(), {
						description: "Those of which something has no known end at the provider",
					}),
				},
				{ $id: "Movements" },
			),
			example: {},
		},
		statement: {
			description: "A provider's own list of what was paid through it (minor units), page by page",
			kind: "read",
			access: "internal",
			params: Type.Object({ provider: Type.String(), after: Type.Optional(Type.String()) }),
			result: Type.Object(
				{
					items: Type.Array(
						Type.Object({
							id: Type.String(),
							key: Type.String(),
							amountMinor: Type.Integer(),
							currency: Currency,
							refundedMinor: Type.Integer(),
							paidAt: Type.Number({ description: "ms" }),
						}),
					),
					next: Type.Optional(Type.String()),
				},
				{ $id: "ProviderStatement" },
			),
			example: { provider: "sandbox" },
		},
		providers: {
			description: "Names of the providers that are set up here",
			kind: "read",
			access: "internal",
			result: Type.Object({ names: Type.Array(Type.String()) }, { $id: "PaymentProviders" }),
			example: {},
		},
		settle: {
			description:
				"Asks the provider how a payment stands and writes down what that means: the one end of webhook, " +
				"verify and reconciler, the same however often it is called",
			kind: "write",
			access: "internal",
			params: byId,
			result: Payment,
			errors: { PAYMENT_NOT_FOUND },
			example,
		},
		reconcile: {
			description:
				"Asks the provider about every payment, refund, dispute and call whose end is not known and whose time " +
				"has come (`now`: of all), and goes on from the answer",
			kind: "write",
			access: "internal",
			params: Type.Object({ now: Type.Optional(Type.Boolean()) }),
			result: Type.Object(
				{
					asked: Type.Integer(),
					open: Type.Integer({ description: "Whose end is still unknown" }),
				},
				{ $id: "ReconciledPayments" },
			),
			example: {},
		},
		expire: {
			description: "Closes payments that have been open for 24 h, at the provider first",
			kind: "write",
			access: "internal",
			result: Type.Object({ expired: Type.Integer() }, { $id: "ExpiredPayments" }),
			example: {},
		},
		webhook: {
			description: "Takes a provider's signed event: stored before it is answered, applied once",
			kind: "write",
			access: "public",
			rest: "POST /webhooks/:provider",
			accepts: "raw",
			ignoresToken: true,
			params: Type.Object({
				provider: Type.String(),
				headers: Type.Object({}, { additionalProperties: true }),
				body: Type.String({ description: "base64" }),
			}),
			result: Type.Object({ received: Type.Literal(true) }, { $id: "WebhookReceived" }),
			errors: {
				NOT_FOUND: { status: 404, title: "No provider of this name is set up here" },
				SIGNATURE_INVALID: {
					status: 400,
					title: "The event is not signed by the provider, or not within 300 s of now",
				},
			},
		},
		events: {
			description:
				"Providers' events as they came, newest first: `ignored` are of types that mean nothing here, `parked` " +
				"could not be applied within a day",
			kind: "read",
			access: { roles: ["admin"] },
			rest: "GET /api/payment-events",
			params: Type.Object({ ...listParams, state: Type.Optional(EventState) }),
			result: pageOf(
				"PaymentEventPage",
				Type.Object({
					id: Type.String({ description: "`<provider>:<event id>`" }),
					provider: Type.String(),
					type: Type.String(),
					paymentId: Type.Optional(Type.String()),
					state: EventState,
					tries: Type.Integer(),
					lastError: Type.Optional(Type.String()),
					receivedAt: Timestamp,
					isPastRetention: Type.Optional(PastRetention),
				}),
			),
			example: { state: "ignored" },
		},
		replayEvent: {
			description: "Tries once more to apply a provider's event that waits or is parked",
			kind: "write",
			access: { roles: ["admin"] },
			rest: "POST /api/payment-events/:id/replay",
			params: byId,
			result: Type.Object({ state: EventState }, { $id: "ReplayedPaymentEvent" }),
			errors: { EVENT_NOT_FOUND: { status: 404, title: "There is no such event" } },
			sensitive: true,
			audit: true,
			example: { id: "sandbox:evt_sandbox_0190f3c2-0000-7000-8000-000000000000" },
		},
		applyEvents: {
			description: "Applies stored events that could not be applied when they came",
			kind: "write",
			access: "internal",
			result: Type.Object({ applied: Type.Integer() }, { $id: "AppliedEvents" }),
			example: {},
		},
		endEventContent: {
			description:
				"Removes what events said that were applied, or mean nothing here, longer than `RETENTION_DAYS` ago; that they " +
				"came stays known, so that none is applied twice",
			kind: "write",
			access: "internal",
			timeoutMs: 60_000,
			result: Type.Object({ ended: Type.Integer() }, { $id: "EndedEvents" }),
			example: {},
		},
	},
	facts: {
		...audited("payment"),
		"payment.captured": {
			v: 1,
			data: Type.Object({ ...factData, ...factMoney }, { $id: "PaymentCaptured" }),
		},
		"payment.failed": {
			v: 1,
			data: Type.Object(
				{ ...factData, reason: Type.String({ description: "The provider's code" }) },
				{ $id: "PaymentFailed" },
			),
		},
		"payment.fee_charged": {
			v: 1,
			data: Type.Object({ ...factData, ...factMoney }, { $id: "PaymentFeeCharged" }),
		},
		"payment.refunded": {
			v: 1,
			data: Type.Object(refundFact, { $id: "PaymentRefunded" }),
		},
		"payment.refund_failed": {
			v: 1,
			data: Type.Object(
				{
					...refundFact,
					isReversal: Type.Boolean({ description: "It had succeeded, and the money came back" }),
				},
				{ $id: "PaymentRefundFailed" },
			),
		},
		"payment.disputed": {
			v: 1,
			data: Type.Object(disputeFact, { $id: "PaymentDisputed" }),
		},
		"payment.reinstated": {
			v: 1,
			data: Type.Object(disputeFact, { $id: "PaymentReinstated" }),
		},
		"payment.charged_back": {
			v: 1,
			data: Type.Object(disputeFact, { $id: "PaymentChargedBack" }),
		},
	},
	provides: { "explain:pay": "explain" },
	schedules: { reconcile: "PT30S", expire: "PT1M", applyEvents: "PT10S", endEventContent: "PT5M" },
});

declare module "../../../kernel/contract.ts" {
	interface Mesh {
		payments: typeof payments;
	}
}
