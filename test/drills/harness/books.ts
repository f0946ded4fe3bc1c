import type { Leg } from "../../../models/money/transfer.model.ts";
import type { Intent } from "../../support/stripe/objects.ts";
import type { Journal } from "./journal.ts";
import type { Raw, Stage } from "./stage.ts";

/** What is there, read once. */
interface Found {
	payments: ReadonlyMap<string, Raw>;
	seats: readonly Raw[];
	transfers: readonly Raw[];
	notices: readonly Raw[];
	events: readonly Raw[];
	courses: readonly Raw[];
	/** What the provider has of each payment, by our id. */
	intents: ReadonlyMap<string, Intent[]>;
	/** What the provider gave back, by its id of the payment, minor units. */
	givenBack: ReadonlyMap<string, number>;
	/** How often it gave something back, by its id of the payment. */
	refunds: ReadonlyMap<string, number>;
}

/** What need not hold where an older copy of the database came back. */
export interface Excuses {
	/** Payments, by our id, that the provider knows and the mesh need not. */
	mayBeUnknown?: ReadonlySet<string> | undefined;
	/** Whether a course may count its seats wrong, until the next enrollment in it. */
	mayMiscount?: boolean | undefined;
}

/** Holds provider, database and journal against each other. @returns sentences by kind, and how much there is of each. */
export async function books(
	stage: Stage,
	journal: Journal,
	{ mayBeUnknown = new Set(), mayMiscount = false }: Excuses = {},
): Promise<{ broken: string[][]; counts: Record<string, number> }> {
	const found = await read(stage);
	const captured = [...found.payments.values()].filter(({ capturedAt }) => capturedAt);
	const enrolled = found.seats.filter(({ status }) => status !== "dropped");
	const wrong = [...miscounted(found, enrolled)];
	return {
		broken: [
			[...paidAndNotCaptured(found, mayBeUnknown)],
			[...capturedAndNotPaid(found, captured)],
			[...paidAndNotEnrolled(found, captured)],
			[...enrolledAndNotPaid(found, mayBeUnknown)],
			[...doubled(found, captured)],
			[...misbooked(found, captured, mayBeUnknown)],
			[...balances(stage, found, mayBeUnknown)],
			[...untold(found, captured)],
			mayMiscount ? [] : wrong,
			[...(mayBeUnknown.size > 0 ? [] : unkept(stage, found))],
			[...forgotten(journal, found, mayBeUnknown)],
		],
		counts: {
			captured: captured.length,
			enrolled: enrolled.length,
			transfers: found.transfers.length,
			notices: found.notices.length,
			events: found.events.length,
			...(mayMiscount && { "courses that count wrong": wrong.length }),
		},
	};
}

async function read(stage: Stage): Promise<Found> {
	const { books } = stage.fake;
	const givenBack = new Map<string, number>();
	const refunds = new Map<string, number>();
	for (const { payment_intent: id, amount, status } of books.refunds.values()) {
		if (status !== "succeeded") continue;
		givenBack.set(id, (givenBack.get(id) ?? 0) + amount);
		refunds.set(id, (refunds.get(id) ?? 0) + 1);
	}
	return {
		payments: new Map((await stage.records("payments")).map(p => [p._id, p])),
		seats: await stage.records("enrollments"),
		transfers: await stage.records("ledger_transfers"),
		notices: await stage.records("notifications"),
		events: await stage.records("payment_events"),
		courses: await stage.records("courses"),
		intents: Map.groupBy(books.intents.values(), i => i.metadata.payment_id as string),
		givenBack,
		refunds,
	};
}

const isPaid = ({ status }: Intent): boolean => status === "succeeded";

function* paidAndNotCaptured({ payments, intents }: Found, mayBeUnknown: ReadonlySet<string>) {
	for (const [id, [intent]] of intents) {
		if (!intent || !isPaid(intent) || mayBeUnknown.has(id)) continue;
		const payment = payments.get(id);
		if (!payment) yield `${id} is paid (${intent.id}) and no payment of that id is there`;
		else if (!payment.capturedAt) yield `${id} is paid (${intent.id}) and ${payment.status} here`;
	}
}

