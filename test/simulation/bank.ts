import type {
	DisputeSnapshot,
	Failure,
	PaymentProvider,
	ProviderEvent,
	RefundSnapshot,
	Snapshot,
} from "../../services/money/payments/providers/port.ts";
import { type OrderBook, razorpayOn, type Try } from "./razorpay.ts";
import type { Owner, Scheduler } from "./scheduler.ts";

/** Idempotency keys are forgotten after a day. */
const keysLiveMs = 24 * 3_600_000;
/** A request that was on its way for longer than this never arrives. */
const longestWayMs = 60_000;
/** Money for a payment that was closed is asked about for seven days; what comes later only a webhook tells. */
const awaitedMs = 6 * 24 * 3_600_000;
const perPage = 2;

export interface Intent extends Omit<Snapshot, "refunds" | "disputes"> {
	refunds: RefundSnapshot[];
	disputes: DisputeSnapshot[];
	/** ms */
	madeAt: number;
	/** ms */
	paidAt: number;
	/** Whether it can be closed: some means of payment cannot. */
	cancels: boolean;
	/** What it will keep, where it tells that later. */
	dueFee?: number;
	/** Of what is asked for as Razorpay is. */
	order?: OrderBook;
}

type Event = Omit<ProviderEvent, "id">;

/** Takes and gives money, outside of all processes. Keeps its word on keys, and its books by itself. */
export class Bank {
	readonly owner: Owner = { name: "bank" };
	readonly intents = new Map<string, Intent>();
	/** Refused for good, by key: nothing was made. */
	readonly refused = new Set<string>();
	#isDown = false;
	readonly #scheduler: Scheduler;
	readonly #tell: (event: ProviderEvent, isVital: boolean) => void;
	/** When each refund was made, ms. */
	readonly #madeAt = new Map<string, number>();
	#made = 0;

	/** @param tell sends a webhook; nothing but a vital one tells of what happened. */
	constructor(scheduler: Scheduler, tell: (event: ProviderEvent, isVital: boolean) => void) {
		this.#scheduler = scheduler;
		this.#tell = tell;
	}

	/** The bank as one process reaches it: by the product's own provider of Razorpay where the buyer wants that. */
	provider(owner: Owner): PaymentProvider {
		const own = this.#ownProvider(owner);
		const razorpay = razorpayOn(
			{
				all: () => [...this.intents.values()].reverse(),
				open: (key, amountMinor, currency, notes) =>
					this.#open(key, amountMinor, currency, { notes, tries: [] }),
				take: (intent, taken) => this.#take(intent, taken),
				refund: (intent, amountMinor, key) => void this.#refund(intent, amountMinor, key),
				now: () => this.#scheduler.now,
			},
			(what, act) => this.#reach(owner, what, act),
		);
		const of = (id: string) => (id.startsWith("order_") ? razorpay : own);
		return {
			...own,
			create: intent =>
				(intent.method === "razorpay" && razorpay.step(intent.currency) === 1
					? razorpay
					: own
				).create(intent),
			fetch: id => of(id).fetch(id),
			cancel: id => of(id).cancel(id),
			refund: order => of(order.id).refund(order),
		};
	}

