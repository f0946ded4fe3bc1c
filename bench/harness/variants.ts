import { join } from "node:path";
import { nodeFlags } from "../../deploy/node-flags.ts";
import { variables } from "../../kernel/env.ts";
import { freePort } from "../../test/support/ports.ts";
import { Child } from "./children.ts";
import { cpuMicros } from "./cpu.ts";
import { peer } from "./peers.ts";
import type { World } from "./world.ts";

/** What a process does for a request. */
export type Role = "gateway" | "service" | "collector";

interface Part {
	role: Role;
	file: string;
	env?: Record<string, string>;
	/** Processes of it, 1 where not given. */
	count?: number;
	/** Node's own. */
	flags?: readonly string[];
}

/** One of the systems that are measured beside each other. */
export interface Variant {
	id: string;
	title: string;
	/** What of the work it does; nothing of it where it does none. */
	does: string;
	/** It asks who is calling: without a token it must answer 401. */
	asksForToken: boolean;
	/** It needs the packages of `bench/peers`. */
	isPeer?: boolean;
	/** Where it sends its traces: asked afterwards whether any came. */
	collector?: string;
	/** Measured at 64 connections alone. */
	isAside?: boolean;
	parts: readonly Part[];
}

const file = (...path: string[]): string => join(import.meta.dirname, "..", ...path);

const zeoliteNode = file("zeolite", "node.ts");

const zeoliteEnv = {
	MESH: "api,catalog,issuer",
	DATA_DIR: ":memory:",
	LOG_LEVEL: "warn",
	RATE_LIMIT: "1000000",
	SERVICE_SECRET_KEY: "a-secret-for-benches-0123456789abcdef",
};

const all =
	"ES256 token verified and remembered, access at gateway and callee, rate limit, validation, HTTP histogram, trace context";

/** Zeolite with `services` processes behind the gateway. */
export const zeolite = (
	id: string,
	title: string,
	env: Record<string, string> = {},
	services = 1,
): Variant => ({
	id,
	title,
	does: all,
	asksForToken: true,
	parts: [
		{
			role: "service",
			file: zeoliteNode,
			env: { ...zeoliteEnv, ...env, SERVICES: "catalog,issuer", PORT: "0" },
			flags: nodeFlags,
			count: services,
		},
		{
			role: "gateway",
			file: zeoliteNode,
			env: { ...zeoliteEnv, ...env, SERVICES: "api" },
			flags: nodeFlags,
		},
	],
});

/** Zeolite that exports traces over OTLP to a collector which keeps nothing; null where it cannot yet. */
async function traced(): Promise<Variant | null> {
	if (!("OTEL_EXPORTER_OTLP_ENDPOINT" in variables)) return null;
	const PORT = String(await freePort());
	const collector = `http://127.0.0.1:${PORT}`;
	const variant = zeolite("zeolite-traced", "Zeolite, traces exported", {
		OTEL_EXPORTER_OTLP_ENDPOINT: collector,
	});
	return {
		...variant,
		collector,
		does: `${all}; OTLP export of the one request in ten that the client samples`,
		parts: [
			{ role: "collector", file: file("zeolite", "collector.ts"), env: { PORT } },
			...variant.parts,
		],
	};
}

const withoutFastPath = (): Variant | null =>
	"FAST_PATH" in variables
		? {
				...zeolite("zeolite-web", "Zeolite, FAST_PATH=off", { FAST_PATH: "off" }),
				does: `${all}; the call goes moleculer-web's own way`,
				isAside: true,
			}
		: null;

