import { columns } from "./describe.ts";
import { age } from "./facts.ts";

interface Figures {
	callsPerSecond: number;
	p99Ms?: number;
	faultShare: number;
	refusedShare: number;
}

/** What the action under the role `ops:mesh` answers, as far as it is shown. */
export interface MeshAnswer {
	at: string;
	troubles: readonly { severity: string; text: string }[];
	nodes: readonly (Figures & {
		nodeId: string;
		state: string;
		reason?: string;
		startedAt?: string;
		memoryBytes?: number;
		busy?: number;
		services: readonly { name: string }[];
	})[];
	services: readonly (Figures & { service: string; nodes: number })[];
}

/** What the action under the role `ops:calls` answers. */
export interface CallsAnswer {
	items: readonly (Figures & { action: string; nodes: number })[];
}

/** What the action under the role `ops:errors` answers. */
export interface ErrorsAnswer {
	items: readonly {
		nodeId: string;
		where: string;
		code: string;
		message: string;
		requestId?: string;
		at: string;
		times: number;
	}[];
	silent: readonly { nodeId: string; reason: string }[];
}

const percent = (share: number): string => `${Math.round(share * 1_000) / 10} %`;
const ms = (value: number | undefined): string =>
	value === undefined ? "" : `${value < 10 ? value : Math.round(value)} ms`;

const figures = ({ callsPerSecond, p99Ms, faultShare, refusedShare }: Figures): string[] => [
	String(callsPerSecond),
	ms(p99Ms),
	percent(faultShare),
	percent(refusedShare),
];

/** Every node with how it is, and what is wrong. */
export function meshText({ at, nodes, troubles }: MeshAnswer): string {
	const now = Date.parse(at);
	const rows = nodes.map(node => {
		const { nodeId, state, reason, startedAt, memoryBytes, busy, services, callsPerSecond } = node;
		return [
			nodeId,
			reason ? `${state}: ${reason}` : state,
			startedAt ? age(now - Date.parse(startedAt)) : "",
			memoryBytes ? `${Math.round(memoryBytes / 1_048_576)} MiB` : "",
			busy === undefined ? "" : percent(busy),
			startedAt ? String(callsPerSecond) : "",
			services.map(({ name }) => name).join(", ") || "none",
		];
	});
	return [
		columns([["node", "state", "up", "memory", "busy", "calls/s", "services"], ...rows]),
		...(troubles.length === 0
			? ["All is well"]
			: troubles.map(({ severity, text }) => `${severity}: ${text}`)),
	].join("\n");
}

/** What is called, the most called first: by service. */
export const servicesText = ({ services }: MeshAnswer): string =>
	columns([
		["service", "nodes", "calls/s", "p99", "failed", "refused"],
		...services
			.toSorted((a, b) => b.callsPerSecond - a.callsPerSecond)
			.map(one => [one.service, String(one.nodes), ...figures(one)]),
	]);

/** What is called of one service, by action. */
export const callsText = ({ items }: CallsAnswer): string =>
	items.length === 0
		? "Nothing of it was called in the last 10 s"
		: columns([
				["action", "nodes", "calls/s", "p99", "failed", "refused"],
				...items.map(one => [one.action, String(one.nodes), ...figures(one)]),
			]);

/** What failed of late, newest first, each with the request by which the logs tell more. */
export function errorsText({ items, silent }: ErrorsAnswer, now: number): string {
	const told = items.flatMap(({ where, code, message, nodeId, at, times, requestId }) => [
		`${where} ${code}: ${message}`,
		`  ${age(now - Date.parse(at))} ago${times > 1 ? `, ${times} times` : ""}, on ${nodeId}${requestId ? `, request ${requestId}` : ""}`,
	]);
	return [
		...(told.length > 0 ? told : ["Nothing failed"]),
		...silent.map(({ nodeId, reason }) => `${nodeId} does not say: ${reason}`),
	].join("\n");
}
