import { setTimeout as pause } from "node:timers/promises";
import type { JetStreamManager } from "nats";
import type { Drill } from "./drill.ts";
import { Buyers } from "./harness/buyers.ts";
import { Marks } from "./harness/faults.ts";
import { hurry, isSo } from "./harness/hurry.ts";
import { manage, streamOf, unacknowledged } from "./harness/jetstream.ts";
import { Journal } from "./harness/journal.ts";
import { perSecond, spread } from "./harness/results.ts";
import { inFew, Stage } from "./harness/stage.ts";
import { judge } from "./harness/verdict.ts";

interface Size {
	perSecond: number;
	seconds: number;
	people: number;
	rounds: number;
	/** By name; in this order in each round. */
	wipes: readonly (keyof typeof wipes)[];
	/** Sweeps publish at once what nobody handled, not after 30 s: what comes of it is the same. */
	atOnce?: boolean;
}

const durable = "enrollments--payment_captured";
/** Paid purchases whose facts nobody handles before the stream is wiped. */
const unhandled = 3;
const everyMs = 100;
/** On a busy machine the wipes take longer than they should; purchases go on until the last of them, up to so many times. */
const longest = 3;
const withinMs = 60_000;
const seatedMs = 150_000;

/** What is done to the stream, each by somebody who should not. */
const wipes = {
	purge: (manager, stream) => manager.streams.purge(stream),
	"filtered purge": (manager, stream) =>
		manager.streams.purge(stream, { filter: `${stream}.payment.captured` }),
	"deleted stream": (manager, stream) => manager.streams.delete(stream),
	"deleted consumer": (manager, stream) => manager.consumers.delete(stream, durable),
	"stream made by hand": async (manager, stream) => {
		for (let isMade = false; !isMade; ) {
			await manager.streams.delete(stream);
			// The mesh may have made its own already.
			isMade = await manager.streams.add({ name: stream, subjects: [`${stream}.>`] }).then(
				() => true,
				() => false,
			);
		}
	},
} satisfies Record<string, (manager: JetStreamManager, stream: string) => Promise<unknown>>;

