import { setTimeout as pause } from "node:timers/promises";
import { eventually } from "../support/http.ts";
import { random } from "../support/random.ts";
import type { Drill, Outcome } from "./drill.ts";
import { Buyers } from "./harness/buyers.ts";
import { Marks } from "./harness/faults.ts";
import { Journal } from "./harness/journal.ts";
import { type LoadReport, startLoad } from "./harness/load.ts";
import type { StagePart } from "./harness/parts.ts";
import { rounded, spread } from "./harness/results.ts";
import { inFew, Stage } from "./harness/stage.ts";

interface Size {
	kills: number;
	/** Without the sentinel, for comparison. */
	unwatched: number;
	perSecond: number;
}

/** When somebody let go of a node that was killed. */
interface Noticed {
	who: "operator" | "gateway";
	/** Since the kill. */
	ms: number;
	/** By the node's own conclusion from missing heartbeats; a gateway does not tell. */
	unexpected?: boolean;
}

const noticeMs = 50;
/** Longest wait until a dead node is noticed: heartbeats take 12 s. */
const longestMs = 30_000;
/** The operator hears of it at once; a gateway's registry is asked so often, the first second and later. */
const askMs = [5, 100] as const;

/** What dies, and who tells of it, have a process each. */
const few = inFew({ "gateway-2": "gateway", learning: "learning", platform: "platform" });

export const detection: Drill<Size> = {
	name: "detection",
	title: "SIGKILL of one of two learning nodes under steady reads, with the sentinel and without",
	mustHold: "noticed within 50 ms (median) with the sentinel, 0 failed reads",
	small: { kills: 3, unwatched: 0, perSecond: 50 },
	full: { kills: 10, unwatched: 3, perSecond: 200 },
	defects: {
		"goodbye not published": {
			file: "services/platform/sentinel/sentinel.service.ts",
			from: "await sayGoodbyeFor(this.broker as never, nodeId);",
			to: "",
			why: "A death that the sentinel keeps to itself is noticed by missing heartbeats alone",
		},
		"a link without a name": {
			file: "moleculer.config.ts",
			from: "natsLink(env.NATS_URL, linkName(env.NAMESPACE, nodeID))",
			to: "natsLink(env.NATS_URL, String(linkName(env.NAMESPACE, nodeID).length))",
			why: "Whose link ended cannot be read off NATS's advisory",
		},
		"a read is asked once": {
			file: "kernel/middlewares/retry.ts",
			from: 'return kind === "read" ? retryable === true : notBegun',
			to: "return notBegun",
			why: "What was under way at the node that died is not asked of the other",
		},
	},

	async run(run, size) {
		const stage = await Stage.open(run, size === detection.full ? {} : { parts: few });
		const journal = new Journal(run);
		const buyers = await Buyers.open(run, stage, journal, { people: 4, courses: 1 });
		await buyers.drive(4, 4);
		const victims = [stage.part("learning"), await stage.add("learning")];
		await eventually(
			() => stage.ask("sentinel.watch"),
			({ state }) => state === "watching",
		);
		const marks = new Marks();
		const next = random(run.seed);
		const kill = async (victim: StagePart): Promise<Noticed[]> => {
			await pause(500 + next() * 500);
			const noticed = await killed(stage, victim);
			const took = noticed.map(({ who, ms }) => `${who} ${ms} ms`);
			marks.add(victim.name);
			run.say(`${victim.name} killed: ${took.join(", ")}`);
			await victim.ready();
			return noticed;
		};
		const series = async (times: number): Promise<{ noticed: Noticed[]; report: LoadReport }> => {
			const load = reads(stage, buyers, size.perSecond);
			run.after(() => load.kill());
			const noticed: Noticed[] = [];
			for (let i = 0; i < times; i++)
				noticed.push(...(await kill(victims[i % victims.length] as StagePart)));
			await pause(500);
			load.stop();
			return { noticed, report: await load.report };
		};

		const watched = await series(size.kills);
		const outcome = told(watched.noticed, watched.report, size);
		if (size.unwatched === 0) return { ...outcome, marks: marks.all };
		const from = Math.ceil(marks.seconds());
		marks.add("the sentinel stopped");
		await stage.part("platform").stop();
		const { noticed, report } = await series(size.unwatched);
		return {
			...outcome,
			counts: { ...outcome.counts, ...countsOf(report, " without the sentinel") },
			figures: {
				...outcome.figures,
				...figuresOf(noticed, report, " without the sentinel"),
			},
			series: [...outcome.series, slowest(report, from, " without the sentinel")],
			marks: marks.all,
		};
	},
};

