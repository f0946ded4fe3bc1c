import assert from "node:assert/strict";
import { platformProblem, problem } from "../../../kernel/errors.ts";
import { Collection, type Driver, type OutgoingFact } from "../../../kernel/store/collection.ts";
import { type PaymentDoc, PaymentModel } from "../../../models/money/payment.model.ts";
import {
	payments as contract,
	type PaymentStatus,
} from "../../../services/money/payments/payments.contract.ts";
import type {
	PaymentProvider,
	RefundOrder,
	RefundSnapshot,
	Snapshot,
} from "../../../services/money/payments/providers/port.ts";
import { Reconciler } from "../../../services/money/payments/reconciler.ts";
import { type Owner, Refunds } from "../../../services/money/payments/refunds.ts";
import { statusOf, transitions } from "../../../services/money/payments/states.ts";
import { Till, type TillNeeds, type Wanted } from "../../../services/money/payments/till.ts";
import { memoryDriver } from "../../support/memory.ts";

const user = "usr_1";
const course = { kind: "course", id: "crs_1" };

/** A process of which each call outside counts; at the end of its budget it dies, before or after that call. */
export class Process {
	#left: number;
	readonly #dies: "before" | "after";
	dead = false;

	constructor(calls: number, dies: "before" | "after") {
		this.#left = calls;
		this.#dies = dies;
	}

	async run<T>(call: () => Promise<T>): Promise<T> {
		if (this.dead) throw new Error("the process is dead");
		const last = this.#left-- === 0;
		if (last) this.dead = true;
		if (last && this.#dies === "before") throw new Error("the process dies");
		const result = await call();
		if (this.dead) throw new Error("the process died");
		return result;
	}
}

const mortal = <T extends object>(target: T, process: Process): T =>
	new Proxy(target, {
		get(_, name) {
			const value = Reflect.get(target, name) as unknown;
			if (typeof value !== "function") return value;
			if (name === "step") return value.bind(target);
			return (...args: unknown[]) => process.run(() => Reflect.apply(value, target, args));
		},
	});

/** Lets through only changes of status that the table has. */
function watched(driver: Driver): Driver {
	let last: Promise<unknown> = Promise.resolve();
	return {
		...driver,
		update(guard, change) {
			const turn = last.then(async () => {
				const before = (await driver.find({}, {})) as unknown as (PaymentDoc & { _id: string })[];
				const after = (await driver.update(guard, change)) as unknown as
					| (PaymentDoc & { _id: string })
					| null;
				const was = before.find(doc => doc._id === after?._id);
				if (after && was) assertAllowed(was, after);
				return after as never;
			});
			last = turn.catch(() => {});
			return turn;
		},
	};
}

function assertAllowed(was: PaymentDoc, is: PaymentDoc): void {
	assert.ok(
		was.status === is.status || transitions[was.status].includes(is.status),
		`${was.status} became ${is.status}`,
	);
	assert.equal(is.status, statusOf(is), "the status does not follow");
	if (was.capturedAt) assert.equal(is.capturedAt, was.capturedAt, "captured twice");
	if (was.gatewayId) assert.equal(is.gatewayId, was.gatewayId, "another payment at the provider");
}

export type Behaviour = "answers" | "is down" | "loses its answer";

/** A provider in memory: keeps its word on idempotency, and is as unreliable as it is told to be. */
export class Bank implements PaymentProvider {
	readonly name = "bank";
	readonly intents = new Map<string, Snapshot>();
	/** What the next calls do, first to last; then it answers. */
	next: Behaviour[] = [];
	refuses = false;
	/** How new refunds stand. */
	refunds: RefundSnapshot["status"] = "succeeded";
	/** Whether an open payment can be closed there. */
	cancels = true;
	calls: string[] = [];