	#ownProvider(owner: Owner): PaymentProvider {
		return {
			name: "sandbox",
			step: () => 1,
			create: intent =>
				this.#reach(owner, `make ${intent.key}`, () => {
					const { key, amountMinor, currency } = intent;
					const known = this.byKey(key);
					if (known && this.#scheduler.now - known.madeAt < keysLiveMs)
						return { opened: opened(known) };
					if (!known && (this.refused.has(key) || this.#scheduler.mishap(0.02))) {
						this.refused.add(key);
						return { refused: { id: "no", code: "amount_too_large", message: "Too large" } };
					}
					return { opened: opened(this.#open(key, amountMinor, currency)) };
				}),
			fetch: id => this.#reach(owner, `how ${id} stands`, () => shown(this.#get(id))),
			cancel: id =>
				this.#reach(owner, `cancel ${id}`, () => {
					const intent = this.#get(id);
					if (intent.status === "open" && intent.cancels) intent.status = "canceled";
					return shown(intent);
				}),
			refund: ({ key, id, amountMinor }) =>
				this.#reach(owner, `refund ${amountMinor} of ${id} as ${key}`, () => {
					const intent = this.#get(id);
					const known = intent.refunds.findLast(refund => refund.key === key);
					if (known && this.#scheduler.now - (this.#madeAt.get(known.id) ?? 0) < keysLiveMs)
						return { refund: { ...known } };
					const isDisputed = intent.disputes.some(dispute => dispute.status !== "won");
					const code = isDisputed
						? "charge_disputed"
						: amountMinor > left(intent)
							? "amount_too_large"
							: undefined;
					if (intent.status !== "paid" || code || this.#scheduler.mishap(0.03)) {
						const failure = { id: "no", code: code ?? "refused", message: "The bank says no" };
						return { refused: failure };
					}
					return { refund: { ...this.#refund(intent, amountMinor, key) } };
				}),
			statement: after =>
				this.#reach(owner, "its statement", () => {
					const paid = [...this.intents.values()].filter(intent => intent.status === "paid");
					const from = after ? paid.findIndex(intent => intent.id === after) + 1 : 0;
					const page = paid.slice(from, from + perPage);
					const next = paid.length > from + perPage ? page.at(-1)?.id : undefined;
					return {
						items: page.map(({ id, key, amountMinor, currency, paidAt, refunds }) => ({
							id,
							key,
							amountMinor,
							currency,
							refundedMinor: sumOf(refunds.filter(refund => refund.status !== "failed")),
							paidAt,
						})),
						...(next && { next }),
					};
				}),
			readWebhook: async (_headers, body) => JSON.parse(body.toString()) as ProviderEvent,
			checkSignature: async ({ chargeId }, signature) => signature === `signed ${chargeId}`,
		};
	}

	/** From now on it answers nobody, or everybody again. */
	turn(): void {
		this.#isDown = !this.#isDown;
	}

	/** The last that was made under a key; of orders the first, which is the one that is found. */
	byKey(key: string): Intent | undefined {
		const made = [...this.intents.values()].filter(intent => intent.key === key);
		return made[0]?.order ? made[0] : made.at(-1);
	}

	/** The buyer pays, or the money comes by itself. */
	pay(id: string): void {
		const intent = this.#get(id);
		const isOpen = intent.status === "open" || intent.status === "processing";
		if (intent.order) this.#authorize(intent, intent.order);
		else if (isOpen) this.#paid(intent, `ch_${id}`);
	}

	/** The buyer's bank approves, also of what is closed: Razorpay lets them try. */
	#authorize(intent: Intent, { tries }: OrderBook): void {
		if (intent.status === "paid" || tries.some(({ status }) => status === "authorized")) return;
		tries.unshift({ id: `pay_${++this.#made}`, status: "authorized", at: this.#scheduler.now });
		if (intent.status === "open") intent.status = "processing";
		this.#say(intent, { kind: "failed", type: "payment.authorized" });
	}

	#take(intent: Intent, taken: Try): void {
		taken.status = "captured";
		this.#paid(intent, taken.id);
	}

	#paid(intent: Intent, chargeId: string): void {
		const { now } = this.#scheduler;
		Object.assign(intent, { status: "paid", paidAt: now, chargeId });
		const fee = { amountMinor: 1 + (intent.amountMinor % 97), currency: "EUR" };
		if (this.#scheduler.chance(0.4)) intent.fee = fee;
		else if (this.#scheduler.chance(0.5)) {
			intent.isFeeDue = true;
			intent.dueFee = fee.amountMinor;
		}
		delete intent.failure;
		this.#say(intent, { kind: "paid", type: "payment.paid" });
	}

	/** A slow means of payment. */
	process(id: string): void {
		const intent = this.#get(id);
		if (intent.order) this.#authorize(intent, intent.order);
		if (intent.order || intent.status !== "open") return;
		intent.status = "processing";
		this.#say(intent, { kind: "failed", type: "payment.processing" });
	}

	decline(id: string): void {
		const intent = this.#get(id);
		if (intent.status !== "open" && intent.status !== "processing") return;
		const failure: Failure = {
			id: `decline_${++this.#made}`,
			code: "card_declined",
			message: "No",
		};
		if (intent.order) this.#fail(intent.order, failure.id);
		Object.assign(intent, { status: "open", failure });
		this.#say(intent, { kind: "failed", type: "payment.failed", failure });
	}

	/** What was authorized goes back to the buyer; else a try comes to nothing. */
	#fail({ tries }: OrderBook, id: string): void {
		const authorized = tries.find(({ status }) => status === "authorized");
		if (authorized) authorized.status = "refunded";
		else tries.unshift({ id, status: "failed", at: this.#scheduler.now });
	}

	/** Somebody at the bank gives money back by hand. */
	refundByHand(id: string, amountMinor: number): void {
		const intent = this.#get(id);
		const isDisputed = intent.disputes.some(dispute => dispute.status !== "won");
		if (intent.status === "paid" && !isDisputed && amountMinor > 0 && amountMinor <= left(intent))
			this.#refund(intent, amountMinor);
	}

	/** Ends a refund that is pending, or lets one fail that had succeeded. */
	endRefund(id: string, refundId: string, to: "succeeded" | "failed"): void {
		const intent = this.#get(id);
		const refund = intent.refunds.find(each => each.id === refundId);
		if (!refund || refund.status === "failed" || refund.status === to) return;
		refund.status = to;
		if (to === "failed") refund.failure = refundFailure(refundId);
		this.#say(intent, { kind: "refund", type: `refund.${to}`, objectId: refundId });
	}

	/** The buyer's bank wants the money back. */
	dispute(id: string, amountMinor: number): void {
		const intent = this.#get(id);
		if (intent.status !== "paid" || amountMinor < 1 || amountMinor > left(intent)) return;
		if (intent.disputes.some(dispute => dispute.status === "open")) return;
		const { currency } = intent;
		const dispute = { id: `dp_${++this.#made}`, status: "open", amountMinor, currency } as const;
		intent.disputes.push({ ...dispute });
		this.#say(intent, { kind: "dispute", type: "dispute.open", objectId: dispute.id });
	}

	decide(id: string, disputeId: string, to: "won" | "lost"): void {
		const intent = this.#get(id);
		const dispute = intent.disputes.find(each => each.id === disputeId);
		if (dispute?.status !== "open") return;
		dispute.status = to;
		this.#say(intent, { kind: "dispute", type: `dispute.${to}`, objectId: disputeId });
	}

	tellFee(id: string): void {
		const intent = this.#get(id);
		if (intent.dueFee === undefined) return;
		intent.fee = { amountMinor: intent.dueFee, currency: "EUR" };
		delete intent.dueFee;
		delete intent.isFeeDue;
	}

	/** Nothing that was begun stays undecided. */
	decideAll(): void {
		this.#isDown = false;
		const either = <T>(a: T, b: T): T => (this.#scheduler.chance(0.7) ? a : b);
		for (const { id, refunds, disputes, status } of this.intents.values()) {
			if (status === "processing")
				either(
					() => this.pay(id),
					() => this.decline(id),
				)();
			for (const refund of refunds)
				if (refund.status === "pending")
					this.endRefund(id, refund.id, either("succeeded", "failed"));
			for (const dispute of disputes) this.decide(id, dispute.id, either("lost", "won"));
			this.tellFee(id);
		}
	}

	#open(key: string, amountMinor: number, currency: string, order?: OrderBook): Intent {
		const id = `${order ? "order" : "pi"}_${++this.#made}`;
		const intent: Intent = {
			id,
			key,
			amountMinor,
			currency,
			status: "open",
			madeAt: this.#scheduler.now,
			paidAt: 0,
			cancels: order !== undefined || this.#scheduler.chance(0.6),
			refunds: [],
			disputes: [],
			...(order && { order }),
		};
		this.intents.set(id, intent);
		return intent;
	}

	#refund(intent: Intent, amountMinor: number, key?: string): RefundSnapshot {
		const id = `re_${++this.#made}`;
		const status = this.#scheduler.weighted([
			[75, "succeeded"],
			[18, "pending"],
			[this.#scheduler.isCalm ? 0 : 7, "failed"],
		] as const);
		const refund: RefundSnapshot = {
			id,
			...(key && { key }),
			status,
			amountMinor,
			currency: intent.currency,
			...(status === "failed" && { failure: refundFailure(id) }),
		};
		intent.refunds.push(refund);
		this.#madeAt.set(id, this.#scheduler.now);
		this.#say(intent, { kind: "refund", type: `refund.${status}`, objectId: id });
		return refund;
	}

	/** What payments asks about by itself need not be told; what it does not expect, or no longer, must be. */
	#say(intent: Intent, event: Event): void {
		const isAwaited = this.#scheduler.now - intent.madeAt < awaitedMs;
		const isExpected = event.kind === "failed" || (event.kind === "paid" && isAwaited);
		this.#tell(
			{
				id: `evt_${++this.#made}`,
				gatewayId: intent.id,
				...(!intent.order && { key: intent.key }),
				...event,
			},
			!isExpected,
		);
	}

	#get(id: string): Intent {
		const intent = this.intents.get(id);
		if (!intent) throw new Error(`the bank has no ${id}`);
		return intent;
	}

	/** One request of a process: it may be lost, or its answer, or arrive late, or twice. */
	#reach<T>(owner: Owner, what: string, act: () => T): Promise<T> {
		const scheduler = this.#scheduler;
		const sentAt = scheduler.now;
		const words = () => `asks the bank: ${what}`;
		const later = () =>
			scheduler.add({
				owner: this.owner,
				words: () => `what was asked late or twice: ${what}`,
				go: () => {
					if (scheduler.now - sentAt < longestWayMs) act();
				},
			});
		return new Promise((resolve, reject) => {
			const hear = (go: () => void, said: string) => {
				if (scheduler.chance(0.2)) scheduler.add({ owner, words: () => said, go });
				else go();
			};
			const lost = () =>
				scheduler.chance(0.5) && reject(new Error("connection reset: nothing is known"));
			const answer = () => {
				const value = act();
				hear(() => resolve(value), `hears of the bank: ${what} ${JSON.stringify(value)}`);
			};
			const fates = {
				answered: answer,
				down: () => reject(new Error("connection refused")),
				lost,
				"answer lost": () => {
					act();
					lost();
				},
				late: () => {
					later();
					lost();
				},
				twice: () => {
					later();
					answer();
				},
			};
			scheduler.add({
				owner,
				words,
				orphan: act,
				go: () => {
					if (scheduler.now - sentAt > longestWayMs && !scheduler.isCalm) return lost();
					const fate = scheduler.isCalm
						? "answered"
						: this.#isDown
							? "down"
							: scheduler.weighted([
									[80, "answered"],
									[4, "down"],
									[4, "lost"],
									[5, "answer lost"],
									[4, "late"],
									[3, "twice"],
								] as const);
					if (fate !== "answered") scheduler.note(this.owner, () => `${fate}: ${what}`);
					try {
						fates[fate]();
					} catch (error) {
						reject(error);
					}
				},
			});
		});
	}
}

const opened = ({ id }: Intent) => ({
	id,
	clientSecret: `${id}_secret`,
	checkoutUrl: `https://bank.example/${id}`,
});

const refundFailure = (id: string): Failure => ({
	id: `${id}_failed`,
	code: "expired_or_canceled_card",
	message: "The card does not take it",
});

const sumOf = (items: readonly { amountMinor: number }[]): number =>
	items.reduce((sum, { amountMinor }) => sum + amountMinor, 0);

/** What went back or is on its way, minor units. */
export const refundedOf = ({ refunds }: Intent): number =>
	sumOf(refunds.filter(refund => refund.status !== "failed"));

/** What the buyer's bank holds or took, minor units. */
export const disputedOf = ({ disputes }: Intent): number =>
	sumOf(disputes.filter(dispute => dispute.status !== "won"));

/** What of a paid payment is still there, minor units. */
export const left = (intent: Intent): number =>
	intent.amountMinor - refundedOf(intent) - disputedOf(intent);

function shown({
	madeAt: _made,
	paidAt: _paid,
	cancels: _cancels,
	dueFee: _due,
	...intent
}: Intent): Snapshot {
	return structuredClone(intent);
}
