import { type LoadReport, startLoad } from "../../test/drills/harness/load.ts";
import { check } from "../harness/check.ts";
import { isWhole, type Stage } from "../harness/options.ts";
import { bringPeers } from "../harness/peers.ts";
import { rounded, writeResult } from "../harness/results.ts";
import { quantile, random, shuffled } from "../harness/stats.ts";
import { findVariants, type Running, startVariant } from "../harness/variants.ts";
import { markdown } from "../report/format.ts";
import { latencyTables } from "../report/latency.ts";

const usual = { rounds: 7, seconds: 4, variants: ["zeolite", "zeolite-traced", "nest", "raw"] };
const shares = [0.5, 0.7, 0.9];
/** Whose peak the rates are shares of. */
const measure = "nest";
const inFlight = 512;
const timeoutMs = 10_000;
/** A rate that nobody here reaches, and how many requests are then under way: a closed loop by the same generator. */
const flood = { perSecond: 20_000, seconds: 3, inFlight: 64 };
const floods = 3;
const restSeconds = 0.3;

/** A variant at one constant rate. */
export interface RateSlice {
	round: number;
	variant: string;
	/** Of the peak of NestJS. */
	share: number;
	perSecond: number;
	arrivals: number;
	ok: number;
	/** Refused with 429 or 503. */
	shed: number;
	/** Any other outcome but ok, `notSent` among them: more than 512 were under way. */
	wrong: number;
	/** From when a request was due to the end of its answer, ms, of the ok ones. */
	medianMs: number;
	p99Ms: number;
	maxMs: number;
	/** How late the generator was itself, p99, ms. */
	lateMs: number;
}

/** What the latency bench keeps. */
export interface LatencyResult {
	variants: { id: string; title: string }[];
	/** Seconds of a slice. */
	slice: number;
	/** Requests per second of NestJS at 64 connections, by the same generator: each of the tries. */
	peaks: number[];
	slices: RateSlice[];
}

const load = (
	{ world }: Stage,
	{ url }: Running,
	perSecond: number,
	seconds: number,
	most = inFlight,
): Promise<LoadReport> =>
	startLoad({
		bases: [url],
		requests: world.requests("get").slice(0, 1_000),
		steps: [{ perSecond, seconds }],
		inFlight: most,
		timeoutMs,
	}).report;

async function rateSlice(
	stage: Stage,
	running: Running,
	at: Pick<RateSlice, "round" | "share" | "perSecond"> & { seconds: number },
): Promise<RateSlice> {
	const { round, share, perSecond, seconds } = at;
	const report = await load(stage, running, perSecond, seconds);
	for (const { child } of running.children) child.assertUp();
	const { arrivals, ok, shed, failed, cut, timedOut, notSent, latency, lateness } = report;
	const ms = (value: number | undefined) => rounded(value ?? Number.NaN);
	return {
		round,
		variant: running.variant.id,
		share,
		perSecond,
		arrivals,
		ok,
		shed,
		wrong: failed + cut + timedOut + notSent,
		medianMs: ms(latency?.median),
		p99Ms: ms(latency?.p99),
		maxMs: ms(latency?.max),
		lateMs: ms(lateness?.p99),
	};
}

/**
 * Latency at constant rates: shares of what NestJS can do at most, counted from the moment a request was due.
 * @returns whether no request below nine tenths of that peak went wrong
 */
export async function latency(stage: Stage): Promise<boolean> {
	const { options, world, natsUrl } = stage;
	const { say, seed } = options;
	const began = performance.now();
	const wanted = options.variants ?? usual.variants;
	const variants = (await findVariants()).filter(({ id }) => wanted.includes(id));
	bringPeers(say);
	const all: Running[] = [];
	try {
		for (const variant of variants) {
			say(`starting ${variant.id}: ${variant.title}`);
			const running = await startVariant(variant, world, natsUrl);
			all.push(running);
			await check(running, world);
			await load(stage, running, flood.perSecond, flood.seconds, flood.inFlight);
		}
		const measured = all.find(({ variant }) => variant.id === measure);
		if (!measured)
			throw new Error(`The rates are shares of the peak of ${measure}, which is left out`);
		const peaks: number[] = [];
		for (let i = 0; i < floods; i++) {
			const { perSecond, seconds } = flood;
			const { ok } = await load(stage, measured, perSecond, seconds, flood.inFlight);
			peaks.push(Math.round(ok / seconds));
		}
		const peak = quantile(peaks, 0.5);
		const rounds = options.rounds ?? usual.rounds;
		const seconds = options.seconds ?? usual.seconds;
		const takes = rounds * shares.length * all.length * (seconds + restSeconds + 0.5);
		say(
			`NestJS answers at most ${peak} requests/s of this generator; ${Math.ceil(takes / 60)} min`,
		);
		const next = random(seed);
		const slices: RateSlice[] = [];
		for (let round = 0; round < rounds; round++) {
			for (const share of shuffled(shares, next))
				for (const running of shuffled(all, next)) {
					const at = { round, share, perSecond: Math.round(peak * share), seconds };
					slices.push(await rateSlice(stage, running, at));
				}
			say(`round ${round + 1} of ${rounds}`);
		}
		const kept: LatencyResult = {
			variants: variants.map(({ id, title }) => ({ id, title })),
			slice: seconds,
			peaks,
			slices,
		};
		const run = { bench: "latency", seed, rounds, seconds: (performance.now() - began) / 1_000 };
		say(`kept in ${writeResult(run, kept, isWhole(options))}`);
		console.log(markdown(latencyTables(kept)));
		return slices.every(({ wrong, share }) => wrong === 0 || share >= 0.9);
	} finally {
		await Promise.all(all.map(running => running.end()));
	}
}
