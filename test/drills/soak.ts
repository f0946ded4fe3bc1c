import { setTimeout as pause } from "node:timers/promises";
import type { Drill } from "./drill.ts";
import { Buyers } from "./harness/buyers.ts";
import { every, Marks } from "./harness/faults.ts";
import { metricsOf } from "./harness/gauges.ts";
import { Journal } from "./harness/journal.ts";
import { readSteadily, readsOf } from "./harness/reads.ts";
import { perSecond, rounded, spread } from "./harness/results.ts";
import { inFew, Stage } from "./harness/stage.ts";
import { floorOf, trendOf } from "./harness/trend.ts";
import { judge } from "./harness/verdict.ts";

interface Size {
	seconds: number;
	/** From one fault to the next, s. */
	faultEvery: number;
	sampleEvery: number;
	purchasesPerSecond: number;
	readsPerSecond: number;
	people: number;
	/** What is measured before is of a process that still warms up, s. */
	warmUp: number;
	/** Of each so many seconds the least memory counts. */
	stretch: number;
	/** All in few processes. */
	isSmall?: boolean;
}

type Points = [seconds: number, value: number][];

/** What one process holds, over the time of the run. */
interface Held {
	/** Of the heap, in use, MB. */
	heap: Points;
	/** Resident, MB. */
	resident: Points;
	handles: Points;
}

const leakMbPerHour = 12;
const handleNoise = 15;
const mb = 1e6;

/** One after the other, again and again. Each is over, and mended, when it resolves. */
const faultsOf = (stage: Stage, ofTwo: { kill(): Promise<void>; name: string }[]) => [
	...ofTwo.map(part => ({ name: `${part.name} killed`, strike: () => part.kill() })),
	{ name: "NATS killed", strike: () => killNats(stage, 1_000) },
	{ name: "Redis paused 3 s", strike: () => paused(stage, "redis", 3_000) },
	{ name: "store paused 2 s", strike: () => paused(stage, "mongo", 2_000) },
];

async function killNats(stage: Stage, ms: number): Promise<void> {
	await stage.nats.kill("SIGKILL");
	await pause(ms);
	await stage.nats.restart();
}

async function paused(stage: Stage, server: "redis" | "mongo", ms: number): Promise<void> {
	await stage.pause(server);
	await pause(ms);
	await stage.resume(server);
}

/** Adds what each process holds now. One that is away is left out. */
async function sample(stage: Stage, held: Map<string, Held>, at: number): Promise<void> {
	for (const { name, url } of stage.parts.values()) {
		const metrics = await metricsOf(url).catch(() => null);
		if (!metrics) continue;
		const own = held.get(name) ?? { heap: [], resident: [], handles: [] };
		held.set(name, own);
		own.heap.push([at, (metrics.get("nodejs_heap_size_used_bytes") ?? 0) / mb]);
		own.resident.push([at, (metrics.get("process_resident_memory_bytes") ?? 0) / mb]);
		own.handles.push([at, metrics.get("nodejs_active_handles_total") ?? 0]);
	}
}

const median = (points: Points): number =>
	points.map(([, value]) => value).sort((a, b) => a - b)[points.length >> 1] ?? 0;

/** What a process gains over the run, in words; it lived through all of it. */
function* gains(name: string, { heap, handles }: Held, { warmUp, stretch }: Size) {
	const warm = (points: Points) => points.filter(([at]) => at >= warmUp);
	const { slope, within } = trendOf(floorOf(warm(heap), stretch));
	if ((slope - within) * 3_600 > leakMbPerHour)
		yield `${name} grows by ${rounded(slope * 3_600)} ± ${rounded(within * 3_600)} MB an hour`;
	const half = warm(handles).length >> 1;
	const [first, last] = [warm(handles).slice(0, half), warm(handles).slice(half)];
	if (median(last) > median(first) + handleNoise)
		yield `${name} has ${median(last)} handles, ${median(first)} before`;
}

