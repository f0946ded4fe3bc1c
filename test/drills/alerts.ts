import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { missingServices } from "../../kernel/ops.ts";
import { type Person, register, send } from "../support/http.ts";
import type { Drill, Outcome, Run } from "./drill.ts";
import { Alerting } from "./harness/alerting.ts";
import { Buyers } from "./harness/buyers.ts";
import { every, Marks } from "./harness/faults.ts";
import { isSo } from "./harness/hurry.ts";
import { Journal } from "./harness/journal.ts";
import { startLoad } from "./harness/load.ts";
import { readSteadily, readsOf } from "./harness/reads.ts";
import { rounded } from "./harness/results.ts";
import { inFew, Stage } from "./harness/stage.ts";

type FaultName =
	| "killed"
	| "nats"
	| "hung"
	| "slow"
	| "leak"
	| "late"
	| "reused"
	| "parked"
	| "stalled";

interface Size {
	/** How much faster Prometheus' time runs than the mesh's. */
	speed: number;
	/** Under load before the first fault, min of Prometheus' time. */
	healthyFor: number;
	/** What is done, one after the other; those of one list at once. */
	faults: readonly (readonly FaultName[])[];
	purchasesPerSecond: number;
	readsPerSecond: number;
	people: number;
	/** Longest that the load goes on, s. */
	seconds: number;
	/** Longest that a fault may go unnoticed, s. */
	firesWithin: number;
	/** Whether alerts on how long things take may not fire on a healthy mesh; on a machine that does other work they may. */
	timed: boolean;
}

interface Fault {
	/** What fires while it lasts. */
	fires: readonly string[];
	/** What fires when it is mended. */
	firesThen?: readonly string[];
	begin(): unknown;
	mend(): unknown;
}

interface Scene {
	run: Run;
	stage: Stage;
	buyers: Buyers;
	purchasesPerSecond: number;
	/** People each of whom has a refresh token that was spent when the run began. */
	spent: readonly Person[];
}

const resolvesWithinMs = 60_000;
const ofTimes = new Set(["ZeoliteSlow", "ZeoliteLoopLate"]);
const spentTokens = 6;
/** As long as a spent token is taken for a repeat. */
const graceMs = 10_500;
const providerMs = 2_500;

/** What nothing is done to is with the platform. */
const few = inFew({
	"gateway-2": "gateway",
	identity: "identity",
	learning: "learning",
	money: "money",
	engagement: "engagement",
	platform: "platform,content,commerce",
});

/** Every process has something that it can be burdened with. */
const burden = `--import=${pathToFileURL(join(import.meta.dirname, "harness", "burden.ts")).href}`;

/** A fact that no version of its consumer can take: its subject is missing. Seven tries have failed. */
async function park({ stage }: Scene, userId: string): Promise<string> {
	const id = `fct_${crypto.randomUUID()}`;
	const fact = { id, name: "user.rolesChanged", v: 1, at: new Date().toISOString(), data: {} };
	const at = Date.now();
	await stage.database.collection("auth_receipts").insertOne({
		_id: `auth:${id}`,
		factId: id,
		name: fact.name,
		state: "trying",
		tries: 7,
		nextAt: 0,
		at,
		fact: { ...fact, subjectId: userId },
	} as never);
	await stage.database
		.collection("users")
		.updateOne(
			{ _id: userId as never },
			{ $set: { [`outbox.${id}`]: fact }, $inc: { outboxSize: 1 } },
		);
	await stage.ask("users.facts.sweep", { now: true });
	return id;
}

