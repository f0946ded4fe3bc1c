import { iso } from "../../../kernel/clock.ts";
import type { Answered, KnownNode, NodeReport } from "../../../kernel/node-report.ts";
import { byService, callsOf, historyOf, ticksOf, totalOf } from "./figures.ts";
import type { Breaker, MeshNode, OpsMesh, Trouble } from "./ops.contract.ts";

/** From here on work is refused (`kernel/loop-lag.ts`). */
const lateMs = 200;
/** From here on a share of faults is worth a word, where there are calls enough to speak of a share. */
const manyFaults = 0.01;
const fewCallsPerSecond = 0.5;

/** How long a node that left is shown, ms; one that died is shown as long as it is known. */
const leftMs = 60_000;

export interface Seen {
	/** ms */
	now: number;
	mode: OpsMesh["mode"];
	nodes: readonly KnownNode[];
	answers: readonly Answered<NodeReport>[];
	/** Why nodes died, by id. */
	deaths: ReadonlyMap<string, string>;
	/** Services of the deployment that no node runs. */
	missing: readonly string[];
}

const nothing = { callsPerSecond: 0, faultShare: 0, refusedShare: 0 };

/** Nothing of it is away, and still it does not say that it is ready. */
const isStarting = ({ status, checks: { nats, store }, draining }: NodeReport["readiness"]) =>
	status === "unavailable" && !draining && store === "ok" && ["ok", "none"].includes(nats);

/** Why a node is not ready, or not quite. */
function reasonOf({ readiness, links, lagMs }: NodeReport) {
	const { checks, draining } = readiness;
	if (draining) return "it is stopping";
	if (isStarting(readiness)) return "it is starting";
	const away = links.filter(({ isThere }) => !isThere).map(({ name }) => name);
	if (away.length > 0) return `its link to NATS is lost (${away.join(", ")})`;
	if (checks.store !== "ok") return checks.store;
	if (lagMs >= lateMs) return `every turn of its event loop is ${Math.round(lagMs)} ms late`;
	return checks.cache === "Redis is away" ? checks.cache : undefined;
}

function stateOf({ readiness, links, lagMs }: NodeReport): MeshNode["state"] {
	if (readiness.draining || isStarting(readiness)) return "degraded";
	if (readiness.status === "unavailable") return "unready";
	const isWhole = links.every(({ isThere }) => isThere) && lagMs < lateMs;
	return isWhole && readiness.checks.cache !== "Redis is away" ? "ready" : "degraded";
}

function reported(report: NodeReport): Omit<MeshNode, "nodeId" | "services"> {
	const { version, startedAt, memoryBytes, busy, lagMs, roundTripMs, links } = report;
	const reason = reasonOf(report);
	return {
		state: stateOf(report),
		...(reason && { reason }),
		version,
		startedAt: iso(startedAt),
		memoryBytes,
		busy: Math.round(busy * 1_000) / 1_000,
		lagMs: Math.round(lagMs),
		...(roundTripMs !== undefined && { roundTripMs }),
		links,
		...totalOf([report]),
	};
}

/** The nodes that are there, those that died, and those that left just now. */
const nodesOf = ({ now, nodes, answers, deaths }: Seen): MeshNode[] =>
	nodes.flatMap(({ nodeId, isThere, goneMs, services }): MeshNode[] => {
		const said = answers.find(answered => answered.nodeId === nodeId);
		if (said && "answer" in said) return [{ nodeId, services, ...reported(said.answer) }];
		const unknown = { nodeId, services, links: [], ...nothing };
		if (said) return [{ ...unknown, state: "silent", reason: said.reason }];
		// It came after the others were asked.
		if (isThere) return [];
		const reason = deaths.get(nodeId);
		if (reason === undefined && goneMs > leftMs) return [];
		return [{ ...unknown, state: "gone", goneAt: iso(now - goneMs), ...(reason && { reason }) }];
	});

