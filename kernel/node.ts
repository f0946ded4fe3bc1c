import { hostname } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { type BrokerOptions, type Context, ServiceBroker, type ServiceSchema } from "moleculer";
import { CallRates } from "./call-rates.ts";
import { type Clock, systemClock } from "./clock.ts";
import { Contracts } from "./contracts.ts";
import { armCrashPoints } from "./crash-point.ts";
import { type Env, runsNothing } from "./env.ts";
import { JetStreamPipe } from "./facts/jetstream-pipe.ts";
import { MemoryPipe } from "./facts/memory-pipe.ts";
import { Faults } from "./faults.ts";
import { abandonTransport, announce, Links, watchTransport } from "./link-watch.ts";
import { chooseServices, importService, type ServiceFolder } from "./load.ts";
import { LoopLag } from "./loop-lag.ts";
import { Metrics } from "./middlewares/metrics.ts";
import { opsService } from "./node-report.ts";
import { missingServices } from "./ops.ts";
import { attachPlatform, type Platform } from "./platform.ts";
import { Runners } from "./runners.ts";
import { TokenVerifier } from "./tokens.ts";
import { openTracing } from "./tracing/tracing.ts";
import { PendingRequests } from "./transit/pending-requests.ts";
import { SchemaChecks } from "./validator.ts";

export interface NodeOptions {
	env: Env;
	/** Every service there is; this node runs those that `SERVICES` names. */
	folders: readonly ServiceFolder[];
	/** The broker's options, made from the platform. */
	configure(platform: Platform, nodeID: string): BrokerOptions;
	/** Actions that give the public keys and the revoked sessions, and the event that hints at a new one of these; with `{keys: true}`, at a key that ended. */
	identity: { keys: string; revoked: string; hint: string };
	clock?: Clock;
	/** Told when NATS is lost for good, in words: this node is of no more use. */
	onLinkClosed?(reason: string): void;
}

export interface Node {
	broker: ServiceBroker;
	platform: Platform;
	/** Names of the services this node runs. */
	services: readonly string[];
	start(): Promise<void>;
	/** Takes no new work, ends what is under way, leaves the mesh. */
	stop(): Promise<void>;
}

const meetMs = 3_000;

/** Unique per boot: a second node of the same name would end both. */
const bootId = (): string => `${hostname()}-${process.pid}-${Date.now().toString(36)}`;

/** Waits until every service of the mesh was seen, at most 3 s: whoever is ready knows where to call. */
async function meet(broker: ServiceBroker): Promise<void> {
	for (let waited = 0; waited < meetMs && missingServices(broker).length > 0; waited += 50)
		await pause(50);
}

/** A service without the actions that do not exist on this deployment; the registry says of which domain it is. */
const existing = (
	schema: ServiceSchema,
	{ domain }: ServiceFolder,
	contracts: Contracts,
): ServiceSchema => ({
	...schema,
	metadata: { ...schema.metadata, domain },
	actions: Object.fromEntries(
		Object.entries(schema.actions ?? {}).filter(([name]) =>
			contracts.actions.has(`${schema.name}.${name}`),
		),
	),
});

/** Makes a node: the platform, its broker and the services of `SERVICES`, not yet started. */
export async function createNode(options: NodeOptions): Promise<Node> {
	const { env, folders, clock = systemClock, onLinkClosed = () => {} } = options;
	const nodeID = env.NODE_ID ?? bootId();
	const contracts = new Contracts(
		folders.map(folder => folder.contract),
		env.sandbox,
		env.files === "disk",
	);
	const chosen = runsNothing(env.SERVICES) ? [] : chooseServices(folders, env.SERVICES, "SERVICES");
	const problems = new Map([["starting", "this node is starting"]]);
	const lag = new LoopLag();
	const metrics = new Metrics(lag);
	const rates = new CallRates({ metrics, contracts, clock });
	const platform: Platform = {
		env,
		clock,
		contracts,
		checks: new SchemaChecks(contracts),
		metrics,
		faults: new Faults({ contracts, clock, nodeID }),
		tracing: await openTracing({
			env,
			nodeID,
			registry: metrics.registry,
			warn: message => broker.logger.warn(message),
		}),
		runners: new Runners(),
		links: new Links({ problems, metrics }),
		lag,
		mesh: new Set(chooseServices(folders, env.MESH, "MESH").map(folder => folder.name)),
		problems,
		tokens: new TokenVerifier(
			{
				keys: async () =>
					(await broker.call<{ keys: never[] }, object>(options.identity.keys, {})).keys,
				revoked: async () =>
					(await broker.call<{ sessions: string[] }, object>(options.identity.revoked, {}))
						.sessions,
			},
			clock,
		),
		pipe: env.NATS_URL
			? new JetStreamPipe({
					servers: env.NATS_URL,
					name: `${nodeID}-facts`,
					namespace: env.NAMESPACE,
					log: {
						info: message => broker.logger.info(message),
						warn: (message, error) => broker.logger.warn(message, error),
					},
				})
			: new MemoryPipe(),
	};
	const broker = new ServiceBroker(options.configure(platform, nodeID));
	attachPlatform(broker, platform);
	if (broker.transit) Object.assign(broker.transit, { pendingRequests: new PendingRequests() });
	broker.createService({
		name: "$tokens",
		events: {
			[options.identity.hint]: ({ params }: Context<{ keys?: boolean } | undefined>) =>
				platform.tokens.refresh(params?.keys ?? false),
		},
	});
	broker.createService(opsService(rates));
	for (const folder of chosen)
		broker.createService(existing(await importService(folder), folder, contracts));

	return {
		broker,
		platform,
		services: chosen.map(folder => folder.name),
		async start() {
			lag.start();
			await rates.start();
			await platform.pipe.start();
			await broker.start();
			watchTransport(platform.links, broker, onLinkClosed);
			if (platform.pipe.connection)
				platform.links.watch("facts", platform.pipe.connection, { onClosed: onLinkClosed });
			await Promise.all([meet(broker), platform.tokens.start()]);
			await platform.runners.start();
			await announce(broker);
			problems.delete("starting");
			armCrashPoints(env);
		},
		async stop() {
			problems.set("draining", "this node is stopping");
			await platform.tokens.stop();
			await platform.runners.stop();
			await abandonTransport(platform.links, broker);
			await broker.stop();
			await platform.pipe.stop();
			await platform.tracing.stop();
			rates.stop();
			lag.stop();
		},
	};
}
