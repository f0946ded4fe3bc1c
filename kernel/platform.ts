import type { Clock } from "./clock.ts";
import type { Contracts } from "./contracts.ts";
import type { Env } from "./env.ts";
import type { Pipe } from "./facts/pipe.ts";
import type { Faults } from "./faults.ts";
import type { Links } from "./link-watch.ts";
import type { LoopLag } from "./loop-lag.ts";
import type { Metrics } from "./middlewares/metrics.ts";
import type { Runners } from "./runners.ts";
import type { TokenVerifier } from "./tokens.ts";
import type { Tracing } from "./tracing/tracing.ts";
import type { SchemaChecks } from "./validator.ts";

/** What the kernel holds for one broker: services reach it through `this.env`, `this.clock` and their mixins. */
export interface Platform {
	env: Env;
	clock: Clock;
	contracts: Contracts;
	checks: SchemaChecks;
	metrics: Metrics;
	/** What failed here of late. */
	faults: Faults;
	tracing: Tracing;
	tokens: TokenVerifier;
	/** Carries facts between services: JetStream on a mesh, in-process otherwise. */
	pipe: Pipe;
	runners: Runners;
	/** This node's links to NATS. */
	links: Links;
	/** How late this process's event loop runs. */
	lag: LoopLag;
	/** Names of the services that the whole deployment should have. */
	mesh: ReadonlySet<string>;
	/** Why this node is not ready, by part (`nats`, `store`, `draining`); empty when it is. */
	problems: Map<string, string>;
}

const platforms = new WeakMap<object, Platform>();

export const attachPlatform = (broker: object, platform: Platform): void => {
	platforms.set(broker, platform);
};

/** @throws TypeError for a broker that was not made by `createNode`. */
export function platformOf(broker: object): Platform {
	const platform = platforms.get(broker);
	if (!platform) throw new TypeError("This broker was not made by createNode");
	return platform;
}