/** Domains first, so that likes stand together; a console last, nodes that are gone after all. */
const placeOf = ({ state, services, nodeId }: MeshNode): string =>
	[
		state === "gone" ? 1 : 0,
		services.length === 0 ? 1 : 0,
		[...new Set(services.map(({ domain }) => domain))].sort().join(),
		nodeId,
	].join("\n");

function troubleOf({ nodeId, state, reason }: MeshNode): Trouble | undefined {
	const tell = (severity: Trouble["severity"], text: string): Trouble => ({
		severity,
		text,
		nodeId,
	});
	if (state === "silent") return tell("bad", `${nodeId} does not say how it is: ${reason}`);
	if (state === "unready") return tell("bad", `${nodeId} is not ready: ${reason}`);
	if (state === "degraded") return tell("warning", `${nodeId}: ${reason}`);
	if (state === "gone" && reason) return tell("warning", `${nodeId} died: ${reason}`);
	return undefined;
}

/** Services that run in more than one version, as while an upgrade is under way. */
function mixed(nodes: readonly MeshNode[]): Trouble[] {
	const contracts = new Map<string, Set<string>>();
	for (const { services, state } of nodes)
		for (const { name, contract } of state === "gone" ? [] : services)
			contracts.set(name, (contracts.get(name) ?? new Set()).add(contract));
	return [...contracts]
		.filter(([, versions]) => versions.size > 1)
		.map(([service, { size }]) => ({
			severity: "warning",
			text: `${service} runs with ${size} different contracts`,
			service,
		}));
}

function troubles(view: Omit<OpsMesh, "troubles">, missing: readonly string[]): Trouble[] {
	const found: Trouble[] = [
		...missing.map(
			(service): Trouble => ({ severity: "bad", text: `${service} runs nowhere`, service }),
		),
		...view.nodes.flatMap(node => troubleOf(node) ?? []),
		...view.breakers.map(
			({ seenBy, nodeId, action }): Trouble => ({
				severity: "warning",
				text: `${seenBy} does not call ${action} on ${nodeId}: too many failed`,
				nodeId,
			}),
		),
		...view.services
			.filter(
				({ faultShare, callsPerSecond }) =>
					faultShare >= manyFaults && callsPerSecond >= fewCallsPerSecond,
			)
			.map(
				({ service, faultShare }): Trouble => ({
					severity: "warning",
					text: `${Math.round(faultShare * 100)} % of the calls of ${service} fail`,
					service,
				}),
			),
		...mixed(view.nodes),
	];
	return found.sort((a, b) => Number(b.severity === "bad") - Number(a.severity === "bad"));
}

/** The mesh, put together from what its nodes say of themselves and what is known of those that say nothing. */
export function meshOf(seen: Seen): OpsMesh {
	const { now, mode, answers, missing } = seen;
	const nodes = nodesOf(seen).sort((a, b) => placeOf(a).localeCompare(placeOf(b)));
	const reports = answers.flatMap(answered =>
		"answer" in answered ? [{ nodeId: answered.nodeId, report: answered.answer }] : [],
	);
	const rates = reports.map(({ report }) => report);
	const ticks = ticksOf(rates);
	const figures = byService(rates);
	const running = nodes
		.filter(({ state }) => state !== "gone")
		.flatMap(({ services }) => services.map(({ name }) => name));
	const view = {
		at: iso(now),
		mode,
		nodes,
		total: totalOf(rates),
		services: [...new Set([...running, ...missing])].sort().map(service => ({
			service,
			nodes: running.filter(name => name === service).length,
			...(figures.get(service) ?? nothing),
			calls: callsOf(service, rates, ticks),
		})),
		history: historyOf(rates, ticks),
		breakers: reports.flatMap(({ nodeId: seenBy, report }) =>
			report.breakers.map((breaker): Breaker => ({ seenBy, ...breaker })),
		),
	};
	return { ...view, troubles: troubles(view, missing) };
}