const faultsOf = (scene: Scene): Record<FaultName, Fault> => {
	const { run, stage, buyers, purchasesPerSecond, spent } = scene;
	const victims = ["gateway-2", "identity", "learning", "money", "engagement"].map(name =>
		stage.part(name),
	);
	const [learning, engagement, platform] = ["learning", "engagement", "platform"].map(name =>
		stage.part(name),
	) as [(typeof victims)[0], (typeof victims)[0], (typeof victims)[0]];
	const signal = ({ pid }: (typeof victims)[0], name: NodeJS.Signals) =>
		pid && process.kill(pid, name);
	const slow = new AbortController();
	run.after(() => slow.abort());
	let load: ReturnType<typeof startLoad> | undefined;
	run.after(() => load?.kill());
	let parked = "";
	const [first] = spent as [Person];
	return {
		killed: {
			fires: ["ZeoliteDown", "ZeoliteNodesDie"],
			begin: () => Promise.all(victims.map(part => part.stop("SIGKILL"))),
			mend: () => Promise.all(victims.map(part => part.start())),
		},
		nats: {
			fires: ["ZeoliteNotReady", "ZeoliteNatsLost", "ZeoliteErrors"],
			begin: () => stage.nats.kill("SIGKILL"),
			mend: () => stage.nats.restart(),
		},
		hung: {
			fires: ["ZeoliteShedding", "ZeoliteBreakerOpen"],
			begin() {
				learning.pause();
				load = startLoad({
					bases: [stage.part("gateway-1").url],
					requests: [
						{
							path: "/api/enrollments",
							headers: { authorization: `Bearer ${buyers.people[0]?.token}` },
						},
					],
					steps: [{ perSecond: 300, seconds: 60 }],
					inFlight: 2_000,
					timeoutMs: 15_000,
				});
			},
			mend() {
				load?.kill();
				learning.resume();
			},
		},
		slow: {
			fires: ["ZeoliteSlow"],
			begin() {
				void every(1_000 / purchasesPerSecond, slow.signal, () =>
					stage.fake.next({ on: "POST /v1/payment_intents", applied: true, hangMs: providerMs }),
				);
			},
			mend: () => slow.abort(),
		},
		leak: {
			fires: ["ZeoliteMemory"],
			begin: () => signal(engagement, "SIGUSR2"),
			mend: () => engagement.kill(),
		},
		late: {
			fires: ["ZeoliteLoopLate"],
			begin: () => signal(platform, "SIGWINCH"),
			mend: () => signal(platform, "SIGWINCH"),
		},
		reused: {
			fires: ["ZeoliteRefreshReused"],
			begin: () => Promise.all(spent.map(person => refresh(stage, person))),
			mend() {},
		},
		parked: {
			fires: ["ZeoliteFactsParked"],
			begin: async () => {
				parked = await park(scene, first.id);
			},
			mend: async () => {
				await stage.database
					.collection("auth_receipts")
					.updateOne(
						{ _id: `auth:${parked}` as never },
						{ $set: { "fact.data": { userId: first.id } } },
					);
				await stage.ask("auth.facts.replay", { factId: parked });
			},
		},
		stalled: {
			fires: ["ZeoliteFactsLate"],
			firesThen: ["ZeoliteReceiptsLate"],
			begin: () => engagement.pause(),
			mend: () => engagement.resume(),
		},
	};
};

const refresh = ({ gateways }: Stage, { refreshToken }: Person) =>
	send(gateways.next(), "POST", "/api/auth/refresh", { body: { refreshToken } });

/** Whether every process knows every service, and so does the node of the drill. */
async function isWhole({ parts, node }: Stage): Promise<boolean> {
	const states = await Promise.all(
		[...parts.values()].map(({ url }) =>
			fetch(`${url}/readyz`).then(
				async answer => ((await answer.json()) as { status: string }).status,
				() => "away",
			),
		),
	);
	return states.every(state => state === "ready") && missingServices(node.broker).length === 0;
}

/** People whose refresh tokens have all been used once. */
async function peopleWithSpentTokens(stage: Stage): Promise<Person[]> {
	const people: Person[] = [];
	for (let left = spentTokens; left > 0; left--) {
		const person = await register(stage.gateways.next());
		await refresh(stage, person);
		people.push(person);
	}
	return people;
}

