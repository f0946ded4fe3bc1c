import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Part } from "../../deploy/split.ts";
import { root } from "../support/node.ts";
import type { Drill, Outcome, Run } from "./drill.ts";
import { Exchange } from "./harness/exchange.ts";
import { Marks } from "./harness/faults.ts";
import { Journal } from "./harness/journal.ts";
import { newNotice, nextVersion, promisesBroken, versionOf } from "./harness/releases.ts";
import { inFew, Stage } from "./harness/stage.ts";
import { Traffic, type TrafficSize } from "./harness/traffic.ts";
import { judge } from "./harness/verdict.ts";

interface Size extends TrafficSize {
	/** Parts that are brought to the new version, and those that are taken back, in this order. */
	forth: string[];
	back: string[];
	/** How long old and new serve side by side, each time. */
	besideMs: number;
	/** Longest wait for quiescence at the end. */
	quietWithinMs: number;
	/** Whether the version that `OLD` names, a commit, is brought to this one too. */
	withOld: boolean;
	/** All in few processes. */
	isSmall?: boolean;
}

/** Two versions of the sources, by directory. */
interface Pair {
	old: string;
	new: string;
	/** In figures: `from 296cf36`; empty for the next version. */
	name: string;
}

/** Domains first, gateways last: a gateway offers only what some process can answer. */
const all = ["identity", "learning", "money", "engagement", "platform", "gateway-1", "gateway-2"];
const laterMs = 5_000;
/** Each of those that are exchanged has a domain besides its own. */
const few = inFew({
	"gateway-2": "gateway",
	learning: "learning,commerce",
	money: "money",
	engagement: "engagement,content",
});

export const versions: Drill<Size> = {
	name: "versions",
	title: "Two versions side by side, upgrade and rollback process by process",
	mustHold: "0 failed",
	small: {
		forth: ["learning", "engagement", "money"],
		back: ["learning"],
		besideMs: 500,
		quietWithinMs: 30_000,
		withOld: false,
		people: 4,
		courses: 16,
		purchases: 1,
		reads: 20,
		kept: 2,
		patienceMs: 20_000,
		isSmall: true,
	},
	full: {
		forth: all,
		back: all.toReversed(),
		besideMs: 5_000,
		quietWithinMs: 120_000,
		withOld: true,
		people: 25,
		courses: 60,
		purchases: 4,
		reads: 100,
		kept: 8,
	},
	defects: {
		"a new demand": {
			file: "services/learning/enrollments/enrollments.contract.ts",
			from: "params: quoteParams,",
			to: "params: Type.Required(quoteParams),",
			why: "The new enrollments demand of payments what only new payments send",
		},
		"a fact's field renamed": {
			file: "services/money/payments/told.ts",
			from: '"payment.captured", {\n\t\t...about(payment),',
			to: '"payment.captured", {\n\t\tpaymentId: payment.id,\n\t\tbuyerId: payment.userId,\n\t\tpayable: payment.payable,',
			why: "Consumers look for who paid under the old name",
		},
	},

	async run(run, size) {
		const next = { old: root, new: nextVersion(run), name: "" };
		const outcome = await exchanged(run, size, next);
		const commit = process.env.OLD;
		if (!size.withOld || !commit || run.sources) return outcome;
		const dir = versionOf(run, commit);
		if (!dir) {
			run.say(`skipped: this history does not reach back to ${commit}`);
			return outcome;
		}
		const name = ` from ${commit}`;
		const older = await exchanged(run, size, { old: dir, new: root, name });
		return both(outcome, older, name);
	},
};

/** Upgrades a mesh of the old version and takes it back, under load. */
async function exchanged(run: Run, size: Size, pair: Pair): Promise<Outcome> {
	const { split } = size.isSmall
		? { split: few }
		: ((await import(join(pair.old, "deploy/split.ts"))) as { split: Part[] });
	const forth = size.forth.filter(name => split.some(part => part.name === name));
	const back = size.back.filter(name => forth.includes(name));
	const stage = await Stage.open({ ...run, sources: pair.old }, { parts: split, files: true });
	const journal = new Journal(run);
	const isSchoolless = !existsSync(join(pair.old, "services/content"));
	const traffic = await Traffic.open(run, stage, journal, { ...size, isSchoolless });
	const marks = new Marks();
	const exchange = new Exchange(stage, marks);
	const roll = async (names: string[], sources: string, way: string) => {
		for (const name of names) {
			const { drainMs, code } = await exchange.replace(name, sources, size.besideMs);
			run.say(`${name} ${way}${pair.name}: exit ${code}, drained in ${drainMs} ms`);
		}
		await pause(size.besideMs);
	};
	const isNext = pair.name === "";
	traffic.start();
	await roll(forth, pair.new, "brought forth");
	const refused = isNext ? await notAnswered(stage, traffic, forth) : [];
	const known = traffic.buyers.purchases.filter(p => (p.enrolledAt ?? Infinity) < Date.now());
	if (isNext) await pause(back.includes("engagement") ? laterMs : 0);
	await roll(back, pair.old, "taken back");
	await traffic.stop();
	run.say(`not ok: ${JSON.stringify(journal.codes)}`);

	const verdict = await judge(stage, journal, { withinMs: size.quietWithinMs, isSchoolless });
	const notices = isNext ? await noticesOf(stage) : new Map<string, number>();
	const broken = [
		...(await promisesBroken(pair.old, pair.new)),
		...exchange.broken,
		...traffic.broken,
		...refused,
		...(isNext ? known : [])
			.filter(({ paymentId = "" }) => notices.get(paymentId) !== 1)
			.map(
				({ paymentId }) => `${paymentId}: ${notices.get(paymentId ?? "") ?? 0} notices of a fee`,
			),
		...verdict.broken,
	];
	journal.judged(broken, stage.log);
	return {
		counts: {
			exchanges: exchange.made.length,
			...traffic.counts,
			...verdict.counts,
			"notices of the new consumer": notices.size,
		},
		figures: { ...exchange.figures, ...traffic.figures(exchange) },
		series: traffic.series(marks),
		marks: marks.all,
		broken,
	};
}

/** What the new version has and a gateway, once all is new, does not give. */
async function notAnswered(stage: Stage, { buyers }: Traffic, forth: readonly string[]) {
	if (!forth.includes("gateway-1") || !forth.includes("gateway-2")) return [];
	const path = `/api/courses/${buyers.courses[0]}/brief`;
	const answers = await Promise.all(
		stage.gateways.ready.map(async url => {
			const { status, statusText } = await fetch(`${url}${path}`);
			return status === 200 ? [] : [`the new route was answered ${status} ${statusText}`];
		}),
	);
	return answers.flat();
}

/** How many notices the new consumer made of each payment. */
async function noticesOf(stage: Stage): Promise<Map<string, number>> {
	const counts = new Map<string, number>();
	for (const { type, data } of await stage.records("notifications"))
		if (type === newNotice) counts.set(data.paymentId, (counts.get(data.paymentId) ?? 0) + 1);
	return counts;
}

/** Two runs as one: what the second one has is named after its version. */
function both(first: Outcome, second: Outcome, name: string): Outcome {
	const named = <T>(record: Record<string, T>) =>
		Object.fromEntries(Object.entries(record).map(([key, value]) => [`${key}${name}`, value]));
	return {
		counts: { ...first.counts, ...named(second.counts) },
		figures: { ...first.figures, ...named(second.figures) },
		series: first.series,
		marks: first.marks,
		broken: [...first.broken, ...second.broken.map(line => `${name.trim()}: ${line}`)],
	};
}
