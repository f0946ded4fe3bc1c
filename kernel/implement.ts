import type { Service, ServiceSchema } from "moleculer";
import type { Clock } from "./clock.ts";
import {
	type ActionContract,
	accessOf,
	type Broker,
	type Contract,
	type Ctx,
	type Fact,
	type FactName,
	type In,
	type Out,
	type UnionToIntersection,
} from "./contract.ts";
import { fingerprint } from "./contracts.ts";
import type { Env } from "./env.ts";
import { factsMixin } from "./facts/mixin.ts";
import { platformOf } from "./platform.ts";
import { schedulesMixin } from "./schedules.ts";

/** What a mixin adds to `this`: its methods, and what it sets up itself under `brings` (a type only). */
type Brings<X> = (X extends { methods: infer M } ? M : {}) &
	(X extends { brings?: infer B } ? NonNullable<B> : {});
type MixedIn<X extends readonly unknown[]> = X extends readonly []
	? {}
	: UnionToIntersection<Brings<X[number]>>;

/** What every service has, whatever it mixes in. */
interface Base extends Omit<Service, "broker"> {
	broker: Broker;
	env: Env;
	clock: Clock;
}
type Self<M, X extends readonly unknown[]> = Base & M & MixedIn<X>;

type Handlers<C extends Contract> = {
	[K in keyof C["actions"]]: (ctx: Ctx<In<C["actions"][K]>>) => Promise<Out<C["actions"][K]>>;
};

/** Of the fact that is being handled: what a handler may need besides the data. */
export interface FactContext extends Ctx {
	fact: { id: string; name: string; subjectId: string; at: string };
}

/** One handler for each fact the contract says it consumes, and for no other. */
type FactHandlers<C extends Contract> = {
	[K in keyof C["consumes"] & FactName]: (fact: Fact<K>, ctx: FactContext) => Promise<void>;
};

type Behaviour<C extends Contract, M, X extends readonly unknown[]> = Common<C, M, X> &
	(C extends { consumes: object }
		? { on: FactHandlers<C> & ThisType<Self<M, X>> }
		: { on?: never });
interface Common<C extends Contract, M, X extends readonly unknown[]> {
	mixins?: X;
	dependencies?: string[];
	methods?: M & ThisType<Self<M, X>>;
	actions: Handlers<C> & ThisType<Self<M, X>>;
	started?: (this: Self<M, X>) => Promise<void>;
	stopped?: (this: Self<M, X>) => Promise<void>;
}

/** Moleculer's own settings of one action: only a reference to its schema, which the registry would publish. */
const actionSchema = (contract: Contract, name: string, face: ActionContract) => ({
	params: { $contract: `${contract.name}.${name}` },
	visibility: accessOf(face).every(rule => rule === "internal") ? "public" : "published",
	...(face.timeoutMs && { timeout: face.timeoutMs }),
	...(face.cache && {
		cache: { ...face.cache, params: Object.keys(face.params?.properties ?? {}) } as never,
	}),
});

const base = {
	created(this: Base) {
		const platform = platformOf(this.broker);
		this.env = platform.env;
		this.clock = platform.clock;
	},
};

/**
 * Joins a contract (the face) with its behaviour into the schema that Moleculer loads. `this` is typed through the
 * mixins and methods; keep `methods` before `actions`, inference needs it.
 */
export function implement<
	const C extends Contract,
	M extends object = {},
	const X extends readonly unknown[] = [],
>(contract: C, behaviour: Behaviour<C, M, X>): ServiceSchema {
	const handlers = behaviour.actions as Record<string, unknown>;
	const actions = Object.fromEntries(
		Object.entries(contract.actions).map(([name, face]) => [
			name,
			{ ...actionSchema(contract, name, face), handler: handlers[name] },
		]),
	);
	const { mixins = [], dependencies, methods, started, stopped, on } = behaviour;
	return {
		name: contract.name,
		metadata: { contract: fingerprint(contract) },
		// Moleculer starts the last of these first: base, the service's own as listed, facts, schedules.
		mixins: [
			schedulesMixin(contract),
			factsMixin(contract, (on ?? {}) as Record<string, never>),
			...mixins.toReversed(),
			base,
		],
		dependencies,
		actions,
		methods,
		started,
		stopped,
	} as unknown as ServiceSchema;
}

/** Types a mixin's own `this`. What it sets up in `created` or `started` is named, as a type, under `brings`. */
export const defineMixin = <const X extends { methods?: object; brings?: object }>(
	mixin: X & ThisType<Base & Brings<X>>,
): X => mixin;

/**
 * Answers this request with another of the success statuses its contract lists (a created thing that was there
 * already: 200).
 */
export const answerWith = (ctx: Pick<Ctx, "meta">, status: number): void => {
	(ctx.meta as { $statusCode?: number }).$statusCode = status;
};
