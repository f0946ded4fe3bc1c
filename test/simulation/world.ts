import { newId } from "../../kernel/ids.ts";
import { toMajor } from "../../kernel/money/money.ts";
import type { Raw } from "../../kernel/store/collection.ts";
import type { Doc, Model } from "../../kernel/store/model.ts";
import type { EnrollmentDoc } from "../../models/learning/enrollment.model.ts";
import type { PaymentDoc } from "../../models/money/payment.model.ts";
import type { Payment } from "../../services/money/payments/payments.contract.ts";
import type { ProviderEvent } from "../../services/money/payments/providers/port.ts";
import { Bank, left } from "./bank.ts";
import { admin, buy, buyerNamed, courseService, isInnocent, manage } from "./clients.ts";
import { inTimeOf } from "./host.ts";
import { Network } from "./network.ts";
import { contracts, type Domain, SimulatedNode, type Surroundings } from "./node.ts";
import { reachedBy } from "./reached.ts";
import { type Owner, Scheduler } from "./scheduler.ts";
import { drivenBy, Shelf } from "./store.ts";
import { Stream } from "./stream.ts";
import { problemsOf } from "./verdict.ts";
import { Watch } from "./watch.ts";

const start = Date.UTC(2026, 0, 1);
const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const longestChaos = 900;
/** More steps than this is a run that does not come to rest. */
const mostSteps = 40_000;

const everything: readonly Domain[] = ["money", "learning", "engagement"];

/** Which processes there are, and what each of them runs. */
const deployments: readonly (readonly [weight: number, nodes: readonly (readonly Domain[])[]])[] = [
	[35, [everything]],
	[20, [everything, everything]],
	[20, [["money"], ["learning"], ["engagement"]]],
	[25, [["money"], ["money"], ["learning"], ["learning", "engagement"]]],
];

const schedules = [
	"payments.reconcile",
	"payments.applyEvents",
	"payments.expire",
	"payments.facts.sweep",
	"enrollments.facts.sweep",
] as const;

/** A run whose seed shows something that must not be. */
export class Failure extends Error {
	readonly seed: number;
	readonly problems: readonly string[];
	readonly trace: readonly string[] | undefined;

	constructor(seed: number, problems: readonly string[], trace: readonly string[] | undefined) {
		const list = problems.map(problem => `  - ${problem}`).join("\n");
		super(`seed ${seed}, again by npm run simulate -- ${seed}:\n${list}`);
		this.name = "Failure";
		this.seed = seed;
		this.problems = problems;
		this.trace = trace;
	}
}

/** What a run came to. */
export interface Run {
	steps: number;
	/** The same for the same seed. */
	print: string;
	counts: Record<string, number>;
	trace: readonly string[] | undefined;
}

/**
 * Runs one seed: a deployment, its users, its bank and its mishaps, until everything has come to rest.
 * @throws Failure
 */
export async function simulate(seed: number, { trace = false } = {}): Promise<Run> {
	const world = new World(seed, trace);
	return inTimeOf(
		world.scheduler,
		error => world.fail(`nobody hears of: ${(error as Error)?.stack ?? error}`),
		() => world.run(),
	);
}

export class World implements Surroundings {
	readonly scheduler: Scheduler;
	readonly network: Network;
	readonly bank: Bank;
	readonly isEmbedded: boolean;
	/** Payments that clients heard of, by id. */
	readonly known = new Map<string, Payment>();
	/** What the bank can be paid, because somebody was told how; by the bank's id. */
	readonly payable = new Set<string>();
	readonly #seed: number;
	readonly #nodes: SimulatedNode[] = [];
	readonly #deployment: readonly (readonly Domain[])[];
	readonly #shelves = new Map<string, Shelf>();
	readonly #stream: Stream;
	readonly #watch: Watch;
	readonly #operator: Owner = { name: "operator" };
	readonly #prices = new Map<string, { priceMinor: number; currency: string }>();
	readonly #promises: { what: string; broken: () => string | undefined }[] = [];
	readonly #dropped = new Set<string>();
	readonly #counts: Record<string, number> = {};
	#undelivered: { event: ProviderEvent; times: number }[] = [];
	#busy = 0;
	#down: number[] = [];
	#booted = 0;
	readonly #problems: string[] = [];

