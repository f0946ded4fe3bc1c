import { type Static, Type } from "typebox";
import type { ActionContract } from "../contract.ts";
import type { Place } from "../tracing/traceparent.ts";

/** A fact as it lies in an outbox and travels, with the place in the trace of what wrote it. */
export interface StoredFact extends Partial<Place> {
	id: string;
	name: string;
	v: number;
	/** Id of the document whose change it tells. */
	subjectId: string;
	/** ISO 8601, when the change was written. */
	at: string;
	data: Record<string, unknown>;
}

export const Receipt = Type.Object(
	{
		id: Type.String({ description: "`<group>:<factId>`" }),
		factId: Type.String(),
		name: Type.String(),
		state: Type.Enum(["trying", "done", "parked"]),
		tries: Type.Integer({ description: "Failures that count towards parking, and the last try" }),
		outages: Type.Optional(
			Type.Integer({ description: "Tries that failed because another service was away" }),
		),
		nextAt: Type.Optional(Type.Number({ description: "Not before this instant, ms" })),
		lastError: Type.Optional(Type.String()),
		at: Type.Number({ description: "Last change, ms" }),
		fact: Type.Optional(Type.Unsafe<StoredFact>(Type.Object({}, { additionalProperties: true }))),
	},
	{ $id: "Receipt" },
);
export type Receipt = Static<typeof Receipt>;

/** What the kernel gives every service that consumes facts. */
export const consumerActions = {
	"facts.receipts": {
		description:
			"How far this service is with each of up to 500 facts; a fact it never met is left out",
		kind: "read",
		access: "internal",
		params: Type.Object({ ids: Type.Array(Type.String(), { maxItems: 500 }) }),
		result: Type.Record(Type.String(), Type.Enum(["trying", "done", "parked"]), {
			$id: "ReceiptStates",
		}),
		example: { ids: ["fct_0190f3c2-0000-7000-8000-000000000000"] },
	},
	"facts.parked": {
		description: "Facts that failed too often, with their last error, newest first",
		kind: "read",
		access: ["internal", { roles: ["admin"] }],
		result: Type.Object({ items: Type.Array(Receipt) }, { $id: "ParkedFacts" }),
		example: {},
	},
	"facts.replay": {
		description: "Tries a parked fact once more; it stays parked until a try succeeds",
		kind: "write",
		access: ["internal", { roles: ["admin"] }],
		params: Type.Object({ factId: Type.String() }),
		result: Type.Object(
			{ state: Type.Enum(["trying", "done", "parked", "unknown"]) },
			{ $id: "ReplayedFact" },
		),
		example: { factId: "fct_0190f3c2-0000-7000-8000-000000000000" },
	},
} as const satisfies Record<string, ActionContract>;

/** What the kernel gives every service that writes facts. */
export const publisherActions = {
	"facts.sweep": {
		description:
			"Publishes facts that were left behind and takes those out of the outbox that every wanted group has a receipt for",
		kind: "write",
		access: "internal",
		params: Type.Object({
			now: Type.Optional(Type.Boolean({ description: "Do not wait 30 s for a receipt" })),
		}),
		result: Type.Object(
			{ pending: Type.Integer(), published: Type.Integer(), settled: Type.Integer() },
			{ $id: "FactSweep" },
		),
		example: {},
	},
	"facts.pending": {
		description: "Facts still in the outbox of this service and the age of the oldest, ms",
		kind: "read",
		access: ["internal", { roles: ["admin"] }],
		result: Type.Object(
			{ pending: Type.Integer(), oldestMs: Type.Number() },
			{ $id: "PendingFacts" },
		),
		example: {},
	},
} as const satisfies Record<string, ActionContract>;
