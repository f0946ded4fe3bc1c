import { type Static, Type } from "typebox";
import { type Clock, iso } from "./clock.ts";
import type { Contract } from "./contract.ts";
import { newId } from "./ids.ts";
import type { OutgoingFact } from "./store/collection.ts";
import type { ToldChange } from "./store/difference.ts";
import { currentScope, runIn } from "./tracing/scope.ts";

const scalars = [Type.String(), Type.Number(), Type.Boolean()];
const Value = Type.Union([...scalars, Type.Array(Type.Union(scalars))]);

export const AuditRecord = Type.Object(
	{
		action: Type.String({ description: "Full name" }),
		by: Type.Object(
			{
				userId: Type.Optional(Type.String()),
				roles: Type.Optional(Type.Array(Type.String(), { description: "As the token says" })),
				service: Type.Optional(Type.String({ description: "Who signed the request" })),
				system: Type.Optional(
					Type.Literal(true, { description: "Nobody: a schedule, a fact, a node of the mesh" }),
				),
			},
			{ description: "Who caused it" },
		),
		requestId: Type.String(),
		on: Type.Object({ collection: Type.String(), id: Type.String() }),
		changes: Type.Array(
			Type.Object({
				path: Type.String(),
				before: Type.Optional(Value),
				after: Type.Optional(Value),
			}),
			{ description: "With neither before nor after: that it changed is all that is told" },
		),
	},
	{ $id: "AuditRecord" },
);
export type AuditRecord = Static<typeof AuditRecord>;

/**
 * The fact by which a contract's audited actions are told.
 * @param subject singular: `user` makes `user.audited`.
 * @example facts: { ...audited("user"), "user.rolesChanged": … }
 */
export const audited = <const S extends string>(subject: S) =>
	({ [`${subject}.audited`]: { v: 1, data: AuditRecord } }) as {
		[K in `${S}.audited`]: { v: 1; data: typeof AuditRecord };
	};

/** Name and version of the fact that tells what a contract's audited actions do; undefined where it declares none. */
export function auditFactOf({ facts = {} }: Contract): { name: string; v: number } | undefined {
	const [name, fact] = Object.entries(facts).find(([, { data }]) => data === AuditRecord) ?? [];
	return name && fact ? { name, v: fact.v } : undefined;
}

/** An audited action under way: what it writes into these collections is told in the same write. */
export interface Audit extends Pick<AuditRecord, "action" | "by" | "requestId"> {
	fact: { name: string; v: number };
	clock: Clock;
	/** Those of its own service. */
	collections: readonly object[];
}

/** Runs an audited action. */
export const runAudited = <R>(audit: Audit, run: () => R): R =>
	runIn({ requestId: audit.requestId, ...currentScope(), audit }, run);

/** Runs what an audited action may set off and is not part of it: a handler of an event. */
export function runApart<R>(run: () => R): R {
	const scope = currentScope();
	return scope?.audit ? runIn({ ...scope, audit: undefined }, run) : run();
}

/** The audited action that is writing into this collection, if any. */
export const auditOf = (collection: object): Audit | undefined => {
	const audit = currentScope()?.audit;
	return audit?.collections.includes(collection) ? audit : undefined;
};

/**
 * The facts that tell one write of an audited action: one, or none where nothing changed. Ids are new: a run that is
 * taken up tells what it changes, and writes nothing twice that it could tell twice.
 */
export function auditFacts(
	{ fact, clock, action, by, requestId }: Audit,
	on: AuditRecord["on"],
	changes: readonly ToldChange[],
): OutgoingFact[] {
	if (changes.length === 0) return [];
	const data = { action, by, requestId, on, changes };
	return [{ id: newId("fct"), ...fact, at: iso(clock.now()), data }];
}
