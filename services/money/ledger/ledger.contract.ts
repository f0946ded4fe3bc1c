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
		kind: Type.Enum(["capture"]),
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
				code: Type.Enum(["TRANSFER_FLAWED", "CAPTURE_NOT_POSTED", "CAPTURE_DIFFERS"]),
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
		audit: {
			description:
				"Goes through the whole journal: each entry must sum to zero per currency, and captures and their " +
				"entries must be the same ones. A capture younger than 60 s may still be on its way",
			kind: "write",
			access: admin,
			rest: "POST /api/ledger/audit",
			result: Audit,
			sensitive: true,
			example: {},
		},
	},
	consumes: { "payment.captured": { from: "start" } },
});

declare module "../../../kernel/contract.ts" {
	interface Mesh {
		ledger: typeof ledger;
	}
}
