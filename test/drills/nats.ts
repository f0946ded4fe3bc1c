import { setTimeout as pause } from "node:timers/promises";
import type { Drill } from "./drill.ts";
import { Buyers } from "./harness/buyers.ts";
import { Marks } from "./harness/faults.ts";
import { type Held, heldBy } from "./harness/gauges.ts";
import { hurry } from "./harness/hurry.ts";
import { type Entry, Journal } from "./harness/journal.ts";
import {
	failedShare,
	firstGood,
	hung,
	isOk,
	lastBad,
	type Outage,
	readSeries,
	requestsOf,
} from "./harness/outages.ts";
import { readSteadily, readsOf } from "./harness/reads.ts";
import { spread } from "./harness/results.ts";
import { School } from "./harness/school.ts";
import { inFew, Stage } from "./harness/stage.ts";
import { judge } from "./harness/verdict.ts";

interface Size {
	/** How long NATS is away each time, s. */
	downs: number[];
	/** From its return to the next time, s. */
	upFor: number;
	purchasesPerSecond: number;
	readsPerSecond: number;
	people: number;
	/** Whether times and memory are held to bounds. */
	timed: boolean;
}

/** Just below the shortest time-out there is, that of a read's first attempt: who waited for so long was not told. */
const hungMs = 2_900;
/** The same of a whole call, for a machine that has other things to do. */
const hungForGoodMs = 9_500;
/** For so long before each outage the provider's webhooks wait, and come in it. */
const heldMs = 1_500;
const uploadRestMs = 1_000;
const failedP99Ms = 1_500;
/** A pool of 20 links to the database, and a few; links to NATS are counted by themselves. */
const handleNoise = 26;
/** Heaps of young processes grow; the soak looks at slopes. */
const memoryNoiseMb = 160;