	constructor(seed: number, trace: boolean) {
		this.#seed = seed;
		this.scheduler = new Scheduler(seed, start + seed * minute, trace);
		const done = (node: SimulatedNode) => this.scheduler.mishap(0.02) && this.#kill(node);
		this.network = new Network(this.scheduler, () => this.#nodes, done);
		this.#stream = new Stream(this.scheduler, done);
		this.bank = new Bank(this.scheduler, (event, isVital) => this.#owe(event, isVital));
		this.#deployment = this.scheduler.weighted(deployments);
		this.isEmbedded = this.#deployment.length === 1;
		this.#watch = new Watch(
			() => ({
				payments: this.documents("payments") as never,
				enrollments: this.documents("enrollments") as never,
			}),
			problem => this.fail(problem),
		);
	}

	fail(problem: string): void {
		this.#problems.push(problem);
	}

	/** Something a client was told, to be held against what is there at the end. */
	promise(what: string, broken: () => string | undefined): void {
		this.#promises.push({ what, broken });
	}

	/** @param most steps */
	think(owner: Owner, most: number): Promise<void> {
		const { scheduler } = this;
		const heldUntil = scheduler.isCalm ? 0 : scheduler.step + scheduler.int(most);
		return new Promise(resolve =>
			scheduler.add({ owner, words: () => "goes on", go: resolve, heldUntil }),
		);
	}

	payment(id: string): PaymentDoc | undefined {
		return this.documents("payments").find(({ _id }) => _id === id) as never;
	}

	seat(userId: string, courseId: string): EnrollmentDoc | undefined {
		const pair = `${userId}:${courseId}`;
		return this.documents("enrollments").find(({ userCourse }) => userCourse === pair) as never;
	}

	documents(collection: string): readonly Raw[] {
		return this.#shelves.get(collection)?.all ?? [];
	}

	isDeclared(action: string, code: string): boolean {
		const { errors = {} } = contracts.action(action) ?? {};
		return code in errors || code === "VALIDATION_ERROR";
	}

	now(): number {
		return this.scheduler.now;
	}

	openDriver(node: SimulatedNode, model: Model<Doc>) {
		const { scheduler } = this;
		const shelf =
			this.#shelves.get(model.name) ??
			new Shelf(model, {
				shuffle: found => (found.length > 1 && scheduler.chance(0.5) ? found.reverse() : found),
				onWrite: (name, before, after) => this.#watch.onWrite(name, before, after),
			});
		this.#shelves.set(model.name, shelf);
		const breaks = () => (node.hasStarted && !this.isEmbedded ? 0.003 : 0);
		return drivenBy(scheduler, node, model.name, shelf, breaks);
	}

	async call(node: SimulatedNode, action: string, params: object, headers: object) {
		return (await this.network.call(node, action, params, headers)).value;
	}

	pipe(node: SimulatedNode) {
		return this.#stream.pipe(node);
	}

	provider(node: SimulatedNode) {
		return this.bank.provider(node);
	}

	describeCourse(id: string): object {
		const { priceMinor = 0, currency = "USD" } = this.#prices.get(id) ?? {};
		return {
			id,
			title: id,
			description: "",
			price: toMajor(priceMinor, currency),
			priceMinor,
			currency,
			status: "published",
			teacherId: "usr_teacher",
		};
	}

	warned(node: SimulatedNode, message: string, error: unknown): void {
		this.scheduler.note(node, () => `warns: ${message} (${(error as Error)?.message ?? error})`);
		if (/ cannot become /.test(message)) this.fail(message);
	}

	async run(): Promise<Run> {
		const { scheduler } = this;
		// What made ids before is forgotten, so that the first of this run is the same each time.
		newId("none", 0);
		for (const index of this.#deployment.keys()) this.#boot(index);
		await this.#rest(scheduler.now);
		this.#openForBusiness();
		for (let step = 0; step < longestChaos && this.#busy > 0; step++) {
			if (scheduler.chance(0.12)) this.#happen();
			await this.#step();
		}
		await this.#calm();
		this.#judge(await this.#audit());
		this.#check();
		return {
			steps: scheduler.step,
			print: `${scheduler.step} ${scheduler.now} ${scheduler.random()}`,
			counts: { ...this.#counts, ...reachedBy(name => this.documents(name)) },
			trace: scheduler.trace,
		};
	}

	#openForBusiness(): void {
		const { scheduler } = this;
		this.#prices.set("crs_1", { priceMinor: 9_999, currency: "USD" });
		this.#prices.set("crs_2", { priceMinor: 1 + scheduler.int(700), currency: "KWD" });
		const users = scheduler.pick([["usr_ann"], ["usr_ann"], ["usr_ann", "usr_bob"]]);
		const work = users.flatMap(id => {
			const buyer = buyerNamed(this, id);
			const courses = scheduler.chance(0.2)
				? ["crs_1", "crs_2"]
				: [scheduler.pick(["crs_1", "crs_2"])];
			return courses.map(course => buy(this, buyer, course));
		});
		for (const done of [...work, manage(this, admin(this))]) {
			this.#busy++;
			done.then(
				() => void this.#busy--,
				error => this.fail(`a client breaks: ${(error as Error).stack}`),
			);
		}
	}

	#boot(index: number): void {
		const { scheduler } = this;
		const runs = this.#deployment[index] as readonly Domain[];
		const skewMs = this.isEmbedded ? 0 : scheduler.int(4_000) - 2_000;
		const name = `${this.isEmbedded ? "process" : runs.join("+")} ${++this.#booted}`;
		const node = new SimulatedNode(name, runs, this, skewMs);
		this.#nodes[index] = node;
		scheduler.note(node, () => "starts");
		scheduler.owner = node;
		node.start().catch(error => this.fail(`${name} does not start: ${(error as Error).stack}`));
	}

	#crash(): void {
		const up = this.#nodes.filter(node => node.isUp);
		if (up.length > 0) this.#kill(this.scheduler.pick(up));
	}

