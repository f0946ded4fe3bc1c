import type { Clock } from "../../../../kernel/clock.ts";
import type { Caller } from "../../../../kernel/contract.ts";
import { watchedCalls } from "../../../../kernel/crash-point.ts";
import type { Env } from "../../../../kernel/env.ts";
import { defineMixin } from "../../../../kernel/implement.ts";
import { platformOf } from "../../../../kernel/platform.ts";
import { spannedCalls } from "../../../../kernel/tracing/spans.ts";
import { providersOf } from "./choose.ts";
import type { PaymentProvider } from "./port.ts";

/** What is asked of a provider over its network. */
const calls = ["create", "fetch", "cancel", "refund", "statement"] as const;

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
		const { tracing } = platformOf(broker);
		this.gateways = new Map(
			[...providersOf(env, broker, clock)].map(([name, provider]) => {
				const watched = watchedCalls(env, this.name, provider, ["create", "cancel", "refund"]);
				return [name, tracing.spans ? spannedCalls(name, watched, calls) : watched];
			}),
		);
	},
});