export const soak: Drill<Size> = {
	name: "soak",
	title: "Purchases and reads for half an hour, with a fault every two minutes",
	mustHold: "memory slope about 0, no growth of handles",
	small: {
		seconds: 10,
		faultEvery: 3,
		sampleEvery: 1,
		purchasesPerSecond: 2,
		readsPerSecond: 10,
		people: 5,
		warmUp: 60,
		stretch: 60,
		isSmall: true,
	},
	full: {
		seconds: 1_800,
		faultEvery: 120,
		sampleEvery: 5,
		purchasesPerSecond: 2,
		readsPerSecond: 20,
		people: 20,
		warmUp: 480,
		stretch: 60,
	},
	defects: {
		"receipts before effects": {
			file: "kernel/facts/consumer.ts",
			from: "try {\n\t\t\tawait this.#options.handle(fact);\n\t\t} catch (error) {\n\t\t\treturn this.#failed",
			to: 'await this.#write(fact, { state: "done", tries: (known?.tries ?? 0) + 1 });\n\t\tawait new Promise(next => setTimeout(next, 300));\n\t\ttry {\n\t\t\tawait this.#options.handle(fact);\n\t\t} catch (error) {\n\t\t\treturn this.#failed',
			why: "A consumer that dies between its receipt and its effect, here 300 ms, has lost the fact",
		},
		"a list that is never let go of": {
			file: "kernel/tokens.ts",
			from: "		this.#revokedAt = this.#clock.now();",
			to: "		this.#revokedAt = this.#clock.now();\n		((globalThis as any).kept ??= []).push(new Array(200_000).fill(this.#revokedAt));",
			why: "A node that keeps something at each refresh runs out of memory in the end",
			size: { seconds: 120, faultEvery: 50, warmUp: 30, stretch: 5 },
		},
	},

	async run(run, size) {
		const stage = await Stage.open(run, {
			stopsStore: true,
			...(size.isSmall && { parts: inFew({}) }),
		});
		const journal = new Journal(run);
		const purchases = size.seconds * size.purchasesPerSecond;
		const courses = Math.ceil(purchases / size.people);
		const buyers = await Buyers.open(run, stage, journal, { people: size.people, courses });
		const second = [await stage.add("learning"), await stage.add("money")];
		const faults = faultsOf(stage, second);
		const stop = new AbortController();
		run.after(() => stop.abort());
		const marks = new Marks();
		const held = new Map<string, Held>();
		const load = Promise.all([
			buyers.rate(size.purchasesPerSecond, size.seconds, stop.signal),
			readSteadily(buyers.client, readsOf(buyers), size.readsPerSecond, stop.signal),
			every(size.sampleEvery * 1_000, stop.signal, () => sample(stage, held, marks.seconds())),
		]);
		let struck = 0;
		while (marks.seconds() < size.seconds) {
			await pause(size.faultEvery * 1_000);
			if (marks.seconds() >= size.seconds) break;
			const fault = faults[struck++ % faults.length] as (typeof faults)[number];
			marks.add(fault.name);
			run.say(`${fault.name}; ${buyers.ended} purchases, ${JSON.stringify(journal.counts)}`);
			await fault.strike();
		}
		stop.abort();
		await load;
		const verdict = await judge(stage, journal);
		const broken = [...verdict.broken];
		const lived = [...stage.parts.values()].filter(({ deaths }) => deaths === 0);
		for (const part of stage.parts.values())
			if (part.deaths > 0 && !second.includes(part))
				broken.push(`${part.name} ended ${part.deaths} times`);
		for (const { name } of lived) broken.push(...gains(name, held.get(name) as Held, size));
		journal.judged(broken, stage.log);
		const reads = journal.entries.filter(({ step }) => step.startsWith("read"));
		return {
			counts: {
				purchases: buyers.ended,
				faults: struck,
				reads: reads.length,
				...journal.counts,
				...verdict.counts,
			},
			figures: {
				"time to enrolled": spread(buyers.timesToEnrolled, "ms"),
				...Object.fromEntries(
					lived.map(({ name }) => {
						const warm = (held.get(name) as Held).heap.filter(([at]) => at >= size.warmUp);
						const { slope } = trendOf(floorOf(warm, size.stretch));
						return [`heap of ${name}`, { unit: "MB/h", value: rounded(slope * 3_600) }];
					}),
				),
			},
			series: [
				{
					name: "reads that were not ok",
					unit: "1/s",
					points: perSecond(
						reads.flatMap(({ at, outcome }) => (outcome === "ok" ? [] : at)),
						marks.start,
					),
				},
				...lived.map(({ name }) => ({
					name: `${name}, resident`,
					unit: "MB",
					points: (held.get(name) as Held).resident.map(([at, value]): [number, number] => [
						at,
						rounded(value),
					]),
				})),
			],
			marks: marks.all,
			broken,
		};
	},
};
