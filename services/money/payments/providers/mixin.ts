import type { Clock } from "../../../../kernel/clock.ts";
import type { Caller } from "../../../../kernel/contract.ts";
import { watchedCalls } from "../../../../kernel/crash-point.ts";
import type { Env } from "../../../../kernel/env.ts";
import { defineMixin } from "../../../../kernel/implement.ts";
import { providersOf } from "./choose.ts";
import type { PaymentProvider } from "./port.ts";

interface WithGateways {
	env: Env;
	broker: Caller;
	clock: Clock;
	name: string;
	gateways: ReadonlyMap<string, PaymentProvider>;
}

/** Gives a service the providers that are set up here, by name, made once: each keeps its connections. */
export const Gateways = defineMixin({
	brings: undefined as Pick<WithGateways, "gateways"> | undefined,
	async started(this: WithGateways) {
		const { env, broker, clock } = this;
		const watched = [...providersOf(env, broker, clock)].map(
			([name, provider]) =>
				[name, watchedCalls(env, this.name, provider, ["create", "cancel", "refund"])] as const,
		);
		this.gateways = new Map(watched);
	},
});
