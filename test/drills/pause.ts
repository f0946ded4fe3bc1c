import { setTimeout as wait } from "node:timers/promises";
import { type Person, register, send } from "../support/http.ts";
import { admin } from "../support/journey.ts";
import type { Drill, Outcome } from "./drill.ts";
import { Buyers } from "./harness/buyers.ts";
import type { Asked } from "./harness/client.ts";
import { every, Marks } from "./harness/faults.ts";
import { herdOf, reconnects, type Totals, totalsOf } from "./harness/herd.ts";
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
import { rounded, spread } from "./harness/results.ts";
import { School } from "./harness/school.ts";
import { inFew, Stage } from "./harness/stage.ts";
import { judge } from "./harness/verdict.ts";

type Target = "redis" | "nats" | "store" | "node" | "identity";

interface Size {
	/** What is stopped, one after the other, and for how long, s. */
	pauses: Partial<Record<Target, number>>;
	/** Before the first, and after each, s. */
	upFor: number;
	purchasesPerSecond: number;
	readsPerSecond: number;
	people: number;
	/** Whether times and rates are held to bounds. */
	timed: boolean;
}

/** Whoever asks is answered within the time-out of a call. */
const answeredMs = 10_500;
/** The same on a machine that has other things to do: before the client gives up. */
const answeredForGoodMs = 14_500;
/** Without Redis, or one of two nodes, reads go on: at most one attempt of 3 s is spent on it. */
const goesOn = new Set<Target>(["redis", "node"]);
/** By then it is noticed that something does not answer: NATS by two pings, a database by its heartbeat, a node's by the breaker. */
const noticedMs = 16_000;
const uploadRestMs = 1_000;
const failedFastMs = 1_500;
/** A list of revoked sessions that could not be fetched for 30 s, at intervals of 5 s and with 10 s for an answer. */
const closedMs = 36_000;
/** Calls of an action for what clients ask, against those of before; and so many that are too few to count. */
const bound = { times: 4, calls: 40 };

export const pause: Drill<Size> = {
	name: "pause",
	title:
		"SIGSTOP of Redis, NATS, the store, one of two nodes and identity during purchases, lessons, uploads and reads",
	mustHold: "reads go on or fail fast, auth closed, recovery without a herd",
	small: {
		pauses: { redis: 3, nats: 3, store: 3, node: 4 },
		upFor: 2,
		purchasesPerSecond: 1,
		readsPerSecond: 12,
		people: 4,
		timed: false,
	},
	full: {
		pauses: { redis: 30, nats: 30, store: 30, node: 30, identity: 50 },
		upFor: 15,
		purchasesPerSecond: 2,
		readsPerSecond: 30,
		people: 10,
		timed: true,
	},
	defects: {
		"the cache is waited for": {
			file: "kernel/cache.ts",
			from: "const answerWithinMs = 100;",
			to: "const answerWithinMs = 60_000;",
			why: "A read that waits for a cache that hangs is no read any more",
			size: { pauses: { redis: 14 } },
		},
		"an old list will do": {
			file: "kernel/tokens.ts",
			from: "return this.#clock.now() - this.#revokedAt > staleMs;",
			to: "return this.#clock.now() < this.#revokedAt + staleMs * 0;",
			why: "Money moves for sessions of which nobody knows any more whether they were revoked",
			size: { pauses: { identity: 50 } },
		},
		"a list that cannot be had is empty": {
			file: "kernel/tokens.ts",
			from: "// Its age tells: `isStale` closes what must not run on an old list.",
			to: "this.#revoked = new Set();",
			why: "Whoever was logged out is let in while identity does not answer",
			size: { pauses: { identity: 22 } },
		},
	},

	async run(run, size) {
		const stage = await Stage.open(run, {
			env: { RATE_LIMIT: "100000" },
			files: true,
			stopsStore: true,
			...(!size.timed && { parts: inFew({ learning: "learning", identity: "identity" }) }),
		});
		await stage.add("learning", "learning-2");
		const journal = new Journal(run);
		const targets = Object.entries(size.pauses) as [Target, number][];
		const seconds = targets.reduce((sum, [, down]) => sum + down + size.upFor + 3, size.upFor);
		const purchases = Math.ceil(seconds * size.purchasesPerSecond);
		const buyers = await Buyers.open(run, stage, journal, {
			people: size.people,
			courses: Math.ceil(purchases / size.people),
		});
		const school = await School.open(run, stage, journal, buyers);
		const leaver = await register(stage.gateways.next());
		const operator = await adminOf(stage);
		const stop = new AbortController();
		run.after(() => stop.abort());
		const marks = new Marks();
		const load = Promise.all([
			buyers.rate(size.purchasesPerSecond, seconds, stop.signal),
			readSteadily(buyers.client, readsWith(buyers), size.readsPerSecond, stop.signal),
			school.teach(uploadRestMs, stop.signal),
			every(500, stop.signal, () => void buyers.client.ask(adminWrite(operator))),
		]);
		const letIn: string[] = [];
		await logOut(stage, leaver);
		const knocking = every(200, stop.signal, () => {
			for (const base of stage.gateways.all) void knock(base, leaver, letIn);
		});
		await wait(size.upFor * 1_000);
		const outages: (Outage & { target: Target; until: number; herd: string[] })[] = [];
		for (const [target, down] of targets) {
			const steady = await totalsOf(stage);
			await wait(size.upFor * 500);
			const before = await totalsOf(stage);
			const from = Date.now();
			marks.add(`${target} stopped`);
			await tell(stage, target, "SIGSTOP");
			await wait(down * 1_000);
			await tell(stage, target, "SIGCONT");
			const back = Date.now();
			marks.add(`${target} goes on`);
			const resumed = await totalsOf(stage);
			await wait(size.upFor * 1_000);
			const after = await totalsOf(stage);
			const asked = (since: Totals, until: Totals) =>
				requestsOf(journal.entries).filter(e => e.at + e.ms >= since.at && e.at < until.at).length;
			const requests = { before: asked(steady, before), after: asked(resumed, after) };
			const herd = [
				...herdOf([steady, before], [resumed, after], requests, bound),
				...reconnects(before, after, 2 * stage.parts.size + 2, bound.times),
			];
			outages.push({ target, from, back, until: Date.now(), herd });
			run.say(`${target} was stopped for ${down} s`);
		}
		stop.abort();
		if (!size.timed) hurry(run, stage);
		await Promise.all([load, knocking]);
		await school.ended();
		run.say(`${buyers.ended} purchases; not ok: ${JSON.stringify(journal.codes)}`);
		const verdict = await judge(stage, journal);
		const requests = requestsOf(journal.entries);
		const reads = requests.filter(({ step }) => step.startsWith("read"));
		const answeredWithin = size.timed ? answeredMs : answeredForGoodMs;
		const figures: Outcome["figures"] = {};
		const broken = [...verdict.broken, ...letIn];
		for (const outage of outages) {
			const { target, from, back, until } = outage;
			const those = (all: readonly Entry[]) => all.filter(({ at }) => at >= from && at < back);
			const during = those(reads);
			const failed = those(requests).filter(request => !isOk(request));
			const failures = failed.map(({ ms }) => ms);
			figures[`${target}: reads failed while stopped`] = failedShare(during);
			figures[`${target}: a good read took while stopped`] = spread(
				during.filter(isOk).map(({ ms }) => ms),
				"ms",
			);
			figures[`${target}: a failed answer took`] = spread(failures, "ms");
			const good = firstGood(reads, outage);
			figures[`${target}: goes on until the first good answer`] = { unit: "ms", value: good };
			const quiet = lastBad(reads, outage, until);
			figures[`${target}: goes on until nothing fails`] = { unit: "ms", value: rounded(quiet) };
			broken.push(...hung(those(requests), answeredWithin).map(what => `${target}: ${what}`));
			if (goesOn.has(target)) broken.push(...refused(during, target));
			const isClosed = ({ at, step }: Entry) =>
				(step === "order" || step === "admin write") && at >= from + closedMs && at < back;
			if (target === "identity")
				broken.push(
					...requests
						.filter(isClosed)
						.filter(isOk)
						.map(({ step, at }) => `${step} was let in ${at - from} ms after identity stopped`)
						.slice(0, 20),
				);
			if (!size.timed) continue;
			broken.push(...outage.herd.map(what => `${target}: ${what}`));
			const late = failed.filter(({ at, ms }) => at >= from + noticedMs && ms > failedFastMs);
			broken.push(...hung(late, 0).map(what => `${target}: noticed, and ${what}`));
		}
		for (const { name, deaths } of stage.parts.values())
			if (deaths > 0) broken.push(`${name} died ${deaths} times`);
		journal.judged(broken, stage.log);
		return {
			counts: {
				purchases: buyers.ended,
				pauses: outages.length,
				reads: reads.length,
				...journal.counts,
				...verdict.counts,
			},
			figures: { ...figures, "time to enrolled": spread(buyers.timesToEnrolled, "ms") },
			series: readSeries(reads, marks.start),
			marks: marks.all,
			broken,
		};
	},
};

