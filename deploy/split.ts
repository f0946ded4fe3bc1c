/** One process of the mesh. */
export interface Part {
	/** Name of the process and of its service in `docker-compose.yml`. */
	name: string;
	/** What it runs, as `SERVICES` says it. */
	services: string;
	/** HTTP port: the API on a gateway, probes and metrics elsewhere. */
	port: number;
}

/** How the mesh is split by default: a process per domain, and two gateways. */
export const split: readonly Part[] = [
	{ name: "gateway-1", services: "gateway", port: 3000 },
	{ name: "gateway-2", services: "gateway", port: 3001 },
	{ name: "identity", services: "identity", port: 3010 },
	{ name: "learning", services: "learning", port: 3020 },
	{ name: "money", services: "money", port: 3030 },
	{ name: "engagement", services: "engagement", port: 3040 },
	{ name: "platform", services: "platform", port: 3050 },
	{ name: "content", services: "content", port: 3060 },
	{ name: "commerce", services: "commerce", port: 3070 },
];

/** The same in fewer processes, for a machine with few cores: what has little to do shares one. */
export const packed: readonly Part[] = [
	...split.filter(({ name }) => name !== "content" && name !== "commerce"),
	{ name: "content", services: "content,commerce", port: 3060 },
];
