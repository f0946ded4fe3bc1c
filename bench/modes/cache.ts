import { MeshProcess } from "../../deploy/process.ts";
import { startLoad } from "../../test/drills/harness/load.ts";
import { register, send } from "../../test/support/http.ts";
import { freePort } from "../../test/support/ports.ts";
import { mongo, redis, type TestServer } from "../../test/support/servers.ts";
import { cpuMicros } from "../harness/cpu.ts";
import { isWhole, type Stage } from "../harness/options.ts";
import { productEnv } from "../harness/product-env.ts";
import { writeResult } from "../harness/results.ts";
import { random, shuffled } from "../harness/stats.ts";
import { cacheTables } from "../report/cache.ts";
import { markdown } from "../report/format.ts";

const usual = { rounds: 10, seconds: 3 };
const perSecond = 150;
const inFlight = 200;
const answerMs = 5_000;
const courses = 50;
const sections = 3;
const lectures = 5;
const students = 40;
const seatsOfEach = 10;
const warmUps = 2;

export const scenarios = ["course", "seats"] as const;
export type CacheScenario = (typeof scenarios)[number];

/** A slice of load on the product with or without a cache. */
export interface CacheSlice {
	round: number;
	cache: "none" | "redis";
	scenario: CacheScenario;
	requests: number;
	/** Not answered with 2xx. */
	wrong: number;
	p50Ms: number;
	p99Ms: number;
	/** CPU time of the slice, µs. */
	cpu: Record<"product" | "store" | "redis", number>;
	/** Of what was looked for in the cache, what was there; none where nothing was looked for. */
	hitShare?: number;
}

/** What the cache bench keeps. */
export interface CacheResult {
	perSecond: number;
	slices: CacheSlice[];
}

interface Product {
	cache: CacheSlice["cache"];
	node: MeshProcess;
	paths: Record<CacheScenario, { path: string; headers?: Record<string, string> }[]>;
}

/** Courses with their sections and lectures, and students with seats in them. */
async function fill(base: string): Promise<Product["paths"]> {
	const made = async (path: string, token: string, body: object) => {
		const answer = await send(base, "POST", path, { token, body });
		if (answer.status !== 201) throw new Error(`${path}: ${JSON.stringify(answer.body)}`);
		return answer.body.id as string;
	};
	const { token: teacher } = await register(base, "teacher");
	const description = "What it takes, in what order, and why each part is there. ".repeat(8);
	const ids = await Promise.all(
		Array.from({ length: courses }, async (_, i) => {
			const id = await made("/api/courses", teacher, { title: `Course ${i}`, description });
			for (let s = 0; s < sections; s++) {
				const section = await made(`/api/courses/${id}/sections`, teacher, { title: `Part ${s}` });
				for (let l = 0; l < lectures; l++)
					await made(`/api/sections/${section}/lectures`, teacher, { title: `Lecture ${l}` });
			}
			return id;
		}),
	);
	const people = await Promise.all(
		Array.from({ length: students }, async (_, i) => {
			const { token } = await register(base);
			for (let s = 0; s < seatsOfEach; s++)
				await made("/api/enrollments", token, { courseId: ids[(i + s) % ids.length] });
			return token;
		}),
	);
	return {
		course: ids.map(id => ({ path: `/api/courses/${id}` })),
		seats: people.map(token => ({
			path: "/api/enrollments",
			headers: { authorization: `Bearer ${token}` },
		})),
	};
}

/** Hits and looks so far, by the node's own metrics. */
async function looks(base: string): Promise<{ hits: number; all: number }> {
	const text = await (await fetch(`${base}/metrics`)).text();
	let [hits, all] = [0, 0];
	const lines = text.matchAll(/^zeolite_cache_lookups_total\{.*outcome="(\w+)".*\} (\d+)$/gm);
	for (const [, outcome, count] of lines) {
		all += Number(count);
		if (outcome === "hit") hits += Number(count);
	}
	return { hits, all };
}

async function slice(
	{ cache, node, paths }: Product,
	scenario: CacheScenario,
	servers: Record<"store" | "redis", TestServer>,
	{ round, seconds }: { round: number; seconds: number },
): Promise<CacheSlice> {
	const spent = () => ({
		product: cpuMicros(node.pid as number),
		store: servers.store.pid ? cpuMicros(servers.store.pid) : 0,
		redis: servers.redis.pid ? cpuMicros(servers.redis.pid) : 0,
	});
	const [before, looked] = [spent(), await looks(node.url)];
	const { arrivals, ok, latency } = await startLoad({
		bases: [node.url],
		requests: paths[scenario],
		steps: [{ perSecond, seconds }],
		inFlight,
		timeoutMs: answerMs,
	}).report;
	const [after, now] = [spent(), await looks(node.url)];
	const all = now.all - looked.all;
	return {
		round,
		cache,
		scenario,
		requests: arrivals,
		wrong: arrivals - ok,
		p50Ms: latency?.median ?? Number.NaN,
		p99Ms: latency?.p99 ?? Number.NaN,
		cpu: {
			product: after.product - before.product,
			store: after.store - before.store,
			redis: after.redis - before.redis,
		},
		...(all > 0 && { hitShare: (now.hits - looked.hits) / all }),
	};
}

/**
 * What Redis saves: course pages and a student's own enrollments at a constant rate, the whole product in one process on
 * a mesh, once with `REDIS_URL` and once without, in random order within a round.
 * @returns whether every answer was right
 */
export async function cache({ options, natsUrl }: Stage): Promise<boolean> {
	const { say, seed } = options;
	const began = performance.now();
	const { rounds = usual.rounds, seconds = usual.seconds } = options;
	const [store, kept] = await Promise.all([mongo(), redis()]);
	if (!store || !kept) throw new Error("The cache bench needs MongoDB and redis-server");
	const products: Product[] = [];
	const end = () => {
		for (const { node } of products) void node.end("SIGKILL");
	};
	process.once("exit", end);
	try {
		for (const kind of ["none", "redis"] as const) {
			const env = {
				...productEnv,
				NATS_URL: natsUrl,
				MONGO_URL: store.url,
				REDIS_URL: kind === "redis" ? kept.url : "",
				NAMESPACE: `bench-cache-${kind}-${process.pid}`,
			};
			const node = new MeshProcess({ name: kind, services: "", port: await freePort() }, env);
			const product = { cache: kind, node, paths: { course: [], seats: [] } };
			products.push(product);
			await node.start();
			Object.assign(product, { paths: await fill(node.url) });
			say(`filled ${kind}`);
		}
		const servers = { store, redis: kept };
		const next = random(seed);
		const slices: CacheSlice[] = [];
		for (let round = -warmUps; round < rounds; round++) {
			for (const scenario of shuffled(scenarios, next))
				for (const product of shuffled(products, next)) {
					const measured = await slice(product, scenario, servers, { round, seconds });
					if (round >= 0) slices.push(measured);
				}
			say(round < 0 ? "warming up" : `round ${round + 1} of ${rounds}`);
		}
		const measured: CacheResult = { perSecond, slices };
		const run = { bench: "cache", seed, rounds, seconds: (performance.now() - began) / 1_000 };
		say(`kept in ${writeResult(run, measured, isWhole(options))}`);
		console.log(markdown(cacheTables(measured)));
		return slices.every(({ wrong }) => wrong === 0);
	} finally {
		await Promise.all(products.map(({ node }) => node.end("SIGTERM")));
		process.off("exit", end);
		await Promise.all([store.stop(), kept.stop()]);
	}
}
