import type { Static, TSchema } from "typebox";
import { type Clock, iso } from "../clock.ts";
import type { Contract, Ctx } from "../contract.ts";
import { idFor } from "../ids.ts";
import type { OutgoingFact } from "../store/collection.ts";

type FactsOf<C extends Contract> = C extends { facts: infer F } ? F : never;
type DataOf<C extends Contract, K extends keyof FactsOf<C>> = FactsOf<C>[K] extends {
	data: infer D extends TSchema;
}
	? Static<D>
	: never;

/**
 * Makes a fact to be handed to `insert` or `advance` with the change it tells.
 * @param ctx the request or fact that caused it; its seed, if any, decides the fact's id.
 */
export function fact<C extends Contract, K extends keyof FactsOf<C> & string>(
	ctx: Pick<Ctx, "headers" | "locals">,
	clock: Clock,
	contract: C,
	name: K,
	data: DataOf<C, K>,
): OutgoingFact {
	const declared = contract.facts?.[name];
	if (!declared) throw new TypeError(`${contract.name} has no fact ${name}`);
	return {
		id: idFor(ctx as never, "fct"),
		name,
		v: declared.v,
		at: iso(clock.now()),
		data: data as Record<string, unknown>,
	};
}
