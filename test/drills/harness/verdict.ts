import { setTimeout as pause } from "node:timers/promises";
import { codeOf } from "../../../kernel/errors.ts";
import { admin } from "../../support/journey.ts";
import { books } from "./books.ts";
import type { Journal } from "./journal.ts";
import { schoolBooks } from "./school-books.ts";
import type { Raw, Stage } from "./stage.ts";

const everyMs = 500;
const quietWithinMs = 120_000;
const auditMs = 120_000;

export interface JudgeOptions {
	/** Longest wait for quiescence, ms; 120 s. */
	withinMs?: number;
	/** Parked facts that a drill expects; they are listed, and are not broken then. */
	mayBeParked?(receipt: Raw): boolean;
	/**
	 * An older copy of the database came back: payments, by our id, that the provider knows and the mesh need not. Their
	 * webhooks may wait for ever, and webhooks that were taken before are not looked for.
	 */
	mayBeUnknown?: ReadonlySet<string>;
	/** The stream was not deleted with it: a fact of a seat that is not there yet may have been handled before the seat. */
	mayMiscount?: boolean;
	/** The version is older than lessons and uploads. */
	isSchoolless?: boolean;
}

export interface Verdict {
	/** A sentence for each thing that does not hold, at most 20 of a kind; empty when all does. */
	broken: string[];
	/** `captured`, `enrolled`, `transfers`, `notices`, `events`, `uploads`, `certificates`, `reviews`, `mails`, `parked`. */
	counts: Record<string, number>;
	/** What was given up on, as it lies in the receipts. */
	parked: Raw[];
}

/**
 * Waits until nothing is under way: every outbox empty, no fact being tried, every webhook delivered and applied, every
 * video made and mail sent. Sweeps meanwhile as the schedules do, and publishes nothing before its time.
 * @returns what is still pending when the time is up; empty when all is quiet.
 */
export async function quiesce(
	stage: Stage,
	withinMs = quietWithinMs,
	mayBeUnknown?: ReadonlySet<string>,
): Promise<string[]> {
	const until = Date.now() + withinMs;
	let last = "";
	const sweeps = [...stage.node.platform.contracts.actions.keys()].filter(name =>
		name.endsWith(".facts.sweep"),
	);
	for (;;) {
		await Promise.all(sweeps.map(name => stage.ask(name).catch(() => {})));
		const pending = await underWay(stage, mayBeUnknown);
		if (pending.join("; ") !== last) {
			last = pending.join("; ");
			if (last) stage.say(`waits for ${last}`);
		}
		if (pending.length === 0 || Date.now() > until) return pending;
		await pause(everyMs);
	}
}

/** What has no end yet, in words. */
export async function underWay(
	stage: Stage,
	mayBeUnknown: ReadonlySet<string> = new Set(),
): Promise<string[]> {
	const pending: string[] = [];
	for (const name of await stage.collections()) {
		const collection = stage.database.collection(name);
		const unsent = await collection.countDocuments({ outboxSize: { $gt: 0 } });
		if (unsent > 0) pending.push(`${unsent} documents of ${name} with facts in their outbox`);
		if (!name.endsWith("_receipts")) continue;
		const trying = await collection.countDocuments({ state: "trying" });
		if (trying > 0) pending.push(`${trying} facts that ${name} still tries`);
	}
	const videos = await stage.database.collection("videos").countDocuments({ status: "processing" });
	if (videos > 0) pending.push(`${videos} videos that are being made`);
	const mails = await stage.database.collection("mails").countDocuments({ state: "waiting" });
	if (mails > 0) pending.push(`${mails} mails not sent`);
	const excused = [...stage.fake.books.intents.values()]
		.filter(({ metadata }) => mayBeUnknown.has(metadata.payment_id ?? ""))
		.flatMap(({ id, metadata }) => [id, metadata.payment_id as string]);
	const events = await stage.database
		.collection("payment_events")
		.countDocuments({ state: "received", subjectId: { $nin: excused } });
	if (events > 0) pending.push(`${events} webhooks not applied`);
	const { undelivered } = stage.webhooks;
	if (undelivered > 0) pending.push(`${undelivered} webhooks not delivered`);
	return pending;
}

/**
 * After quiescence: what the buyers were answered, what the provider has and what the database has, held against each
 * other. Captured = paid = enrolled, nobody enrolled who did not pay, each thing once, books that balance; what was
 * uploaded can be watched, what was completed is certified, what was reviewed counts.
 */
export async function judge(
	stage: Stage,
	journal: Journal,
	options: JudgeOptions = {},
): Promise<Verdict> {
	const { withinMs, mayBeParked = () => false, mayBeUnknown, mayMiscount, isSchoolless } = options;
	const from = performance.now();
	const pending = await quiesce(stage, withinMs, mayBeUnknown);
	stage.say(`quiet after ${Math.round(performance.now() - from)} ms`);
	const found = await books(stage, journal, { mayBeUnknown, mayMiscount });
	const school = isSchoolless
		? { broken: [], counts: {} }
		: await schoolBooks(stage, journal, { mayMiscount });
	const parked = await parkedFacts(stage);
	const kinds = [
		pending.map(what => `still under way: ${what}`),
		parked
			.filter(receipt => !mayBeParked(receipt))
			.map(({ _id, name, lastError }) => `${name} ${_id} is parked: ${lastError}`),
		[...new Set(stage.fake.violations)].map(what => `asked Stripe what it does not know: ${what}`),
		...found.broken,
		...school.broken,
		await auditOf(stage, mayBeUnknown),
	];
	const counts = { ...found.counts, ...school.counts, parked: parked.length };
	const broken = kinds.flatMap(shortened);
	journal.judged(broken, stage.log);
	return { broken, counts, parked };
}

async function parkedFacts(stage: Stage): Promise<Raw[]> {
	const names = (await stage.collections()).filter(name => name.endsWith("_receipts"));
	const all = await Promise.all(names.map(name => stage.records(name)));
	return all.flat().filter(({ state }) => state === "parked");
}

/** The product's own audit, as a second opinion. */
async function auditOf(stage: Stage, mayBeUnknown?: ReadonlySet<string>): Promise<string[]> {
	return (await audited(stage))
		.filter(({ subjectId = "" }) => !mayBeUnknown?.has(subjectId))
		.map(
			({ code, subjectId = "", detail }) => `the ledger's audit: ${code} ${subjectId}: ${detail}`,
		);
}

/** What the product's own audit finds; by a call, since of thousands of payments it takes longer than a request may. */
export async function audited({ gateways, node }: Stage): Promise<Difference[]> {
	const token = await admin(gateways.next());
	const call = { headers: { token }, timeout: auditMs };
	const { differences } = await node.broker
		.call<{ differences: Difference[] }, object>("ledger.audit", {}, call)
		.catch((error: Error): { differences: Difference[] } => ({
			differences: [{ code: codeOf(error), detail: error.message }],
		}));
	return differences;
}

export interface Difference {
	code: string | undefined;
	subjectId?: string;
	detail: string;
}

const shown = 20;
const shortened = (all: readonly string[]): string[] =>
	all.length <= shown
		? [...all]
		: [...all.slice(0, shown), `… and ${all.length - shown} more of that kind`];
