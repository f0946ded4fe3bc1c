import { setTimeout as pause } from "node:timers/promises";
import type { Drill, Outcome } from "./drill.ts";
import { Buyers } from "./harness/buyers.ts";
import { Marks } from "./harness/faults.ts";
import { hurry } from "./harness/hurry.ts";
import { type Entry, Journal } from "./harness/journal.ts";
import { failedShare, hung, isOk, lastBad, readSeries, requestsOf } from "./harness/outages.ts";
import { readSteadily, readsOf } from "./harness/reads.ts";
import { rounded, spread } from "./harness/results.ts";
import { School } from "./harness/school.ts";
import { inFew, Stage } from "./harness/stage.ts";
import { TcpProxy, type Toxics } from "./harness/tcp-proxy.ts";
import { judge } from "./harness/verdict.ts";

interface Size {
	/** How long each fault lasts, s. */
	faultFor: number;
	/** Before the first, and after each, s. */
	upFor: number;
	purchasesPerSecond: number;
	readsPerSecond: number;
	people: number;
	/** Whether times are held to bounds. */
	timed: boolean;
}

const faults: Record<string, Toxics> = {
	"200 ms latency": { latency: { latency: 200 } },
	"5 % resets": { resetPeer: { connections: 0.05, chunks: 0.05 } },
	"black hole to NATS": { timeout: { stream: "upstream" } },
	"black hole from NATS": { timeout: { stream: "downstream" } },
};

/** A call's time-out, and room for what comes after it. */
const answeredMs = 10_500;
/** The same on a machine that has other things to do: before the client gives up. */
const answeredForGoodMs = 14_500;
const uploadRestMs = 1_000;
/** Every link is told of by then: two pings that were not answered, and the time to connect anew. */
const recoveredMs = 15_000;

export const network: Drill<Size> = {
	name: "network",
	title:
		"Latency, resets and one-way black holes between one of two nodes of money, content and commerce and NATS",
	mustHold: "0 lost, 0 double",
	small: {
		faultFor: 3.5,
		upFor: 1.5,
		purchasesPerSecond: 1,
		readsPerSecond: 8,
		people: 4,
		timed: false,
	},
	full: {
		faultFor: 20,
		upFor: 15,
		purchasesPerSecond: 3,
		readsPerSecond: 20,
		people: 10,
		timed: true,
	},
	defects: {
		"no pings": {
			file: "kernel/nats-link.ts",
			from: "pingInterval: 5_000,\n\t\tmaxPingOut: 2,",
			to: "pingInterval: 120_000,\n\t\tmaxPingOut: 2,",
			why: "A link that lost a direction is believed in for minutes",
			size: { faultFor: 20, upFor: 6, timed: true },
		},
		"nothing is published again": {
			file: "kernel/facts/publisher.ts",
			from: "if (isUnmet && isPipeThere && this.#isDue(fact, now)) {",
			to: "if (false as boolean) {",
			why: "A fact that went into a black hole is told to nobody",
			size: { faultFor: 20, purchasesPerSecond: 3 },
		},
	},

	async run(run, size) {
		const proxies: TcpProxy[] = [];
		const stage = await Stage.open(run, {
			files: true,
			...(!size.timed && { parts: inFew({ money: "money" }) }),
			reach: (server, part) =>
				server === "nats" && part === "money-2" ? `127.0.0.1:${proxies[0]?.port}` : undefined,
		});
		const proxy = await TcpProxy.open(Number(new URL(stage.nats.url).port), run.seed);
		run.after(() => proxy.close());
		proxies.push(proxy);
		await stage.add("money,content,commerce", "money-2");
		const journal = new Journal(run);
		const names = Object.keys(faults);
		const seconds = names.length * (size.faultFor + size.upFor + 1) + size.upFor;
		const purchases = Math.ceil(seconds * size.purchasesPerSecond);
		const buyers = await Buyers.open(run, stage, journal, {
			people: size.people,
			courses: Math.ceil(purchases / size.people),
		});
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
		const spells: { name: string; from: number; back: number; until: number }[] = [];
		for (const name of names) {
			const from = Date.now();
			marks.add(name);
			await proxy.set(faults[name] as Toxics);
			await pause(size.faultFor * 1_000);
			await proxy.clear();
			const back = Date.now();
			marks.add("well again");
			await pause(size.upFor * 1_000);
			spells.push({ name, from, back, until: Date.now() });
			run.say(`${name}: ${JSON.stringify(proxy.counts)}`);
		}
		stop.abort();
		if (!size.timed) hurry(run, stage);
		await load;
		await school.ended();
		run.say(`${buyers.ended} purchases; not ok: ${JSON.stringify(journal.codes)}`);
		const verdict = await judge(stage, journal);
		const requests = requestsOf(journal.entries);
		const figures: Outcome["figures"] = {};
		const broken = [
			...verdict.broken,
			...hung(requests, size.timed ? answeredMs : answeredForGoodMs),
		];
		for (const { name, from, back, until } of spells) {
			const during = ({ at }: { at: number }) => at >= from && at < back;
			const those = requests.filter(during);
			const bought = buyers.purchases.filter(({ begunAt }) => during({ at: begunAt }));
			const ok = bought.filter(({ enrolledAt }) => enrolledAt);
			const quiet = lastBad(requests, { from, back }, until);
			figures[`${name}: purchases that came to a seat`] = {
				unit: "",
				value: rounded(ok.length / Math.max(1, bought.length)),
			};
			figures[`${name}: requests failed`] = failedShare(those);
			figures[`${name}: an answer took`] = spread(
				those.map(({ ms }) => ms),
				"ms",
			);
			figures[`${name}: time to enrolled`] = spread(
				ok.flatMap(({ paidAt, enrolledAt }) => (paidAt && enrolledAt ? [enrolledAt - paidAt] : [])),
				"ms",
			);
			figures[`${name}: well again until nothing fails`] = { unit: "ms", value: rounded(quiet) };
			if (size.timed && quiet > recoveredMs) broken.push(`${name}: failures for ${quiet} ms after`);
			const late = those.filter((e: Entry) => e.at >= from + recoveredMs && !isOk(e));
			if (size.timed && name.startsWith("black hole"))
				broken.push(
					...late
						.slice(0, 20)
						.map(
							({ step, at, ms }) =>
								`${name}: ${step} failed ${at - from} ms after it began, in ${ms} ms`,
						),
				);
		}
		for (const { name, deaths } of stage.parts.values())
			if (deaths > 0) broken.push(`${name} died ${deaths} times`);
		const { nodes } = stage.node.broker.registry;
		const isBack = () => nodes.get(stage.part("money-2").nodeId ?? "")?.available === true;
		for (const since = Date.now(); !isBack() && Date.now() < since + recoveredMs; ) await pause(50);
		if (!isBack()) broken.push("money-2 is not in the mesh again");
		journal.judged(broken, stage.log);
		return {
			counts: {
				purchases: buyers.ended,
				"connections reset": proxy.counts.reset,
				...journal.counts,
				...verdict.counts,
			},
			figures,
			series: readSeries(
				requests.filter(({ step }) => step.startsWith("read")),
				marks.start,
			),
			marks: marks.all,
			broken,
		};
	},
};
