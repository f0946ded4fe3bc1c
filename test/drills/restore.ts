import { setTimeout as pause } from "node:timers/promises";
import type { Drill } from "./drill.ts";
import { Buyers } from "./harness/buyers.ts";
import { Marks } from "./harness/faults.ts";
import { Hands, unseated, waiting } from "./harness/hands.ts";
import { hurry, isSo } from "./harness/hurry.ts";
import { manage, streamOf, unacknowledged } from "./harness/jetstream.ts";
import { Journal } from "./harness/journal.ts";
import { perSecond, spread } from "./harness/results.ts";
import { School } from "./harness/school.ts";
import { inFew, Stage } from "./harness/stage.ts";
import { audited, judge } from "./harness/verdict.ts";

interface Size {
	purchases: number;
	parallel: number;
	people: number;
	/** What becomes of the facts' stream, which still has facts from after the copy. */
	stream: "deleted" | "kept";
	/** Schedules are not waited for, what they do is asked for each second; and the audit is not waited for. */
	atOnce?: boolean;
}

/** A course each that everybody orders by hand, to be in a state of its own when the copy is made or comes back. */
const states = [
	"refunded in the copy",
	"refunded after the copy",
	"refund pending in the copy",
	"not paid in the copy",
	"webhook not delivered in the copy",
	"captured and not heard of in the copy",
	"captured after the copy and not heard of",
	"paid after the copy and webhook not delivered",
] as const;

const withinMs = 120_000;
const uploadRestMs = 200;
/** What is younger the audit takes for being on its way. */
const auditedAfterMs = 61_000;

