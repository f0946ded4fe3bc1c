import { Type } from "typebox";
import { defineContract } from "../../../kernel/contract.ts";
import {
	amountFields,
	Currency,
	Id,
	listParams,
	pageOf,
	Timestamp,
} from "../../../kernel/schemas.ts";
import { MovementKind } from "../payments/payments.contract.ts";

const Account = Type.Object(
	{
		account: Type.String({ description: "`provider:<name>:clearing`, `platform:revenue`, …" }),
		currency: Currency,
		debitMinor: Type.Integer({ description: "Sum of debits, minor units" }),
		creditMinor: Type.Integer({ description: "Sum of credits, minor units" }),
		balance: Type.Number({ description: "Debits less credits, major units" }),
		balanceMinor: Type.Integer({ description: "Debits less credits, minor units" }),
	},
	{ $id: "LedgerAccount" },
);

const Transfer = Type.Object(
	{
		id: Type.String(),
		kind: MovementKind,
		subjectId: Type.String({ description: "The payment whose money it books" }),
		legs: Type.Array(
			Type.Object({
				account: Type.String(),
				direction: Type.Enum(["debit", "credit"]),
				...amountFields,
			}),
		),
		at: Timestamp,
		postedAt: Timestamp,
	},
	{ $id: "LedgerTransfer" },
);

const Audit = Type.Object(
	{
		ok: Type.Boolean(),
		accounts: Type.Integer(),
		transfers: Type.Integer(),
		differences: Type.Array(
			Type.Object({
				code: Type.Enum([
					"TRANSFER_FLAWED",
					"MOVEMENT_NOT_POSTED",
					"TRANSFER_DIFFERS",
					"PROVIDER_DIFFERS",
					"PROVIDER_AWAY",
				]),
				subjectId: Type.String(),
				transferId: Type.Optional(Type.String()),
				detail: Type.String(),
			}),
			{ description: "Up to 1,000" },
		),
	},
	{ $id: "LedgerAudit" },
);

const admin = { roles: ["admin"] } as const;

export const ledger = defineContract("ledger", {
	description: "The journal of all money, double entry and append-only",
	actions: {
		accounts: {
			description: "Accounts with their balances, as they follow from the journal",
			kind: "read",
			access: admin,
			rest: "GET /api/ledger/accounts",
			params: Type.Object(listParams),
			result: pageOf("LedgerAccountPage", Account),
			example: {},
		},
		transfers: {
			description:
				"Journal entries with all their legs, newest first; with `subjectId` those of one payment",
			kind: "read",
			access: admin,
			rest: "GET /api/ledger/transfers",
			params: Type.Object({ ...listParams, subjectId: Type.Optional(Id) }),
			result: pageOf("LedgerTransferPage", Transfer),
			example: {},
		},
		entries: {
			description: "All journal entries of a payment, oldest first",
			kind: "read",
			access: "internal",
			params: Type.Object({ subjectId: Id }),
			result: Type.Object({ items: Type.Array(Transfer) }, { $id: "LedgerEntries" }),
			example: { subjectId: "pay_0190f3c2-0000-7000-8000-000000000000" },
		},
		audit: {
			description:
				"Goes through the whole journal: each entry must sum to zero per currency, every movement of money that " +
				"payments knows must be booked once and nothing else, and each provider's own list of payments must say " +
				"the same. What is younger than 60 s may still be on its way",
			kind: "write",
			access: admin,
			rest: "POST /api/ledger/audit",
			timeoutMs: 60_000,
			result: Audit,
			sensitive: true,
			example: {},
		},
	},
	consumes: {
		"payment.captured": { from: "start" },
		"payment.fee_charged": { from: "start" },
		"payment.refunded": { from: "start" },
		"payment.refund_failed": { from: "start" },
		"payment.disputed": { from: "start" },
		"payment.reinstated": { from: "start" },
	},
});

declare module "../../../kernel/contract.ts" {
	interface Mesh {
		ledger: typeof ledger;
	}
}
