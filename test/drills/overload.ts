import { register, send } from "../support/http.ts";
import type { Drill, Run } from "./drill.ts";
import { metricsOf } from "./harness/gauges.ts";
import { type LoadReport, type LoadRequest, startLoad } from "./harness/load.ts";
import { rounded } from "./harness/results.ts";
import { inFew, Stage } from "./harness/stage.ts";

interface Size {
	/** Shares of the capacity that are asked for, one after the other. */
	shares: readonly number[];
	/** At each of them, s. */
	seconds: number;
	/** Where the search for the capacity begins, per second; the capacity itself where it is not searched. */
	reads: number;
	signUps: number;
	isSearched: boolean;
}

const growth = 1.5;
const leastGoodput = 0.8;
const longestRecoverySeconds = 5;

/** One kind of work, and what is asked of it. */
interface Work {
	name: string;
	request: LoadRequest;
	/** Where the search begins, per second. */
	from: number;
	/** Makes an account. */
	isMaking: boolean;
}

const load = (stage: Stage, { request }: Work, from: number, steps: [number, number][]) =>
	startLoad({
		bases: [...stage.gateways.all],
		requests: [request],
		steps: steps.map(([perSecond, seconds]) => ({ perSecond, seconds })),
		inFlight: 4_000,
		timeoutMs: 15_000,
		from,
	});

/** What the mesh can answer at most, per second: rates grow until answers do not. */
async function capacity(stage: Stage, work: Work, seconds: number): Promise<[number, number]> {
	let best = 0;
	let sent = 0;
	for (let rate = work.from; ; rate = Math.ceil(rate * growth)) {
		const report = await load(stage, work, sent, [[rate, seconds]]).report;
		sent += report.arrivals;
		const perSecond = report.ok / Math.max(seconds, report.seconds);
		best = Math.max(best, perSecond);
		if (perSecond < rate * 0.85) return [best, sent];
	}
}

/** Seconds from the fall of the load until all that is asked is answered again, and stays so. */
function recovery({ perSecond }: LoadReport, fallsAt: number, rate: number): number {
	const after = perSecond.filter(({ at, arrivals }) => at >= fallsAt && arrivals > 0);
	const last = after.findLastIndex(({ ok }) => ok < rate * 0.9);
	return last + 1;
}

/**
 * Answers a second in the time from `start` on, s. They count when they come: by when they were due, a step that fills the
 * queue would look as if the mesh could do that for ever.
 */
function answeredIn({ perSecond }: LoadReport, start: number, seconds: number): number {
	const part = perSecond.filter(({ at }) => at >= start && at < start + seconds);
	return part.reduce((sum, { ok }) => sum + ok, 0) / seconds;
}

async function measure(run: Run, stage: Stage, work: Work, { seconds, shares, isSearched }: Size) {
	const [most, sent] = isSearched ? await capacity(stage, work, seconds) : [work.from, 0];
	run.say(`${work.name}: ${rounded(most)} a second at most`);
	const before = (await stage.records("users")).length;
	const rates = shares.map(share => Math.max(1, Math.round(most * share)));
	const steps = rates.map((rate): [number, number] => [rate, seconds]);
	const report = await load(stage, work, sent, steps).report;
	const goodput = rates.map((_, step) => answeredIn(report, step * seconds, seconds));
	const at = shares.indexOf(Math.max(...shares));
	const peak = Math.max(...goodput.slice(0, at + 1));
	const fallsAt = seconds * (shares.length - 1);
	return {
		report,
		before,
		peak,
		kept: (goodput[at] as number) / peak,
		recoverySeconds: recovery(report, fallsAt, rates.at(-1) as number),
		heavy: report.steps[at] as LoadReport["steps"][number],
	};
}

/** Calls that took too long, of which nobody knows what they did. */
async function timeOuts({ parts }: Stage): Promise<number> {
	let count = 0;
	for (const { url } of parts.values())
		for (const [name, value] of await metricsOf(url))
			if (name.startsWith("moleculer_request_timeout_total")) count += value;
	return count;
}

/** What is answered otherwise than well, or by a refusal that says when to come back. */
const wrongAnswers = ({ failed, shedBare, cut, timedOut }: LoadReport) => ({
	failed,
	"refused without Retry-After": shedBare,
	cut,
	"timed out": timedOut,
});

/** What is asked for has a process each. */
const few = inFew({ "gateway-2": "gateway", identity: "identity", learning: "learning" });

