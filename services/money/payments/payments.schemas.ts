import { type Static, Type } from "typebox";
import { amountFields, Currency, Id, Timestamp } from "../../../kernel/schemas.ts";

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

/** An id that something is kept under in a document: nothing in it is a path. */
const IdAsKey = Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$" });

/** What the owner of the kind is asked by its actions under `usage:<kind>`, `hold:<kind>` and `release:<kind>`. */
export const holdParams = Type.Object({
	id: Id,
	userId: Id,
	paymentId: IdAsKey,
	refundId: IdAsKey,
});

/** How much of what was bought is still unused: `part` of `of`, any unit. */
export const Usage = Type.Object(
	{
		part: Type.Integer({ minimum: 0 }),
		of: Type.Integer({ minimum: 0 }),
		progressPercentage: Type.Optional(
			Type.Number({ description: "0..100, as the buyer knows it" }),
		),
	},
	{ $id: "Usage" },
);
export type Usage = Static<typeof Usage>;

export const Released = Type.Object({ released: Type.Literal(true) }, { $id: "Released" });

export const REFUND_PENDING = {
	status: 409,
	title: "A refund is under way",
	explanation: "What was bought is frozen until the provider has answered; ask again then.",
} as const;

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

export const RefundStatus = Type.Enum(["pending", "succeeded", "failed"]);

const paymentFields = {
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
	refundedAmount: Type.Optional(Type.Number({ description: "What went back, major units" })),
	refundedAmountMinor: Type.Optional(Type.Integer({ description: "What went back, minor units" })),
	refunds: Type.Optional(
		Type.Array(
			Type.Object({
				id: Type.String(),
				amountMinor: Type.Integer({ description: "Minor units" }),
				status: RefundStatus,
				createdAt: Timestamp,
			}),
		),
	),
};

export const Payment = Type.Object(paymentFields, { $id: "Payment" });
export type Payment = Static<typeof Payment>;

/** A payment after a refund was asked for; `refund` while its outcome is not known. */
export const RefundedPayment = Type.Object(
	{
		...paymentFields,
		refund: Type.Optional(
			Type.Object({ id: Type.String(), status: RefundStatus }, { description: "With 202" }),
		),
	},
	{ $id: "RefundedPayment" },
);

export const RefundQuote = Type.Object(
	{
		refundable: Type.Boolean(),
		...amountFields,
		progressPercentage: Type.Number({ description: "0..100, what was used" }),
		reason: Type.Optional(Type.String({ description: "The code a refund would fail with" })),
	},
	{ $id: "RefundQuote" },
);

export const Explanation = Type.Object(
	{
		paymentId: Type.String(),
		status: PaymentStatus,
		summary: Type.String({ description: "Where it stands, in a sentence" }),
		entries: Type.Array(
			Type.Object({
				at: Timestamp,
				source: Type.Enum(["payment", "provider", "webhook", "fact", "ledger"]),
				text: Type.String(),
				by: Type.Optional(Type.String({ description: "Who or what caused it" })),
			}),
			{ description: "Everything that happened, oldest first" },
		),
	},
	{ $id: "PaymentExplanation" },
);
export type Explanation = Static<typeof Explanation>;

/** Kinds of movements of money. A reversal is what came back of a refund or dispute. */
export const MovementKind = Type.Enum([
	"capture",
	"fee",
	"refund",
	"refund_reversal",
	"dispute",
	"dispute_reversal",
]);

/** Money that moved at a provider, each once. */
export const Movement = Type.Object({
	kind: MovementKind,
	id: Type.String({ description: "Of the payment, refund or dispute" }),
	paymentId: Type.String(),
	provider: Type.String(),
	amountMinor: Type.Integer({ minimum: 1, description: "Minor units" }),
	currency: Currency,
	at: Timestamp,
});
export type Movement = Static<typeof Movement>;