	#kill(node: SimulatedNode): void {
		const index = this.#nodes.indexOf(node);
		if (!node.isUp) return;
		this.#count("crashes");
		this.scheduler.note(node, () => "DIES");
		node.isUp = false;
		this.#down.push(index);
		this.scheduler.bury(node, !this.isEmbedded);
		this.#stream.lose(node);
		this.network.lose(node);
	}

	/** Something that nobody asked for. */
	#happen(): void {
		const { scheduler, bank } = this;
		const happenings: readonly (readonly [number, () => void])[] = [
			[28, () => this.#passTime()],
			[36, () => this.#runSchedule(scheduler.pick(schedules))],
			[12, () => this.#deliverSome()],
			[18, () => this.#actOfBank()],
			[4, () => this.#crash()],
			[this.#down.length > 0 ? 30 : 0, () => this.#boot(this.#down.pop() as number)],
			[2, () => bank.turn()],
			[1.5, () => this.#askAsService()],
			[1.5, () => this.#changePrice()],
		];
		scheduler.weighted(happenings)();
	}

	#passTime(): void {
		const ms = this.scheduler.weighted([
			[20, second],
			[25, 6 * second],
			[25, 35 * second],
			[12, 6 * minute],
			[9, hour],
			[5, 9 * hour],
			[3, 25 * hour],
			[0.7, 8 * day],
			[0.3, 31 * day],
		] as const);
		this.scheduler.note(this.#operator, () => `time passes: ${ms / second} s`);
		if (ms > minute) this.scheduler.passLong(ms);
		else this.scheduler.pass(ms);
	}

	#runSchedule(action: string): void {
		const service = action.split(".")[0] as string;
		const able = this.#nodes.filter(node => node.isUp && node.services.has(service));
		if (able.length === 0) return;
		const node = this.scheduler.pick(able);
		this.scheduler.note(node, () => `runs ${action}`);
		this.scheduler.owner = node;
		node
			.run(action, action.endsWith("reconcile") ? { now: this.scheduler.chance(0.3) } : {})
			.answer.catch(error => isInnocent(error) || this.fail(`${action} breaks: ${error.stack}`));
	}

	#actOfBank(): void {
		const { scheduler, bank } = this;
		const intents = [...bank.intents.values()].filter(({ id }) => this.payable.has(id));
		if (intents.length === 0) return;
		const intent = scheduler.pick(intents);
		const { id, refunds, disputes } = intent;
		const amount = () => (scheduler.chance(0.4) ? left(intent) : scheduler.int(left(intent) + 1));
		const refund = refunds.length > 0 ? scheduler.pick(refunds) : undefined;
		const dispute = disputes.length > 0 ? scheduler.pick(disputes) : undefined;
		const end = scheduler.chance(0.6) ? "succeeded" : "failed";
		const [words, act] = scheduler.weighted<readonly [string, () => void]>([
			[6, ["late money", () => bank.pay(id)]],
			[2, ["a decline", () => bank.decline(id)]],
			[2, ["a refund by hand", () => bank.refundByHand(id, amount())]],
			[5, ["a dispute", () => bank.dispute(id, amount())]],
			[
				4,
				[
					"a decision",
					() => dispute && bank.decide(id, dispute.id, scheduler.pick(["won", "lost"])),
				],
			],
			[
				5,
				[
					"the end of a refund",
					() => refund?.status === "pending" && bank.endRefund(id, refund.id, end),
				],
			],
			[3, ["a refund that comes back", () => refund && bank.endRefund(id, refund.id, "failed")]],
			[2, ["the fee", () => bank.tellFee(id)]],
		]);
		scheduler.note(bank.owner, () => `${words}: ${id}`);
		act();
	}

	/** Another system completes an enrollment, or takes it away. */
	#askAsService(): void {
		if (this.known.size === 0) return;
		const { id: paymentId, userId, courseId = "" } = this.scheduler.pick([...this.known.values()]);
		const service = courseService(this);
		if (this.scheduler.chance(0.7))
			return void service.ask("enrollments.complete", { userId, courseId, paymentId });
		this.#dropped.add(`${userId}:${courseId}`);
		const gives = this.scheduler.chance(0.5) && { paymentId };
		void service.ask("enrollments.drop", { userId, courseId, ...gives });
	}

	#changePrice(): void {
		for (const price of this.#prices.values()) price.priceMinor += this.scheduler.int(50);
	}

	/** A webhook is owed until it is answered; some of what can be asked about is never sent. */
	#owe(event: ProviderEvent, isVital: boolean): void {
		if (!isVital && this.scheduler.mishap(0.2)) return;
		this.#undelivered.push({ event, times: 0 });
		if (this.scheduler.chance(0.6)) this.#deliverSome();
	}

	#deliverSome(): void {
		for (const owed of this.#undelivered)
			if (this.scheduler.isCalm || this.scheduler.chance(0.5)) this.#deliver(owed);
	}

	#deliver(owed: { event: ProviderEvent; times: number }): void {
		const { event } = owed;
		const body = Buffer.from(JSON.stringify(event)).toString("base64");
		owed.times++;
		this.#count("webhooks");
		this.network
			.call(this.bank.owner, "payments.webhook", { provider: "sandbox", headers: {}, body }, {})
			.then(
				() => {
					// What was answered must be written: whoever answered may die at once.
					if (this.scheduler.mishap(0.08)) this.#crash();
					if (this.scheduler.mishap(0.2)) return;
					this.#undelivered = this.#undelivered.filter(other => other !== owed);
				},
				error => {
					if (!isInnocent(error)) this.fail(`a webhook is refused: ${error.cause?.stack ?? error}`);
				},
			);
	}

	/** Nothing goes wrong any more: everything that was begun has its end. */
	async #calm(): Promise<void> {
		const { scheduler, bank } = this;
		scheduler.note(this.#operator, () => "ALL IS CALM");
		scheduler.isCalm = true;
		for (const index of this.#down.splice(0)) this.#boot(index);
		await this.#rest(scheduler.now + 30 * second);
		bank.decideAll();
		const waits = [second, 40 * second, 40 * second, 11 * minute, 2 * hour, 25 * hour, 2 * hour];
		const more = [8 * day, 2 * hour, 2 * hour, 2 * hour];
		for (const wait of [...waits, ...more]) {
			await this.#rest(scheduler.now + wait);
			bank.decideAll();
			this.#deliverSome();
			for (const event of this.documents("payment_events"))
				if (event.state === "parked") this.#askOperator("payments.replayEvent", { id: event._id });
			for (const action of schedules) {
				this.#runSchedule(action);
				await this.#rest(scheduler.now + 5 * second);
			}
		}
		if (this.#busy > 0) this.fail(`${this.#busy} clients wait for ever`);
	}

	#askOperator(action: string, params: object): void {
		void admin(this).ask(action, params);
	}

	/** Until nothing is pending and no timer rings before an instant. */
	async #rest(until: number): Promise<void> {
		await this.scheduler.settle();
		while (await this.#step(until));
		if (until > this.scheduler.now) this.scheduler.pass(until - this.scheduler.now);
	}

	async #step(until?: number): Promise<boolean> {
		const went = this.scheduler.take(until);
		await this.scheduler.settle();
		if (this.scheduler.step > mostSteps) this.fail("it does not come to rest");
		this.#check();
		return went;
	}

	/** The product's own audit of its books. */
	async #audit(): Promise<{ ok: boolean; differences: unknown[] }> {
		const asked = admin(this).ask("ledger.audit", {});
		await this.#rest(this.scheduler.now + second);
		const heard = await asked;
		return heard && "value" in heard
			? heard.value
			: { ok: false, differences: ["the audit does not answer"] };
	}

	#judge(audit: { ok: boolean; differences: unknown[] }): void {
		if (!audit.ok) this.fail(`the audit finds ${JSON.stringify(audit.differences)}`);
		if (this.#undelivered.length > 0)
			this.fail(`${this.#undelivered.length} webhooks are refused for ever`);
		const consumers = new Set(this.#nodes.flatMap(({ services }) => [...services]));
		for (const played of ["courses", "mail"]) consumers.delete(played);
		const found = problemsOf({
			bank: this.bank,
			facts: this.#watch.facts,
			consumers,
			dropped: this.#dropped,
			documents: name => this.documents(name),
		});
		for (const problem of found) this.fail(problem);
		for (const { what, broken } of this.#promises) {
			const problem = broken();
			if (problem) this.fail(`${what}, and ${problem}`);
		}
	}

	#check(): void {
		if (this.#problems.length > 0)
			throw new Failure(this.#seed, this.#problems, this.scheduler.trace);
	}

	#count(what: string): void {
		this.#counts[what] = (this.#counts[what] ?? 0) + 1;
	}
}
