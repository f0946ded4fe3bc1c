import { type Static, Type } from "typebox";
import { defineContract } from "../../../kernel/contract.ts";
import { Currency, FileAnswer } from "../../../kernel/schemas.ts";
import { PAYMENT_NOT_FOUND, Payment, PaymentMethod } from "../payments/payments.contract.ts";

const Outcome = Type.Enum(["succeed", "decline", "timeout", "late"], {
	description:
		"succeed: the webhook comes at once, again on each repeat; decline: stays open; timeout: the provider has the " +
		"money and says nothing by itself, until a `succeed`; late: the webhook comes 5 s later",
});
export type Outcome = Static<typeof Outcome>;

const Failure = Type.Object({ id: Type.String(), code: Type.String(), message: Type.String() });

const money = { amountMinor: Type.Integer({ description: "Minor units" }), currency: Currency };

const Refund = Type.Object({
	id: Type.String(),
	key: Type.Optional(Type.String({ description: "None where it was made by hand" })),
	status: Type.Enum(["pending", "succeeded", "failed"]),
	...money,
	failure: Type.Optional(Failure),
});

const DisputeStatus = Type.Enum(["open", "won", "lost"], {
	description: "open: the money is held; won: it is back; lost: it is gone",
});

const Intent = Type.Object(
	{
		id: Type.String(),
		key: Type.String(),
		status: Type.Enum(["open", "processing", "paid", "canceled"]),
		...money,
		chargeId: Type.Optional(Type.String()),
		fee: Type.Optional(Type.Object(money)),
		failure: Type.Optional(Failure),
		refunds: Type.Array(Refund),
		disputes: Type.Array(Type.Object({ id: Type.String(), status: DisputeStatus, ...money })),
	},
	{ $id: "SandboxIntent" },
);

const StatementLine = Type.Object({
	id: Type.String(),
	key: Type.String(),
	...money,
	refundedMinor: Type.Integer({ description: "Minor units" }),
	paidAt: Type.Integer({ description: "ms" }),
});

const SandboxPayment = Type.Object(
	{
		...Payment.properties,
		signature: Type.Optional(
			Type.String({ description: "What a paid Razorpay checkout hands the buyer, for `verify`" }),
		),
	},
	{ $id: "SandboxPayment" },
);

const INTENT_NOT_FOUND = { status: 404, title: "The sandbox has no such payment" } as const;
const NOT_POSSIBLE = { status: 409, title: "The payment is in no state for that" } as const;
const eitherId = Type.String({ description: "The payment's, or the sandbox's own of it" });
const amountMinor = Type.Integer({
	minimum: 1,
	maximum: 999_999_999_999_999,
	description: "Minor units, as many as a JSON number has digits for",
});
const onlyWhere = "sandbox" as const;
const payment = "pay_0190f3c2-0000-7000-8000-000000000000";
const intent = "pi_sandbox_0190f3c2000070008000000000000000";