/** Where each of them runs. */
async function tell(stage: Stage, target: Target, signal: "SIGSTOP" | "SIGCONT"): Promise<void> {
	if (target === "redis" || target === "nats") return stage[target].kill(signal);
	if (target === "store") return stage.mongo.kill(signal);
	const part = stage.part(target === "node" ? "learning-2" : "identity");
	if (signal === "SIGSTOP") part.pause();
	else part.resume();
}

/** What people read, and a profile, which is cached. */
const readsWith = (buyers: Buyers): Asked[] => [
	...readsOf(buyers),
	...buyers.people.map(person => ({
		step: "read profile",
		person,
		courseId: "",
		method: "GET",
		path: `/api/users/${person.id}`,
	})),
];

const refused = (reads: readonly Entry[], target: Target): string[] =>
	reads
		.filter(read => !isOk(read))
		.slice(0, 20)
		.map(({ step, status, code, ms }) => `${target}: ${step} ${status} ${code ?? ""}, ${ms} ms`);

const adminOf = async (stage: Stage): Promise<Person> => ({
	id: "admin",
	email: stage.admin.email,
	token: await admin(stage.gateways.next()),
	refreshToken: "",
});

/** A write for which the list of revoked sessions must be fresh; there is nothing to change. */
const adminWrite = (person: Person): Asked => ({
	step: "admin write",
	person,
	courseId: "",
	method: "POST",
	path: "/api/payment-events/none/replay",
	fine: 404,
});

const seats = (base: string, { token }: Person) => send(base, "GET", "/api/enrollments", { token });

/** Until every gateway refuses the session. */
async function logOut({ gateways }: Stage, person: Person): Promise<void> {
	await send(gateways.next(), "POST", "/api/auth/logout", { token: person.token });
	for (const base of gateways.all)
		while ((await seats(base, person)).status !== 401) await wait(50);
}

async function knock(base: string, person: Person, letIn: string[]): Promise<void> {
	const status = await seats(base, person).then(
		answer => answer.status,
		() => 0,
	);
	if (status >= 200 && status < 300) letIn.push(`a session that was revoked got ${status}`);
}