export const restore: Drill<Size> = {
	name: "restore",
	title: "The whole database is put back to a copy of one instant, the provider is not",
	mustHold:
		"0 paid-not-enrolled among payments the copy knows; captures it does not know are kept and listed",
	small: { purchases: 24, parallel: 3, people: 3, stream: "kept", atOnce: true },
	full: { purchases: 400, parallel: 8, people: 10, stream: "deleted" },
	defects: {
		"unknown is dropped": {
			file: "services/money/payments/events.ts",
			from: 'if (!payment) return "its payment is not known yet";',
			to: "if (!payment) return undefined;",
			why: "A webhook of a payment that the copy does not know is answered, and nobody ever sees it again",
		},
		"the provider is not asked": {
			file: "services/money/payments/reconciler.ts",
			from: "const askAt = all ? { $exists: true } : { $lte: clock.now() };",
			to: "const askAt = { $lte: all ? -1 : 0 };",
			why: "A payment whose webhook was delivered after the copy was made is never captured again",
		},
		"published again under the same id": {
			file: "kernel/facts/publisher.ts",
			from: "isPipeThere = await this.#publishAgain(fact);",
			to: "isPipeThere = await this.#publishAgain(fact, fact.id);",
			why: "The stream, which was not restored, takes a fact of the copy for the one it had, and drops it",
		},
	},

	async run(run, size) {
		const stage = await Stage.open(run, {
			files: true,
			...(size.atOnce && {
				parts: inFew({ learning: "learning,commerce", engagement: "engagement" }),
			}),
		});
		const journal = new Journal(run);
		const own = Math.ceil(size.purchases / size.people);
		const buyers = await Buyers.open(run, stage, journal, {
			people: size.people,
			courses: own + states.length,
		});
		const school = await School.open(run, stage, journal, buyers);
		const manager = await manage(run, stage);
		const hands = new Hands(stage, buyers, run.seed, states);
		const marks = new Marks();
		const third = Math.floor(size.purchases / 3);
		const { webhooks, fake } = stage;
		const learning = stage.part("learning");

		const taught = new AbortController();
		await Promise.all([
			buyers.drive(third, size.parallel).finally(() => taught.abort()),
			school.teach(uploadRestMs, taught.signal),
		]);
		school.close();
		await school.ended();
		await hands.enroll("refunded in the copy");
		await hands.refund("refunded in the copy");
		await hands.enroll("refunded after the copy");
		await hands.enroll("refund pending in the copy");
		fake.holdRefunds();
		await hands.refund("refund pending in the copy");
		fake.passRefunds();
		await hands.order("not paid in the copy");
		await hands.order("captured and not heard of in the copy");
		await hands.order("webhook not delivered in the copy");
		const going = buyers.drive(third, size.parallel);
		const from = fake.books.events.length;
		learning.pause();
		await hands.capture("captured and not heard of in the copy");
		webhooks.hold();
		hands.pay("webhook not delivered in the copy");
		const parts = [...stage.parts.values()];
		for (const part of parts) part.pause();
		await pause(200);
		const copy = await stage.copy();
		for (const part of parts) part.resume();
		webhooks.flow();
		marks.add("copied");
		run.say(`copied after ${buyers.ended} purchases`);

		hands.settleRefunds("refund pending in the copy");
		await Promise.all([going, buyers.drive(third, size.parallel)]);
		await stage.part("engagement").stop("SIGKILL");
		await hands.refund("refunded after the copy");
		await hands.order("captured after the copy and not heard of");
		await hands.order("paid after the copy and webhook not delivered");
		await hands.capture("not paid in the copy");
		await learning.stop("SIGKILL");
		await hands.capture("captured after the copy and not heard of");
		webhooks.hold();
		hands.pay("paid after the copy and webhook not delivered");
		await Promise.all(parts.map(part => part.stop("SIGKILL")));
		await stage.restore(copy);
		const inStream = await unacknowledged(stage, manager);
		if (size.stream === "deleted") await manager.streams.delete(streamOf(stage));
		marks.add("restored");
		const restoredAt = Date.now();
		await Promise.all(parts.map(part => part.start()));
		run.say(`restored after ${buyers.ended} purchases`);
		if (size.atOnce) hurry(run, stage);

		const known = new Set(copy.get("payments")?.map(({ _id }) => _id));
		const paid = [...fake.books.intents.values()].filter(i => i.status === "succeeded");
		const keys = paid.map(intent => intent.metadata.payment_id as string);
		const unknown = new Set(keys.filter(id => !known.has(id)));
		const late = await unsettled(stage, new Set(keys.filter(id => known.has(id))));
		const settledMs = Date.now() - restoredAt;
		run.say(`${late.length} known payments without their end after ${settledMs} ms`);
		webhooks.flow();
		webhooks.resend(from);
		await isSo(async () => webhooks.undelivered === 0);
		const listed = await waiting(stage);
		// One that tries again sooner may be charged before an old fact gives the seat; which then is too much, and waits.
		if (size.stream === "kept")
			await isSo(async () => (await unacknowledged(stage, manager)) === 0);
		const again = await hands.again([...buyers.purchases, ...hands.orders], unknown);
		const unaudited = size.atOnce ? [] : await missing(stage, unknown);
		const verdict = await judge(stage, journal, {
			withinMs,
			mayBeUnknown: unknown,
			mayMiscount: size.stream === "kept",
		});
		return {
			counts: {
				purchases: buyers.ended,
				"facts in the stream not acknowledged at the restore": inStream,
				known: known.size,
				unknown: unknown.size,
				listed: listed.size,
				"seats by facts that outlived their payment": again.seated,
				"charged again, the first listed": again.charged,
				...journal.counts,
				...verdict.counts,
			},
			figures: {
				...(!size.atOnce && {
					"restored until all known was captured and enrolled": { unit: "ms", value: settledMs },
				}),
				"time to enrolled": spread(buyers.timesToEnrolled, "ms"),
			},
			series: [
				{
					name: "enrolled",
					unit: "1/s",
					points: perSecond(
						buyers.purchases.flatMap(p => p.enrolledAt ?? []),
						marks.start,
					),
				},
			],
			marks: marks.all,
			broken: [
				...late.map(
					id => `${id} is known and paid, and not enrolled by what the provider says alone`,
				),
				...[...unknown]
					.filter(id => !listed.has(id))
					.map(id => `${id} is not known and paid, and none of its webhooks is kept`),
				...unaudited.map(id => `${id} is not known and paid, and the audit does not list it`),
				...(size.stream === "deleted" && again.seated > 0
					? [`${again.seated} have a seat for a payment that is not known`]
					: []),
				...again.broken,
				...verdict.broken,
			],
		};
	},
};

/** Waits until each payment is captured and has bought its seat. @returns those that have not when the time is up. */
async function unsettled(stage: Stage, ids: ReadonlySet<string>): Promise<string[]> {
	let left = [...ids];
	await isSo(async () => {
		left = await unseated(stage, left);
		return left.length === 0;
	}).catch(() => {});
	return left;
}

/** Those, of these payments, that the audit does not list from the provider's side. */
async function missing(stage: Stage, ids: ReadonlySet<string>): Promise<string[]> {
	await pause(auditedAfterMs);
	const listed = new Set((await audited(stage)).map(({ subjectId }) => subjectId));
	return [...ids].filter(id => !listed.has(id));
}