export const overload: Drill<Size> = {
	name: "overload",
	title: "Half to three times of what the mesh can answer, and back, at constant arrival rates",
	mustHold: "goodput at 3 × at least 80 % of peak, recovery within 5 s",
	small: { shares: [3], seconds: 5, reads: 300, signUps: 30, isSearched: false },
	full: { shares: [0.5, 1, 2, 3, 0.5], seconds: 12, reads: 300, signUps: 15, isSearched: true },
	defects: {
		"a place is not given back": {
			file: "services/gateway/api/shedding.ts",
			from: 'response.on("finish", leave).on("close", leave);',
			to: "void leave;",
			why: "A gateway that counts what it has answered as under way refuses everything in the end",
		},
		"refused without a word": {
			file: "services/gateway/api/problems.ts",
			from: 'headers: status === 503 ? { "retry-after": String(retryAfter) } : {},',
			to: "headers: {},",
			why: "A client that is not told when to come back comes back at once",
		},
	},

	async run(run, size) {
		const stage = await Stage.open(run, size.isSearched ? {} : { parts: few });
		const teacher = await register(stage.gateways.next(), "teacher");
		const { body: course } = await send(stage.gateways.next(), "POST", "/api/courses", {
			token: teacher.token,
			body: { title: "A course that everybody reads", price: 99.99 },
		});
		const works: Work[] = [
			{
				name: "reads",
				isMaking: false,
				from: size.reads,
				request: { path: `/api/courses/${course.id}` },
			},
			{
				name: "sign-ups",
				isMaking: true,
				from: size.signUps,
				request: {
					method: "POST",
					path: "/api/auth/register",
					body: { email: `o{i}@example.com`, password: "password123" },
				},
			},
		];
		const broken: string[] = [];
		const counts: Record<string, number> = {};
		const figures: Record<string, { unit: string; value: number }> = {};
		const series = [];
		for (const work of works) {
			const { report, before, peak, kept, recoverySeconds, heavy } = await measure(
				run,
				stage,
				work,
				size,
			);
			for (const [what, count] of Object.entries(wrongAnswers(report))) {
				counts[`${work.name} ${what}`] = count;
				if (count > 0)
					broken.push(
						`${count} ${work.name} ${what}: ${JSON.stringify({ ...report.statuses, ...report.cuts })}`,
					);
			}
			Object.assign(counts, {
				[`${work.name} sent`]: report.arrivals,
				[`${work.name} ok`]: report.ok,
				[`${work.name} refused`]: report.shed,
			});
			Object.assign(figures, {
				[`${work.name}, peak`]: { unit: "1/s", value: rounded(peak) },
				[`${work.name} at 3 ×, of peak`]: { unit: "%", value: rounded(100 * kept) },
				[`${work.name} at 3 ×, median`]: { unit: "ms", value: heavy.latency?.median ?? 0 },
				[`${work.name} at 3 ×, p99`]: { unit: "ms", value: heavy.latency?.p99 ?? 0 },
				[`${work.name}, recovery`]: { unit: "s", value: recoverySeconds },
				[`${work.name}, generator late, p99`]: { unit: "ms", value: report.lateness?.p99 ?? 0 },
			});
			for (const what of ["arrivals", "ok", "shed"] as const)
				series.push({
					name: `${work.name} ${what === "shed" ? "refused" : what}`,
					unit: "1/s",
					points: report.perSecond.map((s): [number, number] => [s.at, s[what]]),
				});
			const made = (await stage.records("users")).length - before;
			const isTold = made >= report.ok && made <= report.ok + (await timeOuts(stage));
			if (work.isMaking && !isTold)
				broken.push(`${made} accounts were made, and ${report.ok} people were told so`);
			const after = await load(stage, work, report.arrivals * 10, [[5, 2]]).report;
			if (after.ok < after.arrivals)
				broken.push(`${work.name} after the load: ${JSON.stringify(after.statuses)}`);
			const crashed = [...stage.parts.values()].filter(({ deaths }) => deaths > 0);
			for (const { name, deaths } of crashed) broken.push(`${name} ended ${deaths} times`);
			if (!size.isSearched) continue;
			if (kept < leastGoodput)
				broken.push(`${work.name}: ${rounded(100 * kept)} % of the peak are left at 3 ×`);
			if (recoverySeconds > longestRecoverySeconds)
				broken.push(`${work.name}: it took ${recoverySeconds} s to recover`);
		}
		return { counts, figures, series, marks: [], broken };
	},
};