/** Every variant of the gateway bench, as it is shown: Zeolite first. */
export const findVariants = async (): Promise<Variant[]> =>
	[
		zeolite("zeolite", "Zeolite"),
		await traced(),
		withoutFastPath(),
		{
			id: "nest",
			title: "NestJS 11, Fastify and NATS",
			does: all,
			asksForToken: true,
			isPeer: true,
			parts: [
				{ role: "service" as const, file: peer("nest", "service.js") },
				{ role: "gateway" as const, file: peer("nest", "gateway.js") },
			],
		},
		{
			id: "nest-open",
			title: "NestJS, no token, access or limit",
			does: "validation, HTTP histogram, trace context",
			asksForToken: false,
			isPeer: true,
			isAside: true,
			parts: [
				{ role: "service" as const, file: peer("nest", "service.js"), env: { AUTH: "off" } },
				{ role: "gateway" as const, file: peer("nest", "gateway.js"), env: { AUTH: "off" } },
			],
		},
		{
			id: "stock",
			title: "moleculer-web, stock",
			does: all,
			asksForToken: true,
			isPeer: true,
			isAside: true,
			parts: [
				{ role: "service" as const, file: peer("stock", "service.js") },
				{ role: "gateway" as const, file: peer("stock", "gateway.js") },
			],
		},
		{
			id: "raw",
			title: "Raw pair: node:http, nats.request",
			does: "",
			asksForToken: false,
			parts: [
				{ role: "service" as const, file: file("plain", "raw-service.ts") },
				{ role: "gateway" as const, file: file("plain", "raw-gateway.ts") },
			],
		},
		{
			id: "raw-batched",
			title: "Raw pair, writes batched",
			does: "",
			asksForToken: false,
			isAside: true,
			parts: [
				{
					role: "service" as const,
					file: file("plain", "raw-service.ts"),
					env: { BATCHED: "on" },
				},
				{
					role: "gateway" as const,
					file: file("plain", "raw-gateway.ts"),
					env: { BATCHED: "on" },
				},
			],
		},
		{
			id: "bare",
			title: "Bare node:http",
			does: "",
			asksForToken: false,
			parts: [{ role: "gateway" as const, file: file("plain", "bare.ts") }],
		},
	].filter(variant => variant !== null);

/** A variant that runs. */
export class Running {
	readonly variant: Variant;
	readonly url: string;
	readonly children: readonly { role: Role; child: Child }[];

	constructor(variant: Variant, url: string, children: readonly { role: Role; child: Child }[]) {
		this.variant = variant;
		this.url = url;
		this.children = children;
	}

	/** CPU time of its processes so far, µs, by role. */
	cpu(): Partial<Record<Role, number>> {
		const sums: Partial<Record<Role, number>> = {};
		for (const { role, child } of this.children) {
			child.assertUp();
			sums[role] = (sums[role] ?? 0) + cpuMicros(child.pid);
		}
		return sums;
	}

	async end(): Promise<void> {
		await Promise.all(this.children.map(({ child }) => child.end()));
	}
}

/** Starts the processes of a variant, in a namespace of its own. */
export async function startVariant(
	variant: Variant,
	{ dir }: World,
	natsUrl: string,
): Promise<Running> {
	const port = await freePort();
	const common = {
		BENCH_DIR: dir,
		NATS_URL: natsUrl,
		NAMESPACE: `bench-${variant.id}-${process.pid}`,
	};
	const starts = variant.parts.flatMap(({ role, file: path, env, flags, count = 1 }) =>
		Array.from({ length: count }, async (_, i) => {
			const name = `${variant.id} ${role}${count > 1 ? ` ${i + 1}` : ""}`;
			const own = {
				...common,
				NODE_ID: `${variant.id}-${role}-${i + 1}`,
				...(role === "gateway" && { PORT: String(port) }),
				...env,
			};
			const child = await Child.start(name, path, own, flags);
			return { role, child };
		}),
	);
	const started = await Promise.allSettled(starts);
	const children = started.flatMap(one => (one.status === "fulfilled" ? [one.value] : []));
	const failed = started.find(one => one.status === "rejected");
	if (failed) {
		await Promise.all(children.map(({ child }) => child.end()));
		throw failed.reason;
	}
	return new Running(variant, `http://127.0.0.1:${port}`, children);
}