/** Courses and seats, as they are read most, through both gateways. */
function reads(stage: Stage, { people, courses }: Buyers, perSecond: number) {
	const paths = [
		"/api/courses",
		`/api/courses/${courses[0]}`,
		"/api/enrollments",
		`/api/enrollments/course/${courses[0]}`,
	];
	const requests = people.flatMap(({ token }) =>
		paths.map(path => ({ path, headers: { authorization: `Bearer ${token}` } })),
	);
	return startLoad({
		bases: [...stage.gateways.all],
		requests,
		steps: [{ perSecond, seconds: 600 }],
		inFlight: 1_000,
		timeoutMs: 15_000,
	});
}

/** Kills it; resolves when the operator's node and both gateways have let go of it. */
async function killed(stage: Stage, victim: StagePart): Promise<Noticed[]> {
	const id = victim.nodeId as string;
	const { broker } = stage.node;
	const gateways = stage.running("gateway").map(({ nodeId }) => nodeId as string);
	const signal = AbortSignal.timeout(longestMs);
	const from = performance.now();
	const since = () => rounded(performance.now() - from);
	const never = () => ({ ms: longestMs, unexpected: true });

	const heard = new Promise<Noticed>(resolve => {
		const onGone = (gone: { node: { id: string }; unexpected: boolean }) => {
			if (gone.node.id !== id) return;
			broker.localBus.off("$node.disconnected", onGone);
			resolve({ who: "operator", ms: since(), unexpected: gone.unexpected });
		};
		broker.localBus.on("$node.disconnected", onGone);
		signal.addEventListener("abort", () => resolve({ who: "operator", ...never() }));
	});
	const asked = async (nodeID: string): Promise<Noticed> => {
		while (!signal.aborted) {
			const nodes = await broker.call<{ id: string; available: boolean }[], object>(
				"$node.list",
				{},
				{ nodeID },
			);
			if (!nodes.some(node => node.id === id && node.available))
				return { who: "gateway", ms: since() };
			await pause(askMs[since() < 1_000 ? 0 : 1]);
		}
		return { who: "gateway", ...never() };
	};
	const gone = victim.kill();
	const [noticed] = await Promise.all([Promise.all([heard, ...gateways.map(asked)]), gone]);
	return noticed;
}

const failures = ({ failed, shed, cut, timedOut, notSent }: LoadReport): number =>
	failed + shed + cut + timedOut + notSent;

const countsOf = (report: LoadReport, when = ""): Record<string, number> => ({
	[`reads${when}`]: report.arrivals,
	[`failed reads${when}`]: failures(report),
});

function figuresOf(noticed: readonly Noticed[], { latency }: LoadReport, when = "") {
	const by = (who: Noticed["who"]) => noticed.filter(n => n.who === who).map(({ ms }) => ms);
	return {
		[`noticed${when}`]: spread(by("operator"), "ms"),
		[`let go of by gateways${when}`]: spread(by("gateway"), "ms"),
		[`slowest read${when}`]: { unit: "ms", value: rounded(latency?.max ?? 0) },
		[`read, p99${when}`]: { unit: "ms", value: rounded(latency?.p99 ?? 0) },
	};
}

const slowest = ({ perSecond }: LoadReport, from = 0, when = ""): Outcome["series"][number] => ({
	name: `slowest read${when}`,
	unit: "ms",
	points: perSecond.map(({ at, latency }) => [from + at, rounded(latency?.max ?? 0)]),
});

function told(noticed: readonly Noticed[], report: LoadReport, size: Size): Outcome {
	const broken = noticed
		.filter(({ unexpected }) => unexpected)
		.map(({ ms }) => `a node that died was let go of by its missing heartbeats, after ${ms} ms`);
	const failed = failures(report);
	if (failed > 0)
		broken.push(
			`${failed} of ${report.arrivals} reads failed: ${JSON.stringify({ ...report.statuses, ...report.cuts })}`,
		);
	const heard = spread(
		noticed.filter(({ who }) => who === "operator").map(({ ms }) => ms),
		"ms",
	);
	if (size === detection.full && "median" in heard && heard.median > noticeMs)
		broken.push(`noticed after ${heard.median} ms (median), not ${noticeMs}`);
	return {
		counts: { kills: size.kills, ...countsOf(report) },
		figures: figuresOf(noticed, report),
		series: [slowest(report)],
		marks: [],
		broken,
	};
}