/** Plays a payment provider and its buyers, where no money is to move. */
export const sandbox = defineContract("sandbox", {
	description: "A payment provider to try everything on: it has a checkout page and moves no money",
	actions: {
		complete: {
			description: "Does what the buyer and the provider would do next, webhook included",
			kind: "write",
			access: "user",
			rest: "POST /api/sandbox/payments/:id/complete",
			params: Type.Object({ id: Type.String(), outcome: Outcome }),
			result: SandboxPayment,
			errors: {
				PAYMENT_NOT_FOUND,
				FORBIDDEN: { status: 403, title: "Only who is to pay may do this" },
			},
			sensitive: true,
			onlyWhere,
			example: { id: payment, outcome: "succeed" },
		},
		pay: {
			description: "As `complete`, for whoever has the payment's `clientSecret`: the checkout page",
			kind: "write",
			access: "public",
			rest: "POST /sandbox/checkout/:id",
			params: Type.Object({
				id: Type.String(),
				secret: Type.String({ maxLength: 255 }),
				outcome: Outcome,
			}),
			result: SandboxPayment,
			errors: { PAYMENT_NOT_FOUND },
			onlyWhere,
			example: { id: payment, secret: `${intent}_secret_0`, outcome: "succeed" },
		},
		checkout: {
			description: "The page on which the buyer pays, declines, or lets the provider be late",
			kind: "read",
			access: "public",
			rest: "GET /sandbox/checkout/:id",
			params: Type.Object({
				id: Type.String(),
				secret: Type.Optional(Type.String({ maxLength: 255 })),
			}),
			result: FileAnswer,
			errors: { PAYMENT_NOT_FOUND },
			answers: "file",
			media: ["text/html"],
			onlyWhere,
			example: { id: payment, secret: `${intent}_secret_0` },
		},
		script: {
			description: "The checkout page's script",
			kind: "read",
			access: "public",
			isStatic: true,
			rest: "GET /sandbox/checkout.js",
			result: FileAnswer,
			answers: "file",
			media: ["text/javascript"],
			onlyWhere,
			example: {},
		},
		style: {
			description: "The checkout page's style",
			kind: "read",
			access: "public",
			isStatic: true,
			rest: "GET /sandbox/checkout.css",
			result: FileAnswer,
			answers: "file",
			media: ["text/css"],
			onlyWhere,
			example: {},
		},
		open: {
			description: "Makes a payment at the sandbox, or finds the one made under this key",
			kind: "write",
			access: "internal",
			params: Type.Object({
				key: Type.String(),
				method: PaymentMethod,
				amountMinor,
				currency: Currency,
				title: Type.String(),
			}),
			result: Type.Union(
				[
					Type.Object({
						opened: Type.Object({
							id: Type.String(),
							clientSecret: Type.String(),
							checkoutUrl: Type.String(),
						}),
					}),
					Type.Object({ refused: Failure }),
				],
				{ $id: "SandboxOpened" },
			),
			onlyWhere,
			example: {
				key: payment,
				method: "stripe",
				amountMinor: 9999,
				currency: "USD",
				title: "Test Course",
			},
		},
		find: {
			description: "How a payment stands at the sandbox",
			kind: "read",
			access: "internal",
			params: Type.Object({ id: Type.String() }),
			result: Intent,
			errors: { INTENT_NOT_FOUND },
			onlyWhere,
			example: { id: intent },
		},
		cancel: {
			description: "Closes a payment at the sandbox; what is paid stays paid",
			kind: "write",
			access: "internal",
			params: Type.Object({ id: Type.String() }),
			result: Intent,
			errors: { INTENT_NOT_FOUND },
			onlyWhere,
			example: { id: intent },
		},
		refund: {
			description:
				"Gives money back, or finds the refund made under this key; never more than was paid. Fails with 503 " +
				"where `behave` wants its answer lost",
			kind: "write",
			access: "internal",
			params: Type.Object({
				key: Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9_-]{0,254}$" }),
				id: Type.String({ description: "The sandbox's own" }),
				amountMinor,
			}),
			result: Type.Union([Type.Object({ refund: Refund }), Type.Object({ refused: Failure })], {
				$id: "SandboxRefunded",
			}),
			onlyWhere,
			example: { key: "rfd_0190f3c2-0000-7000-8000-000000000000", id: intent, amountMinor: 6299 },
		},
		statement: {
			description: "What was paid at the sandbox, page by page",
			kind: "read",
			access: "internal",
			params: Type.Object({ after: Type.Optional(Type.String()) }),
			result: Type.Object(
				{
					items: Type.Array(StatementLine),
					next: Type.Optional(Type.String()),
				},
				{ $id: "SandboxStatement" },
			),
			onlyWhere,
			example: {},
		},
		behave: {
			description:
				"Says how refunds of a payment go from now on (succeed; pending: until `settleRefund`; fail; timeout: " +
				"the money goes back and nobody says so), and what the sandbox keeps of it, in minor units",
			kind: "write",
			access: "internal",
			params: Type.Object({
				id: eitherId,
				refunds: Type.Optional(Type.Enum(["succeed", "pending", "fail", "timeout"])),
				feeMinor: Type.Optional(amountMinor),
			}),
			result: Intent,
			errors: { INTENT_NOT_FOUND },
			onlyWhere,
			example: { id: payment, refunds: "pending" },
		},
		process: {
			description: "The buyer pays by slow means: under way until `complete`",
			kind: "write",
			access: "internal",
			params: Type.Object({ id: eitherId }),
			result: Intent,
			errors: { INTENT_NOT_FOUND, NOT_POSSIBLE },
			onlyWhere,
			example: { id: payment },
		},
		settleRefund: {
			description:
				"Ends a pending refund, or lets one that succeeded fail; its webhook comes, again on each repeat",
			kind: "write",
			access: "internal",
			params: Type.Object({
				id: eitherId,
				refundId: Type.String({ description: "The sandbox's own" }),
				status: Type.Enum(["succeeded", "failed"]),
			}),
			result: Intent,
			errors: { INTENT_NOT_FOUND, NOT_POSSIBLE },
			onlyWhere,
			example: { id: payment, refundId: "re_sandbox_0", status: "succeeded" },
		},
		refundByHand: {
			description: "Gives money back as somebody at the provider would, under nobody's key",
			kind: "write",
			access: "internal",
			params: Type.Object({ id: eitherId, amountMinor }),
			result: Intent,
			errors: { INTENT_NOT_FOUND, NOT_POSSIBLE },
			onlyWhere,
			example: { id: payment, amountMinor: 100 },
		},
		dispute: {
			description:
				"The buyer's bank claims a payment back (what is left of it where no amount is said), and the claim " +
				"is decided; its webhook comes, again on each repeat",
			kind: "write",
			access: "internal",
			params: Type.Object({
				id: eitherId,
				status: DisputeStatus,
				amountMinor: Type.Optional(amountMinor),
			}),
			result: Intent,
			errors: { INTENT_NOT_FOUND, NOT_POSSIBLE },
			onlyWhere,
			example: { id: payment, status: "open" },
		},
		secrets: {
			description: "What the sandbox signs with: the first signs, all verify",
			kind: "read",
			access: "internal",
			result: Type.Object({ secrets: Type.Array(Type.String()) }, { $id: "SandboxSecrets" }),
			onlyWhere,
			example: {},
		},
		deliver: {
			description:
				"Delivers the webhooks that are due: the webhook action is called with the signed bytes, as an HTTP " +
				"delivery would",
			kind: "write",
			access: "internal",
			result: Type.Object({ delivered: Type.Integer() }, { $id: "SandboxDelivery" }),
			onlyWhere,
			example: {},
		},
	},
	schedules: { deliver: "PT5S" },
});

declare module "../../../kernel/contract.ts" {
	interface Mesh {
		sandbox: typeof sandbox;
	}
}