export const stream: Drill<Size> = {
	name: "stream",
	title: "The facts' stream is purged, deleted and made anew during purchases, with facts in it",
	mustHold: "0 paid-not-enrolled",
	small: {
		perSecond: 2,
		seconds: 15,
		people: 4,
		rounds: 1,
		wipes: ["purge", "filtered purge", "deleted stream"],
		atOnce: true,
	},
	full: {
		perSecond: 6,
		seconds: 180,
		people: 20,
		rounds: 2,
		wipes: ["purge", "filtered purge", "deleted stream", "deleted consumer", "stream made by hand"],
	},
	defects: {
		"the pipe is believed": {
			file: "kernel/facts/publisher.ts",
			from: 'if (isOut && known.every(state => state === "done" || state === "parked")) {',
			to: "if (isOut) {",
			why: "A sweep that lets go of what was published, and asks for no receipt, loses what the stream loses",
		},
		"nothing is published again": {
			file: "kernel/facts/publisher.ts",
			from: "if (isUnmet && isPipeThere && this.#isDue(fact, now)) {",
			to: "if (isUnmet && isPipeThere && sweep.pending < 0) {",
			why: "A fact that nobody met stays in its outbox for ever",
		},
		"a lost consumer is not made again": {
			file: "kernel/facts/jetstream-pipe.ts",
			from: "await this.#ensureConsumer(subscription);\n\t\t\t\tconst consumer",
			to: "const consumer",
			why: "A node whose durable went with the stream hears nothing until it is started again",
		},
	},

	async run(run, size) {
		const stage = await Stage.open(
			run,
			size.atOnce ? { parts: inFew({ learning: "learning" }) } : {},
		);
		const journal = new Journal(run);
		const most = size.seconds * longest;
		const courses = Math.ceil((size.perSecond * most) / size.people);
		const buyers = await Buyers.open(run, stage, journal, { people: size.people, courses });
		const manager = await manage(run, stage);
		const all = Array.from({ length: size.rounds }, () => size.wipes).flat();
		const marks = new Marks();
		const inStream: number[] = [];
		const untilSeated: Promise<number[]>[] = [];
		const wipeAll = async () => {
			for (const [i, name] of all.entries()) {
				const due = marks.start + ((i + 0.3) * size.seconds * 1_000) / all.length;
				await pause(Math.max(0, due - Date.now()));
				const payments = await fill(stage, buyers, manager);
				inStream.push(await unacknowledged(stage, manager));
				await wipes[name](manager, streamOf(stage));
				marks.add(name);
				run.say(
					`${name}: ${inStream.at(-1)} facts of ${payments.length} payments not acknowledged`,
				);
				untilSeated.push(seated(stage, payments));
				await stage.part("learning").start();
			}
			if (size.atOnce) hurry(run, stage);
		};
		const over = new AbortController();
		await Promise.all([
			Promise.all([wipeAll(), pause(size.seconds * 1_000)]).finally(() => over.abort()),
			buyers.rate(size.perSecond, most, over.signal),
		]);
		run.say(`${buyers.ended} purchases; not ok: ${JSON.stringify(journal.codes)}`);
		const verdict = await judge(stage, journal, { withinMs });
		const took = (await Promise.all(untilSeated)).flat();
		const enrolledAt = buyers.purchases.flatMap(p => p.enrolledAt ?? []);
		return {
			counts: {
				purchases: buyers.ended,
				wipes: all.length,
				...journal.counts,
				...verdict.counts,
			},
			figures: {
				"facts in the stream that were not acknowledged when it was wiped": spread(inStream, ""),
				...(!size.atOnce && {
					"wiped until the payments in it had their seats": spread(took, "ms"),
				}),
				"time to enrolled": spread(buyers.timesToEnrolled, "ms"),
			},
			series: [{ name: "enrolled", unit: "1/s", points: perSecond(enrolledAt, marks.start) }],
			marks: marks.all,
			broken: verdict.broken,
		};
	},
};

/**
 * Kills learning, and has a few payments captured that it then does not hear of: their facts lie in the stream and
 * nobody acknowledges them. The provider's webhooks are held until then, or learning would have heard of them.
 * @returns the payments' ids.
 */
async function fill(stage: Stage, buyers: Buyers, manager: JetStreamManager): Promise<string[]> {
	stage.webhooks.hold();
	const waiting = async () => {
		const captured = await stage.database.collection("payments").distinct("_id", {
			capturedAt: { $exists: true },
		});
		const isCaptured = new Set<unknown>(captured);
		return buyers.purchases.filter(p => p.paidAt && !isCaptured.has(p.paymentId));
	};
	await isSo(async () => (await waiting()).length >= unhandled);
	await stage.part("learning").stop("SIGKILL");
	stage.webhooks.flow();
	await isSo(async () => (await waiting()).length === 0);
	const seats = await stage.records("enrollments");
	const paid = new Set(seats.flatMap(({ payments }) => Object.keys(payments)));
	const ids = buyers.purchases.flatMap(p =>
		p.paidAt && p.paymentId && !paid.has(p.paymentId) ? [p.paymentId] : [],
	);
	await isSo(async () => {
		const { num_pending, num_ack_pending } = await manager.consumers.info(streamOf(stage), durable);
		return num_pending + num_ack_pending >= unhandled;
	});
	return ids;
}

/** How long it takes from now until each payment has bought its seat, ms. */
async function seated(stage: Stage, payments: readonly string[]): Promise<number[]> {
	const from = Date.now();
	const left = new Set(payments);
	const took: number[] = [];
	while (left.size > 0 && Date.now() < from + seatedMs) {
		for (const seat of await stage.records("enrollments"))
			for (const id of Object.keys(seat.payments))
				if (left.delete(id)) took.push(Date.now() - from);
		await pause(everyMs);
	}
	return took;
}