function* capturedAndNotPaid({ intents }: Found, captured: readonly Raw[]) {
	for (const { _id, gatewayId, amountMinor } of captured) {
		const intent = intents.get(_id)?.find(i => i.id === gatewayId);
		if (!intent || !isPaid(intent)) yield `${_id} is captured and not paid at the provider`;
		else if (intent.amount_received !== amountMinor)
			yield `${_id} is captured at ${amountMinor}, paid at ${intent.amount_received}`;
	}
}

function* paidAndNotEnrolled({ seats, givenBack }: Found, captured: readonly Raw[]) {
	const byPayment = new Map(seats.flatMap(s => Object.keys(s.payments ?? {}).map(id => [id, s])));
	for (const { _id, gatewayId, userId, payable, amountMinor } of captured) {
		const seat = byPayment.get(_id);
		const isWhole = (givenBack.get(gatewayId) ?? 0) < amountMinor;
		if (!seat) yield `${_id} is captured and bought no seat`;
		else if (seat.userId !== userId || seat.courseId !== payable.id)
			yield `${_id} bought the seat of another: ${seat._id}`;
		else if (isWhole && seat.status === "dropped" && seat.payments[_id] === "captured")
			yield `${_id} is captured and its seat ${seat._id} is dropped`;
	}
}

/** A fact from after the copy may have told of a payment that the copy does not know: its buyer did pay. */
function* enrolledAndNotPaid(
	{ seats, payments, intents }: Found,
	mayBeUnknown: ReadonlySet<string>,
) {
	const isPaidThere = (id: string) => mayBeUnknown.has(id) && intents.get(id)?.some(isPaid);
	for (const { _id, payments: paidBy = {}, status } of seats) {
		const ids = Object.keys(paidBy);
		for (const id of ids)
			if (!payments.get(id)?.capturedAt && !isPaidThere(id))
				yield `${_id} is a seat for ${id}, which is not captured`;
		if (ids.length === 0 && status !== "dropped") yield `${_id} is a seat that nobody paid`;
	}
}

/** Everything that may be there once and is there more often. */
function* doubled({ seats, intents, transfers, events }: Found, captured: readonly Raw[]) {
	yield* more("seats of", seats, seat => `${seat.userId} ${seat.courseId}`);
	yield* more("entries", transfers, ({ key }) => key);
	yield* more("webhooks", events, ({ event }) => event.id);
	const kept = captured.filter(({ status }) => status === "captured");
	yield* more("payments captured for", kept, ({ payableKey }) => payableKey);
	for (const [id, all] of intents)
		if (all.length > 1) yield `${all.length} payments at the provider for ${id}`;
}

function* more(what: string, all: readonly Raw[], key: (of: Raw) => string) {
	for (const [name, same] of Map.groupBy(all, key))
		if (same.length > 1) yield `${same.length} ${what} ${name}`;
}

const amountOf = ({ legs }: Raw): number => (legs as Leg[])[0]?.amountMinor ?? 0;
const sumOf = (entries: readonly Raw[]): number => entries.reduce((s, e) => s + amountOf(e), 0);

/** The journal of money has each capture, fee and refund of each payment, and nothing else. */
function* misbooked(
	{ transfers, payments, givenBack }: Found,
	captured: readonly Raw[],
	mayBeUnknown: ReadonlySet<string>,
) {
	const bySubject = Map.groupBy(transfers, ({ subjectId }) => subjectId as string);
	for (const { _id, amountMinor, fee, gatewayId } of captured) {
		const own = Map.groupBy(bySubject.get(_id) ?? [], ({ kind }) => kind as string);
		const booked = (kind: string) => sumOf(own.get(kind) ?? []);
		if (booked("capture") !== amountMinor)
			yield `${_id} is captured at ${amountMinor} and booked at ${booked("capture")}`;
		if (booked("fee") !== (fee?.amountMinor ?? 0))
			yield `${_id} has a fee of ${fee?.amountMinor ?? 0}, booked at ${booked("fee")}`;
		const back = booked("refund") - booked("refund_reversal");
		const given = givenBack.get(gatewayId) ?? 0;
		if (back !== given) yield `${_id} was given back ${given}, booked at ${back}`;
	}
	for (const id of bySubject.keys())
		if (!payments.get(id)?.capturedAt && !mayBeUnknown.has(id))
			yield `${id} is in the journal and not captured`;
	for (const { _id, legs } of transfers) {
		const sum = (legs as Leg[]).reduce(
			(s, l) => s + (l.direction === "debit" ? l.amountMinor : -l.amountMinor),
			0,
		);
		if (sum !== 0) yield `the entry ${_id} is off by ${sum}`;
	}
}