export const alerts: Drill<Size> = {
	name: "alerts",
	title:
		"What each alert is there for, done to the mesh, with deploy/alerts.yaml evaluated by Prometheus' engine",
	mustHold: "each alert fires, and resolves when it is mended; none fires on a healthy mesh",
	small: {
		speed: 120,
		healthyFor: 8,
		faults: [["killed"], ["nats"], ["late", "leak", "reused", "parked"]],
		purchasesPerSecond: 1,
		readsPerSecond: 10,
		people: 4,
		seconds: 60,
		firesWithin: 45,
		timed: false,
	},
	full: {
		speed: 60,
		healthyFor: 30,
		faults: [
			["killed"],
			["nats"],
			["hung"],
			["slow", "reused", "parked"],
			["late", "leak"],
			["stalled"],
		],
		purchasesPerSecond: 2,
		readsPerSecond: 15,
		people: 12,
		seconds: 420,
		firesWithin: 180,
		timed: true,
	},
	defects: {
		"another name": {
			file: "deploy/alerts.yaml",
			from: "expr: zeolite_nats_connected == 0",
			to: "expr: zeolite_nats_link_connected == 0",
			why: "An alert on a metric that nobody exposes never fires",
		},
		"not set": {
			file: "kernel/link-watch.ts",
			from: "metrics.natsConnected.set({ link: name }, isThere ? 1 : 0);",
			to: "metrics.natsConnected.set({ link: name }, 1);",
			why: "A metric that is there and never changes",
		},
		"not counted": {
			file: "services/identity/auth/auth.service.ts",
			from: "this.reused.inc();",
			to: "",
			why: "A counter that stays at 0",
		},
		"fires always": {
			file: "deploy/alerts.yaml",
			from: "zeolite_facts_parked) > 0",
			to: "zeolite_facts_parked) >= 0",
			why: "An alert that fires while all is well is soon read by nobody",
		},
	},

	async run(run, size) {
		const { speed, healthyFor, purchasesPerSecond, people, seconds, firesWithin } = size;
		const stage = await Stage.open(run, {
			env: { NODE_OPTIONS: burden },
			...(!size.timed && { parts: few }),
		});
		const journal = new Journal(run);
		const courses = Math.ceil((purchasesPerSecond * seconds) / people);
		const buyers = await Buyers.open(run, stage, journal, { people, courses, patienceMs: 30_000 });
		const spent = await peopleWithSpentTokens(stage);
		const spentAt = Date.now();
		const stop = new AbortController();
		run.after(() => stop.abort());
		const bought = buyers.rate(purchasesPerSecond, seconds, stop.signal);
		const read = readSteadily(buyers.client, readsOf(buyers), size.readsPerSecond, stop.signal);
		const marks = new Marks();
		const alerting = Alerting.watch(run, stage, speed);
		const broken: string[] = [];
		const figures: Outcome["figures"] = {};

		const evaluations = await alerting.evaluated(healthyFor);
		for (const alert of alerting.all)
			if (
				(size.timed || !ofTimes.has(alert)) &&
				alerting.changes(alert).some(({ state }) => state === "firing")
			)
				broken.push(`${alert} fired on a healthy mesh`);
		run.say(`healthy: ${evaluations} evaluations of ${alerting.all.length} alerts`);

		const resolved: Promise<void>[] = [];
		const resolve = async (fires: readonly string[]) => {
			const from = Date.now();
			for (const alert of await alerting.until(fires, "inactive", resolvesWithinMs))
				broken.push(
					`${alert} is ${alerting.state(alert)} ${resolvesWithinMs / 1_000} s after the mend`,
				);
			run.say(`${fires.join(", ")} resolved after ${rounded((Date.now() - from) / 1_000)} s`);
		};
		const expect = async (fires: readonly string[], from: number) => {
			const silent = await alerting.until(fires, "firing", firesWithin * 1_000);
			for (const alert of fires) {
				const since = alerting.changes(alert).filter(({ at }) => at >= from);
				const fired = since.find(({ state }) => state === "firing");
				if (silent.includes(alert) || !fired) {
					broken.push(`${alert} did not fire within ${firesWithin} s`);
					continue;
				}
				const wasPending = since.some(({ at, state }) => at < fired.at && state === "pending");
				if (wasPending !== alerting.waiting.has(alert))
					broken.push(`${alert} was ${wasPending ? "" : "never "}pending before it fired`);
				figures[`${alert} fires after`] = {
					unit: "min",
					value: rounded(((fired.at - from) * speed) / 60_000),
				};
			}
		};
		const faults = faultsOf({ run, stage, buyers, purchasesPerSecond, spent });
		const strike = async (name: FaultName) => {
			const { fires, firesThen = [], begin, mend } = faults[name];
			if (name === "reused") await pause(Math.max(0, spentAt + graceMs - Date.now()));
			await alerting.until([...fires, ...firesThen], "inactive", resolvesWithinMs);
			const from = Date.now();
			marks.add(name);
			await begin();
			await expect(fires, from);
			run.say(`${name}: ${fires.map(alert => `${alert} ${alerting.state(alert)}`).join(", ")}`);
			const mendedAt = Date.now();
			await mend();
			if (firesThen.length > 0) await expect(firesThen, mendedAt);
			resolved.push(resolve([...fires, ...firesThen]));
		};
		for (const names of size.faults) {
			await isSo(() => isWhole(stage));
			await Promise.all(names.map(strike));
		}
		await Promise.all(resolved);
		stop.abort();
		await Promise.all([bought, read]);
		journal.judged(broken, stage.log);
		return {
			counts: {
				alerts: Object.keys(figures).length,
				evaluations: alerting.evaluations,
				purchases: buyers.ended,
				...journal.counts,
			},
			figures,
			series: [],
			marks: marks.all,
			broken,
		};
	},
};