export const nats: Drill<Size> = {
	name: "nats",
	title: "SIGKILL of nats-server during purchases, lessons, uploads and reads",
	mustHold: "no hung call, no leak, no lost fact",
	small: {
		downs: [0.1, 2],
		upFor: 3,
		purchasesPerSecond: 2,
		readsPerSecond: 15,
		people: 5,
		timed: false,
	},
	full: {
		downs: [3, 0.1, 1, 8, 0.2, 0.5, 5, 0.3, 10, 1.5, 0.1, 4, 0.7, 6, 2],
		upFor: 5,
		purchasesPerSecond: 4,
		readsPerSecond: 40,
		people: 10,
		timed: true,
	},
	defects: {
		"a lost link is not noticed": {
			file: "kernel/link-watch.ts",
			from: "else this.#lost.add(name);",
			to: "",
			why: "What is sent over a link that is lost waits for its time-out",
		},
		"nobody is forgotten": {
			file: "kernel/link-watch.ts",
			from: "onLost: () => forgetOthers(broker),",
			to: "",
			why: "What was sent before the link broke, or to a node that is not back yet, waits for its time-out",
		},
		"nothing is published again": {
			file: "kernel/facts/publisher.ts",
			from: "if (isUnmet && isPipeThere && this.#isDue(fact, now)) {",
			to: "if (false as boolean) {",
			why: "A fact written while NATS is away is told to nobody",
		},
	},

	async run(run, size) {
		const stage = await Stage.open(run, {
			files: true,
			...(!size.timed && { parts: inFew({ money: "money", learning: "learning,commerce" }) }),
		});
		// Webhooks that this one takes are applied, and their facts written, while NATS is away.
		const both = await stage.add("gateway,money", "gateway-with-money");
		await stage.gateways.add(both.url);
		const journal = new Journal(run);
		const seconds = size.downs.reduce(
			(sum, down) => sum + down + size.upFor + heldMs / 1_000 + 1,
			size.upFor,
		);
		const purchases = Math.ceil(seconds * size.purchasesPerSecond);
		const courses = Math.ceil(purchases / size.people);
		const buyers = await Buyers.open(run, stage, journal, { people: size.people, courses });
		const school = await School.open(run, stage, journal, buyers);
		const stop = new AbortController();
		run.after(() => stop.abort());
		const marks = new Marks();
		const load = Promise.all([
			buyers.rate(size.purchasesPerSecond, seconds, stop.signal),
			readSteadily(buyers.client, readsOf(buyers), size.readsPerSecond, stop.signal),
			school.teach(uploadRestMs, stop.signal),
		]);
		await pause(size.upFor * 1_000);
		const links = await linksTo(stage);
		let before = new Map<string, Held>();
		const outages: Outage[] = [];
		for (const down of size.downs) {
			stage.webhooks.hold();
			await pause(heldMs);
			await stage.nats.kill("SIGKILL");
			const from = Date.now();
			stage.webhooks.flow();
			marks.add(`down ${down} s`);
			await pause(down * 1_000);
			await stage.nats.restart();
			outages.push({ from, back: Date.now() });
			await pause(size.upFor * 1_000);
			// By then pools are full and code is compiled.
			if (outages.length === Math.ceil(size.downs.length / 3)) before = await heldBy(stage);
		}
		stop.abort();
		if (!size.timed) hurry(run, stage);
		await load;
		await school.ended();
		run.say(`${buyers.ended} purchases; not ok: ${JSON.stringify(journal.codes)}`);
		const verdict = await judge(stage, journal);
		const after = await heldBy(stage);
		const linksAfter = await linksTo(stage);
		for (const [name, { pending, handles, memory }] of after)
			run.say(`${name}: ${pending} pending, ${handles} handles, ${memory} MB`);
		const requests = requestsOf(journal.entries);
		const reads = requests.filter(({ step }) => step.startsWith("read"));
		const failed = requests.filter(request => !isOk(request)).map(({ ms }) => ms);
		const failedMs = spread(failed, "ms");
		const isLate = size.timed && "p99" in failedMs && failedMs.p99 >= failedP99Ms;
		const isDuring = ({ at }: Entry) => outages.some(({ from, back }) => at >= from && at < back);
		const nextFrom = (i: number) => outages[i + 1]?.from ?? Number.POSITIVE_INFINITY;
		const grown = [...after].map(([name, held]) => held.memory - (before.get(name)?.memory ?? 0));
		const broken = [
			...verdict.broken,
			...hung(requests, size.timed ? hungMs : hungForGoodMs),
			...growth(before, after, size.timed),
			...(linksAfter === links ? [] : [`${linksAfter} links to NATS, ${links} before`]),
			...(isLate ? [`failures took ${failedMs.p99} ms (p99)`] : []),
		];
		journal.judged(broken, stage.log);
		return {
			counts: {
				purchases: buyers.ended,
				outages: outages.length,
				reads: reads.length,
				...journal.counts,
				...verdict.counts,
			},
			figures: {
				"back until the first good answer": spread(
					outages.map(outage => firstGood(reads, outage)),
					"ms",
				),
				"back until nothing fails": spread(
					outages.map((outage, i) => lastBad(reads, outage, nextFrom(i))),
					"ms",
				),
				"a failed answer took": failedMs,
				"reads failed while it was away": failedShare(reads.filter(isDuring)),
				"reads failed otherwise": failedShare(reads.filter(read => !isDuring(read))),
				"time to enrolled": spread(buyers.timesToEnrolled, "ms"),
				"memory grown most": { unit: "MB", value: Math.max(...grown) },
			},
			series: readSeries(reads, marks.start),
			marks: marks.all,
			broken,
		};
	},
};

/** How many clients NATS has. */
async function linksTo({ natsMonitor }: Stage): Promise<number> {
	const answer = await fetch(`${natsMonitor}/varz`);
	return ((await answer.json()) as { connections: number }).connections;
}

/** What is held on to after all is quiet and was not before, in words. */
function* growth(
	before: ReadonlyMap<string, Held>,
	after: ReadonlyMap<string, Held>,
	timed: boolean,
) {
	for (const [name, { pending, handles, memory }] of after) {
		if (pending !== 0) yield `${name} has ${pending} calls that wait`;
		if (!timed) continue;
		const was = before.get(name) ?? { handles: 0, memory: 0 };
		// A gateway's clients keep their connections for a minute.
		if (handles > was.handles + handleNoise && !name.startsWith("gateway"))
			yield `${name} has ${handles} handles, ${was.handles} before`;
		if (memory > was.memory + memoryNoiseMb) yield `${name} has ${memory} MB, ${was.memory} before`;
	}
}
