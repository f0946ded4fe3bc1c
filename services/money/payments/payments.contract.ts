import { type Static, Type } from "typebox";
import { defineContract } from "../../../kernel/contract.ts";
import {
	amountFields,
	byId,
	Currency,
	Id,
	listParams,
	pageOf,
	Timestamp,
} from "../../../kernel/schemas.ts";

/** What a service that owns a kind of payable is asked by its action under `payable:<kind>`. */
export const quoteParams = Type.Object({ id: Id, userId: Id });

/** What the thing costs this user now. */
export const Quote = Type.Object(
	{
		amountMinor: Type.Integer({ minimum: 1, description: "Minor units" }),
		currency: Currency,
		title: Type.String({ description: "What the buyer reads at the provider" }),
	},
	{ $id: "Quote" },
);
export type Quote = Static<typeof Quote>;

/** What the owner of the kind is asked by its action under `fulfilment:<kind>`. */
export const fulfilmentParams = Type.Object({ id: Id, userId: Id, paymentId: Id });

/** What the payment led to, null as long as there is nothing. */
export const Fulfilment = Type.Object(
	{ enrollment: Type.Union([Type.Object({}, { additionalProperties: true }), Type.Null()]) },
	{ $id: "Fulfilment" },
);
export type Fulfilment = Static<typeof Fulfilment>;

export const PaymentMethod = Type.Enum(["stripe", "razorpay"]);
export type PaymentMethod = Static<typeof PaymentMethod>;

export const PaymentStatus = Type.Enum([
	"created",
	"requires_action",
	"processing",
	"captured",
	"failed",
	"canceled",
	"expired",
	"refund_pending",
	"partially_refunded",
	"refunded",
	"disputed",
]);
export type PaymentStatus = Static<typeof PaymentStatus>;

export const Payable = Type.Object({
	kind: Type.String({ pattern: "^[a-z][a-z-]{0,31}$" }),
	id: Id,
});
export type Payable = Static<typeof Payable>;

export const Payment = Type.Object(
	{
		id: Type.String(),
		payable: Payable,
		courseId: Type.Optional(Type.String({ description: "The payable's id where it is a course" })),
		userId: Type.String(),
		status: PaymentStatus,
		...amountFields,
		paymentMethod: PaymentMethod,
		sandbox: Type.Boolean({ description: "No money moves" }),
		paymentGatewayId: Type.Optional(Type.String({ description: "The provider's own id of it" })),
		clientSecret: Type.Optional(Type.String({ description: "What it takes to pay; while open" })),
		checkoutUrl: Type.Optional(Type.String({ description: "Where to pay; while open" })),
		lastError: Type.Optional(
			Type.Object({ code: Type.String(), message: Type.String(), at: Timestamp }),
		),
		review: Type.Optional(
			Type.String({ description: "Why a person must look at it: the provider's answer differs" }),
		),
		createdAt: Timestamp,
		capturedAt: Type.Optional(Timestamp),
		expiresAt: Type.Optional(Type.String({ format: "date-time", description: "While open" })),
	},
	{ $id: "Payment" },
);
export type Payment = Static<typeof Payment>;

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
		captures: {
			description:
				"What was captured (minor units): up to 2,000 after an id, in the order of ids, or of given payments",
			kind: "read",
			access: "internal",
			params: Type.Object({
				after: Type.Optional(Type.String()),
				ids: Type.Optional(Type.Array(Type.String(), { maxItems: 2_000 })),
			}),
			result: Type.Object(
				{
					items: Type.Array(
						Type.Object({
							paymentId: Type.String(),
							provider: Type.String(),
							amountMinor: Type.Integer(),
							currency: Currency,
							capturedAt: Timestamp,
						}),
					),
				},
				{ $id: "Captures" },
			),
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
				SIGNATURE_INVALID: {
					status: 400,
					title: "The event is not signed by the provider, or not within 300 s of now",
				},
			},
		},
		applyEvents: {
			description: "Applies stored events that could not be applied when they came",
			kind: "write",
			access: "internal",
			result: Type.Object({ applied: Type.Integer() }, { $id: "AppliedEvents" }),
			example: {},
		},
	},
	facts: {
		"payment.captured": {
			v: 1,
			data: Type.Object(
				{
					...factData,
					amountMinor: Type.Integer({ description: "Minor units" }),
					currency: Currency,
					provider: Type.String({ description: "Who has the money: sandbox, stripe, razorpay" }),
				},
				{ $id: "PaymentCaptured" },
			),
		},
		"payment.failed": {
			v: 1,
			data: Type.Object(
				{ ...factData, reason: Type.String({ description: "The provider's code" }) },
				{ $id: "PaymentFailed" },
			),
		},
	},
	schedules: { expire: "PT1M", applyEvents: "PT10S" },
});

declare module "../../../kernel/contract.ts" {
	interface Mesh {
		payments: typeof payments;
	}
}