/** What the ledger says the provider holds is what the provider's own balance is. */
function* balances(
	{ fake }: Stage,
	{ transfers, payments, intents }: Found,
	mayBeUnknown: ReadonlySet<string>,
) {
	const isKnown = (id: string) => payments.has(id) || !mayBeUnknown.has(id);
	const charges = new Map<string, string>();
	for (const [id, all] of intents)
		for (const intent of all) if (intent.latest_charge) charges.set(intent.latest_charge, id);
	const refunds = fake.books.refunds;
	let theirs = 0;
	for (const { net, source } of fake.books.transactions.values()) {
		const charge = refunds.get(source)?.charge ?? source;
		if (isKnown(charges.get(charge) ?? "")) theirs += net;
	}
	let ours = 0;
	for (const { legs, subjectId } of transfers)
		for (const { account, direction, amountMinor } of legs as Leg[])
			if (account === "provider:stripe:clearing" && isKnown(subjectId))
				ours += direction === "debit" ? amountMinor : -amountMinor;
	if (ours !== theirs) yield `the ledger has ${ours} at the provider, the provider ${theirs}`;
}

/** One notice of each kind for each purchase, and one for each refund. */
function* untold({ notices, seats, refunds }: Found, captured: readonly Raw[]) {
	const refunded = Map.groupBy(
		notices.filter(({ type }) => type === "payment.refunded"),
		({ data }) => data.paymentId as string,
	);
	for (const { _id, gatewayId } of captured) {
		const [told, made] = [refunded.get(_id)?.length ?? 0, refunds.get(gatewayId) ?? 0];
		if (told !== made) yield `${_id}: ${told} notices of ${made} refunds`;
	}
	const paid = Map.groupBy(
		notices.filter(({ type }) => type === "payment.captured"),
		({ data }) => data.paymentId as string,
	);
	for (const { _id } of captured) {
		const told = paid.get(_id)?.length ?? 0;
		if (told !== 1) yield `${_id}: ${told} notices that it is paid`;
	}
	const opened = Map.groupBy(
		notices.filter(({ type }) => type === "enrollment.activated"),
		({ data }) => data.enrollmentId as string,
	);
	for (const { _id, status } of seats) {
		const told = opened.get(_id)?.length ?? 0;
		if (status !== "dropped" && told !== 1) yield `${_id}: ${told} notices that it is open`;
	}
}

function* miscounted({ courses }: Found, enrolled: readonly Raw[]) {
	const byCourse = Map.groupBy(enrolled, ({ courseId }) => courseId as string);
	for (const { _id, enrollmentCount = 0 } of courses) {
		const there = byCourse.get(_id)?.length ?? 0;
		if (enrollmentCount !== there) yield `${_id} counts ${enrollmentCount} of ${there} seats`;
	}
}

/** Every event that was answered 2xx is kept. */
function* unkept({ fake, webhooks }: Stage, { events }: Found) {
	if (webhooks.undelivered > 0) return;
	const kept = new Set(events.map(({ event }) => event.id));
	for (const { id, type } of fake.books.events)
		if (!kept.has(id)) yield `the webhook ${id} (${type}) was taken and is not kept`;
}

/** Every attempt that was answered ok is there, and nobody gave up. */
function* forgotten(
	journal: Journal,
	{ payments, seats }: Found,
	mayBeUnknown: ReadonlySet<string>,
) {
	const taken = new Set(seats.map(({ userId, courseId }) => `${userId} ${courseId}`));
	for (const { step, outcome, paymentId = "", buyer, courseId, code } of journal.entries) {
		const isExcused = mayBeUnknown.has(paymentId);
		if (step === "order" && outcome === "ok" && !payments.has(paymentId) && !isExcused)
			yield `${buyer} was given the payment ${paymentId}, which is not there`;
		if (step === "enrolled" && !taken.has(`${buyer} ${courseId}`) && !isExcused)
			yield `${buyer} was enrolled in ${courseId} and has no seat`;
		if (step === "gave up" && !isExcused) yield `${buyer} gave up ${courseId}: ${code}`;
	}
}