	async create({ key, amountMinor, currency }: Parameters<PaymentProvider["create"]>[0]) {
		return this.#behave("create", () => {
			if (this.refuses)
				return { refused: { id: "r", code: "amount_too_large", message: "Too large" } };
			const id = `pi_${key}`;
			if (!this.intents.has(id))
				this.intents.set(id, {
					id,
					key,
					status: "open",
					amountMinor,
					currency,
					refunds: [],
					disputes: [],
				});
			return { opened: { id, clientSecret: `${id}_secret`, checkoutUrl: `https://bank/${id}` } };
		});
	}

	async fetch(id: string) {
		return this.#behave("fetch", () => this.#get(id));
	}

	async cancel(id: string) {
		return this.#behave("cancel", () => {
			if (this.#get(id).status === "open" && this.cancels) this.set(id, { status: "canceled" });
			return this.#get(id);
		});
	}

	step(): number {
		return 1;
	}

	async refund({ key, id, amountMinor, currency }: RefundOrder) {
		return this.#behave("refund", () => {
			const { refunds } = this.#get(id);
			const known = refunds.find(refund => refund.key === key);
			if (known) return { refund: known };
			const left = this.left(id);
			if (this.refuses || amountMinor > left)
				return { refused: { id: "r", code: "refused", message: "The bank says no" } };
			const refund = { id: `re_${key}`, key, status: this.refunds, amountMinor, currency };
			this.set(id, { refunds: [...refunds, refund] });
			return { refund };
		});
	}

	async statement() {
		const paid = [...this.intents.values()].filter(intent => intent.status === "paid");
		return {
			items: paid.map(({ id, key, amountMinor, currency }) => ({
				id,
				key,
				amountMinor,
				currency,
				refundedMinor: amountMinor - this.left(id),
				paidAt: 0,
			})),
		};
	}

	async readWebhook() {
		return null;
	}

	/** What of a paid payment was not given back, minor units. */
	left(id: string): number {
		const { amountMinor, refunds } = this.#get(id);
		return refunds
			.filter(refund => refund.status !== "failed")
			.reduce((left, refund) => left - refund.amountMinor, amountMinor);
	}

	/** What a refund comes to, by its key or the bank's id. */
	endRefund(id: string, which: string, status: "succeeded" | "failed"): void {
		const refunds = this.#get(id).refunds.map(refund =>
			refund.key === which || refund.id === which ? { ...refund, status } : refund,
		);
		this.set(id, { refunds });
	}

	async checkSignature({ chargeId }: { chargeId: string | undefined }, signature: string) {
		return chargeId !== undefined && signature === `signed ${chargeId}`;
	}

	/** What the buyer or the bank does by itself. */
	set(id: string, change: Partial<Snapshot>): void {
		this.intents.set(id, { ...this.#get(id), ...change });
	}

	pay(id: string): void {
		const { status } = this.#get(id);
		if (status === "open" || status === "processing")
			this.set(id, { status: "paid", chargeId: `ch_${id}` });
	}

	#get(id: string): Snapshot {
		const intent = this.intents.get(id);
		if (!intent) throw new Error(`the bank has no ${id}`);
		return { ...intent };
	}

	async #behave<T>(call: string, act: () => T): Promise<T> {
		this.calls.push(call);
		const behaviour = this.next.shift() ?? "answers";
		if (behaviour === "is down") throw new Error("connection refused");
		const result = act();
		await Promise.resolve();
		if (behaviour === "loses its answer") throw new Error("connection reset");
		return result;
	}
}

export interface World {
	bank: Bank;
	till: Till;
	payments: Collection<PaymentDoc>;
	clock: { ms: number; now(): number };
	refused: [PaymentStatus, PaymentStatus][];
	refunds: Refunds;
	reconciler: Reconciler;
	/** What was bought: how much is unused, and the refund that freezes it. */
	thing: Thing;
	/** The till of a process that dies. */
	doomed(process: Process): Till;
	/** The refunds of a process that dies. */
	doomedRefunds(process: Process): Refunds;
	wanted(change?: Partial<Wanted>): Wanted;
	facts(): Promise<(OutgoingFact & { subject: string })[]>;
}

/** Who owns what was bought. */
export class Thing implements Owner {
	part = 63;
	heldBy: string | undefined;
	isAway = false;

	async usage() {
		return { part: this.part, of: 100, progressPercentage: 100 - this.part };
	}

	async hold(_: PaymentDoc, refundId: string) {
		if (this.isAway) throw platformProblem("SERVICE_UNAVAILABLE", { retryAfter: 1 });
		if (this.heldBy !== undefined && this.heldBy !== refundId)
			throw problem(contract, "REFUND_PENDING");
		this.heldBy = refundId;
		return this.usage();
	}

	async release(_: PaymentDoc, refundId: string) {
		if (this.heldBy === refundId) this.heldBy = undefined;
	}
}

export async function world(needs: Partial<TillNeeds> = {}): Promise<World> {
	const driver = watched(await memoryDriver(PaymentModel));
	const payments = new Collection(PaymentModel, driver);
	const bank = new Bank();
	const clock = { ms: Date.UTC(2026, 0, 1), now: () => clock.ms };
	const refused: World["refused"] = [];
	let made = 0;
	const thing = new Thing();
	const deskOf = (documents: Collection<PaymentDoc>, provider: PaymentProvider, owner: Owner) => {
		const common = {
			payments: documents,
			providers: new Map([["bank", provider]]),
			clock,
			by: "test",
			onRefused: (from: PaymentStatus, to: PaymentStatus) => void refused.push([from, to]),
			warn: () => {},
			...needs,
		};
		const till = new Till(common);
		const refunds = new Refunds({ ...common, till, owner, windowDays: 30 });
		return { till, refunds, reconciler: new Reconciler({ ...common, till, refunds }) };
	};
	const doomedDesk = (process: Process) =>
		deskOf(
			new Collection(PaymentModel, mortal(driver, process)),
			mortal(bank, process),
			mortal(thing, process),
		);
	return {
		bank,
		...deskOf(payments, bank, thing),
		thing,
		payments,
		clock,
		refused,
		doomed: process => doomedDesk(process).till,
		doomedRefunds: process => doomedDesk(process).refunds,
		wanted: change => ({
			id: `pay_${++made}`,
			userId: user,
			payable: course,
			method: "stripe",
			provider: "bank",
			quote: { amountMinor: 9_999, currency: "USD", title: "A course" },
			...change,
		}),
		async facts() {
			for (const { outbox = {}, outboxSize = 0 } of await driver.find({}, {}))
				assert.equal(Object.keys(outbox as object).length, outboxSize, "a fact was written twice");
			const docs = await payments.outboxes(1_000);
			return docs.flatMap(doc => doc.facts.map(fact => ({ ...fact, subject: doc.id })));
		},
	};
}
