import { performance } from "node:perf_hooks";
import type { ServiceBroker, ServiceSchema } from "moleculer";
import type { CallRates, Rates } from "./call-rates.ts";
import { codeOf } from "./errors.ts";
import type { Fault } from "./faults.ts";
import { readiness } from "./ops.ts";
import { platformOf } from "./platform.ts";
import { version } from "./version.ts";
import { within } from "./within.ts";

/** How long a node has to say how it is. */
const answerMs = 1_000;
const roundTripMs = 300;
const busyMs = 5_000;

/** A breaker of the reporting node that is not closed. */
export interface OpenBreaker {
	action: string;
	/** The node that is not called any more, or only to see. */
	nodeId: string;
	state: "open" | "half_open";
}

/** How a node is, by its own account. */
export interface NodeReport extends Rates {
	version: string;
	/** ms since the epoch. */
	startedAt: number;
	readiness: ReturnType<typeof readiness>;
	/** Resident memory, bytes. */
	memoryBytes: number;
	/** Share of the last 5 s in which the event loop was busy, 0 to 1. */
	busy: number;
	/** What every turn of the event loop was late by, ms. */
	lagMs: number;
	/** Links to NATS; none in one process. */
	links: { name: string; isThere: boolean }[];
	/** To NATS and back, ms; not there while NATS does not answer. */
	roundTripMs?: number;
	breakers: OpenBreaker[];
}

/** Moleculer's breakers, by endpoint. */
interface Breakers {
	CircuitBreakerStore?: ReadonlyMap<
		string,
		{ state: string; ep: { id: string; action: { name: string } } }
	>;
}

/** What of this node is not called any more, as far as it is concerned. */
export function openBreakers(broker: ServiceBroker): OpenBreaker[] {
	const { CircuitBreakerStore: store = new Map() } = broker as unknown as Breakers;
	return [...store.values()]
		.filter(({ state, ep }) => state !== "close" && !ep.action.name.startsWith("$"))
		.map(({ state, ep }) => ({
			action: ep.action.name,
			nodeId: ep.id,
			state: state === "open" ? "open" : "half_open",
		}));
}

async function roundTrip(broker: ServiceBroker): Promise<number | undefined> {
	const { connection } = platformOf(broker).pipe;
	if (!connection) return undefined;
	return within(roundTripMs, connection.rtt()).catch(() => undefined);
}

/** The service `$ops` of every node, for the mesh alone: each is asked by its id how it is. */
export function opsService(rates: CallRates): ServiceSchema {
	let used = performance.eventLoopUtilization();
	let busy = 0;
	let timer: NodeJS.Timeout;
	const look = () => {
		busy = performance.eventLoopUtilization(used).utilization;
		used = performance.eventLoopUtilization();
	};
	const unbroken = { circuitBreaker: { enabled: false }, bulkhead: { enabled: false } };
	return {
		name: "$ops",
		started() {
			timer = setInterval(look, busyMs).unref();
		},
		stopped() {
			clearInterval(timer);
		},
		actions: {
			report: {
				...unbroken,
				async handler(this: { broker: ServiceBroker }): Promise<NodeReport> {
					const { env, lag, links } = platformOf(this.broker);
					const tookMs = await roundTrip(this.broker);
					const names = env.NATS_URL ? ["transport", "facts"] : [];
					return {
						...rates.rates(),
						version,
						startedAt: Math.round(performance.timeOrigin),
						readiness: readiness(this.broker),
						memoryBytes: process.memoryUsage.rss(),
						busy,
						lagMs: lag.standingMs,
						links: names.map(name => ({ name, isThere: !links.isLost(name) })),
						...(tookMs !== undefined && { roundTripMs: tookMs }),
						breakers: openBreakers(this.broker),
					};
				},
			},
			faults: {
				...unbroken,
				handler(this: { broker: ServiceBroker }): Fault[] {
					return platformOf(this.broker).faults.list();
				},
			},
		},
	} as unknown as ServiceSchema;
}

/** What a node answered, or why it did not. */
export type Answered<T> = { nodeId: string } & ({ answer: T } | { reason: string });

/** A node as the registry knows it, which says more than a node that hangs or is gone. */
export interface KnownNode {
	nodeId: string;
	/** Whether it was heard of late. */
	isThere: boolean;
	/** How long it has been gone, ms. */
	goneMs: number;
	/** What it runs or ran, each with the fingerprint of its contract. */
	services: { name: string; domain: string; contract: string }[];
}

interface ServiceInfo {
	name: string;
	metadata?: { domain?: string; contract?: string };
}

interface RegistryNode {
	id: string;
	local: boolean;
	available: boolean;
	/** Seconds that this process had run when the node was lost. */
	offlineSince: number | null;
	rawInfo?: { services?: ServiceInfo[] };
}

/** Every node that this one knows; Moleculer forgets one ten minutes after it is gone. */
export function knownNodes(broker: object): KnownNode[] {
	const { nodes, services } = (broker as ServiceBroker).registry as unknown as {
		nodes: { toArray(): RegistryNode[] };
		services: { getLocalNodeServices(): ServiceInfo[] };
	};
	const runs = ({ local, rawInfo }: RegistryNode): ServiceInfo[] =>
		local ? services.getLocalNodeServices() : (rawInfo?.services ?? []);
	return nodes.toArray().map(node => ({
		nodeId: node.id,
		isThere: node.available,
		goneMs: node.available
			? 0
			: (process.uptime() - (node.offlineSince ?? process.uptime())) * 1_000,
		services: runs(node)
			.filter(({ name }) => !name.startsWith("$"))
			.map(({ name, metadata: { domain = "", contract = "" } = {} }) => ({
				name,
				domain,
				contract,
			}))
			.sort((a, b) => a.name.localeCompare(b.name)),
	}));
}

/** Why a node gave no answer, in words. */
function silence(error: unknown): string {
	const code = codeOf(error);
	if (code === "REQUEST_TIMEOUT") return `no answer within ${answerMs / 1_000} s`;
	if (code === "SERVICE_NOT_FOUND") return "its version does not report";
	return code ?? (error as Error).message;
}

async function ask<T>(broker: object, action: string): Promise<Answered<T>[]> {
	const there = knownNodes(broker).filter(({ isThere }) => isThere);
	return Promise.all(
		there.map(async ({ nodeId }) => {
			try {
				const options = { nodeID: nodeId, timeout: answerMs };
				const answer = await (broker as ServiceBroker).call<T, object>(action, {}, options);
				return { nodeId, answer };
			} catch (error) {
				return { nodeId, reason: silence(error) };
			}
		}),
	);
}

/** Asks every node of the mesh at once how it is; one that hangs is told so within a second. */
export const askReports = (broker: object): Promise<Answered<NodeReport>[]> =>
	ask(broker, "$ops.report");

/** Asks every node of the mesh at once what failed there. */
export const askFaults = (broker: object): Promise<Answered<Fault[]>[]> =>
	ask(broker, "$ops.faults");
