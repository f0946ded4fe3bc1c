import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import mongoose from "mongoose";
import { systemClock } from "../../kernel/clock.ts";
import { codeOf } from "../../kernel/errors.ts";
import { derivedId, newId } from "../../kernel/ids.ts";
import type { Node } from "../../kernel/node.ts";
import type { WebhookDoc } from "../../mixins/webhook-inbox.mixin.ts";
import type { PaymentDoc } from "../../models/money/payment.model.ts";
import type { ProviderEvent } from "../../services/money/payments/providers/port.ts";
import { stripeProvider } from "../../services/money/payments/providers/stripe.ts";
import { stripeEnv } from "../support/counters.ts";
import { settled } from "../support/crash-journey.ts";
import { type Fate, fates, givenBack } from "../support/fates.ts";
import { eventually, type Person, register } from "../support/http.ts";
import { type Market, openMeshMarket, tally } from "../support/market.ts";
import { random } from "../support/random.ts";
import { needs } from "../support/servers.ts";
import {
	type FakeStripe,
	needsFakeStripe,
	startFakeStripe,
} from "../support/stripe/fake-stripe.ts";
import type { StripeEvent } from "../support/stripe/objects.ts";
import { type Signing, sign } from "../support/stripe/webhooks.ts";

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
const deliveries = 10;
const parallel = 32;
/** `npm run storm` has 20, who make 2,000 events. */
const people = Number(process.env.STORM ?? 10);
const courses = 20;
const eventsOfEach = 5 * courses;
/**
 * One cycle of fates in so many is of payments that are not there when their first events come. Here a payment is
 * written down before Stripe is asked for it, so that a webhook finds none only where that write is gone: the store came
 * back from a copy, or answers from a member that lags. Stripe has these payments under ids that follow from the seeds
 * of requests which come later, as a client's repeat does, and finds its own payment by its key then.
 */
const unborn = 5;
/** How many of those are made only after the last delivery. */
const lateBorn = 20;
/** How often each of their events is delivered before any of them is made. */
const early = 2;
/** Of each kind that must be refused. */
const bad = 100;
const newerSecret = "whsec_the_one_that_is_rotated_in";

/** A payment that a buyer wants, and its fate. */
interface Plan {
	id: string;
	gatewayId: string;
	fate: Fate;
	buyer: Person;
	courseId: string;
	/** Under which the request for it is made, where Stripe has it first. */
	seed?: string;
}

/** All that lies in one collection of the mesh's database. */
// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever is there
type Records = <T = any>(collection: string) => Promise<(T & { _id: string })[]>;

/** Does it for all, so many at once. */
async function each<T>(
	items: readonly T[],
	work: (item: T, i: number) => Promise<unknown>,
	atOnce = 8,
) {
	let next = 0;
	const worker = async () => {
		for (let i = next++; i < items.length; i = next++) await work(items[i] as T, i);
	};
	await Promise.all(Array.from({ length: atOnce }, worker));
}

function shuffled<T>(items: readonly T[], next: () => number): T[] {
	const list = [...items];
	for (let last = list.length - 1; last > 0; last--) {
		const other = Math.floor(next() * (last + 1));
		[list[last], list[other]] = [list[other] as T, list[last] as T];
	}
	return list;
}

interface Letter {
	event: StripeEvent;
	signing: Signing & { secret: string };
}

/** Posts events to the gateways in turn, each signed as it goes out. @returns how often each status was answered. */
async function post(gateways: readonly string[], letters: readonly Letter[]) {
	const statuses: string[] = [];
	await each(
		letters,
		async ({ event, signing }, i) => {
			const { headers, body } = sign(event, signing);
			const url = `${gateways[i % gateways.length]}/webhooks/stripe`;
			// What a gateway or a node behind it has no time for, Stripe sends again.
			const { status } = await eventually(
				async () => {
					const answer = await fetch(url, { method: "POST", headers, body });
					await answer.arrayBuffer();
					return answer;
				},
				answer => answer.status !== 503,
			);
			statuses.push(String(status));
		},
		parallel,
	);
	return tally(statuses);
}

/** Asks the mesh for a payment, as its buyer's gateway would, and again while the provider or the mesh does not answer. */
async function request(node: Node, { seed, buyer, courseId }: Plan): Promise<string> {
	const params = { courseId, paymentMethod: "stripe" };
	const headers = { token: buyer.token, ...(seed && { seed }) };
	for (let tries = 0; ; tries++)
		try {
			return ((await node.broker.call("payments.create", params, { headers })) as { id: string })
				.id;
		} catch (error) {
			const isLate = /^(SERVICE_UNAVAILABLE|REQUEST_TIMEOUT)$/.test(codeOf(error) ?? "");
			if (!isLate || tries === 5) throw error;
		}
}

const subjectOf = ({ data: { object } }: StripeEvent): string =>
	"payment_intent" in object ? (object.payment_intent as string) : object.id;

/** All that Stripe plays for all payments, before any of it is told. */
async function playAll(market: Market, node: Node, fake: FakeStripe): Promise<Plan[]> {
	const provider = stripeProvider({
		secretKey: fake.secretKey,
		webhookSecrets: [],
		apiBase: fake.url,
		clock: systemClock,
	});
	const buyers = await Promise.all(Array.from({ length: people }, () => register(market.at(0))));
	const shelf = await Promise.all(Array.from({ length: courses }, () => market.course()));
	const plans = buyers.flatMap((buyer, b) =>
		shelf.map((courseId, c): Plan => {
			const index = b * courses + c;
			const cycle = Math.floor(index / fates.length);
			const fate = fates[index % fates.length] as Fate;
			const isUnborn = cycle % unborn === 0;
			const plan: Plan = { id: "", gatewayId: "", fate, buyer, courseId };
			return isUnborn ? { ...plan, seed: newId("req") } : plan;
		}),
	);
	await each(plans, async plan => {
		if (plan.seed) {
			plan.id = derivedId("pay", plan.seed, "1");
			const intent = {
				key: plan.id,
				method: "stripe",
				amountMinor: 9_999,
				currency: "USD",
			} as const;
			const answer = await provider.create({ ...intent, title: "Test Course" });
			assert.ok("opened" in answer, JSON.stringify(answer));
			plan.gatewayId = answer.opened.id;
		} else {
			plan.id = await request(node, plan);
			const made = [...fake.books.intents.values()].find(i => i.metadata.payment_id === plan.id);
			plan.gatewayId = made?.id as string;
		}
		plan.fate.play(fake, plan.gatewayId);
	});
	await giveBack(market, fake, plans);
	return plans;
}

/** Refunds that Stripe takes its time for: ours, and those by hand where the payment does not exist here yet. */
async function giveBack(market: Market, fake: FakeStripe, all: readonly Plan[]): Promise<void> {
	const plans = all.filter(({ fate }) => fate === givenBack);
	fake.holdRefunds();
	await each(plans, async ({ id, gatewayId, buyer: { token }, seed }, i) => {
		if (seed) return fake.refundByHand(gatewayId);
		await eventually(
			() => market.post(`/api/payments/${id}/verify`, {}, token, i),
			({ status, body }) => status === 200 && body.enrollment !== null,
		);
		const { status, body } = await market.post(`/api/payments/${id}/refund`, {}, token, i);
		assert.equal(status, 202, JSON.stringify(body));
	});
	fake.passRefunds();
	for (const { id, status } of [...fake.books.refunds.values()])
		if (status === "pending") fake.settleRefund(id, "succeeded");
}

/** Each event so often, signed with both secrets in turn. */
const lettersOf = (fake: FakeStripe, events: readonly StripeEvent[], times: number): Letter[] =>
	Array.from({ length: times }, (_, i) => {
		const secret = i % 2 ? fake.webhookSecret : newerSecret;
		return events.map(event => ({ event, signing: { secret } }));
	}).flat();

/** Events of names of their own that no gateway may take. */
function badLetters(fake: FakeStripe): Letter[] {
	const kinds: Letter["signing"][] = [
		{ secret: "whsec_nobodys" },
		{ secret: fake.webhookSecret, alter: body => body.replace("9999", "9998") },
		{ secret: fake.webhookSecret, secondsOff: -310 },
		{ secret: newerSecret, secondsOff: 310 },
	];
	const paid = fake.books.events.filter(({ type }) => type === "payment_intent.succeeded");
	return kinds.flatMap((signing, kind) =>
		paid
			.slice(0, bad)
			.map(event => ({ event: { ...event, id: `${event.id}_bad${kind}` }, signing })),
	);
}

/** Types that mean nothing to payments. */
const meaningless = new Set([
	"payment_intent.created",
	"payment_intent.requires_action",
	"charge.pending",
	"charge.succeeded",
	"charge.failed",
]);

async function recordsOf(t: TestContext, url: string, dbName: string): Promise<Records> {
	const database = await mongoose.createConnection(url, { dbName }).asPromise();
	t.after(() => database.close());
	return async collection => (await database.collection(collection).find({}).toArray()) as never;
}

/** That events whose payments do not exist yet are kept, each once, and have no effect. */
async function assertWaiting(
	records: Records,
	events: readonly StripeEvent[],
	plans: readonly Plan[],
): Promise<void> {
	const kept = await records<WebhookDoc<ProviderEvent>>("payment_events");
	assert.equal(kept.length, events.length);
	for (const { type, state, lastError } of kept)
		if (meaningless.has(type)) assert.equal(state, "ignored", type);
		else assert.deepEqual([state, lastError], ["received", "its payment is not known yet"], type);
	const made = new Set((await records("payments")).map(({ _id }) => _id));
	assert.deepEqual(
		plans.filter(({ id }) => made.has(id)),
		[],
	);
}

/** Lets an admin try again what waits, and would by itself be tried again up to 5 min later. */
async function replayAll(market: Market, records: Records): Promise<void> {
	const waiting = async () =>
		(await records("payment_events")).filter(({ state }) => state === "received");
	await eventually(
		async () => {
			const events = await waiting();
			await each(events, async ({ _id }, i) => {
				const path = `/api/payment-events/${encodeURIComponent(_id)}/replay`;
				const { status, body } = await market.post(path, {}, market.admin, i);
				assert.equal(status, 200, JSON.stringify(body));
			});
			return (await waiting()).map(({ _id, type, lastError }) => [_id, type, lastError]);
		},
		events => events.length === 0,
		30_000,
	);
}

/** That each event is kept once and had its effect, or none where it means nothing, and no other is kept. */
async function assertEvents(
	market: Market,
	records: Records,
	events: readonly StripeEvent[],
): Promise<void> {
	const kept = await records<WebhookDoc<ProviderEvent>>("payment_events");
	assert.deepEqual(
		kept.map(({ _id, type, state }) => `${_id} ${type} ${state}`).sort(),
		events
			.map(({ id, type }) => `stripe:${id} ${type} ${meaningless.has(type) ? "ignored" : "done"}`)
			.sort(),
	);
	const ignored = events.filter(({ type }) => meaningless.has(type));
	const { body } = await market.get("/api/payment-events?state=ignored", market.admin);
	assert.equal(body.total, ignored.length);
	assert.ok(body.items.every(({ type }: { type: string }) => meaningless.has(type)));
}

/** Items by what `key` says of each. */
const grouped = <T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> =>
	Map.groupBy(items, key);

/** That everything that came of a payment came of it once: its state, seat, journal, facts and notices. */
async function assertOnce(
	market: Market,
	records: Records,
	plans: readonly Plan[],
	fake: FakeStripe,
): Promise<void> {
	await market.assertBalanced();
	const payments = new Map((await records<PaymentDoc>("payments")).map(p => [p._id, p]));
	const seats = grouped(await records("enrollments"), seat => `${seat.userId} ${seat.courseId}`);
	const journal = grouped(await records("ledger_transfers"), entry => entry.subjectId);
	const notices = grouped(
		await records("notifications"),
		({ userId, data }) => data.paymentId ?? `${userId} ${data.courseId}`,
	);
	const intents = grouped([...fake.books.intents.values()], i => i.metadata.payment_id as string);
	const refunds = grouped([...fake.books.refunds.values()], refund => refund.payment_intent);
	assert.deepEqual([payments.size, intents.size], [plans.length, plans.length]);

	for (const { id, gatewayId, fate, buyer, courseId } of plans) {
		const payment = payments.get(id) as PaymentDoc;
		const place = `${buyer.id} ${courseId}`;
		const facts = Object.values(payment.log)
			.flatMap(entry => Object.keys(entry.facts ?? {}))
			.map(name => name.replace("payment/", ""))
			.sort();
		const declines = facts.filter(name => name === "failed").length;
		const back = (refunds.get(gatewayId) ?? []).reduce((sum, { amount }) => sum + amount, 0);
		assert.deepEqual(
			{
				status: payment.status,
				gatewayId: payment.gatewayId,
				review: payment.review,
				askAt: payment.askAt,
				refundedMinor: payment.refundedMinor ?? 0,
				facts: facts.filter(name => name !== "failed"),
				seats: (seats.get(place) ?? []).map(({ status }) => status),
				journal: (journal.get(id) ?? [])
					.map(({ kind, legs }) => `${kind} ${legs[0].amountMinor}`)
					.sort(),
				notices: tally((notices.get(id) ?? []).map(({ type }) => type)),
			},
			{
				status: fate.status,
				gatewayId,
				review: undefined,
				askAt: fate.status === "requires_action" ? payment.askAt : undefined,
				refundedMinor: back,
				facts: fate.facts,
				seats: fate.seats,
				journal: fate.booked,
				notices: {
					...(fate.seats.length && { "payment.captured": 1 }),
					...(fate.facts.includes("refunded") && { "payment.refunded": 1 }),
					...(declines && { "payment.failed": declines }),
				},
			},
			id,
		);
		const opened = tally((notices.get(place) ?? []).map(({ type }) => type));
		// A seat whose end is heard of before its beginning was never open.
		const isOpened = fate.seats[0] === "active" || opened["enrollment.activated"] === 1;
		assert.deepEqual(opened, isOpened ? { "enrollment.activated": 1 } : {}, id);
		// A decline that is heard of after the capture is not worth telling any more.
		const told = fate.seats.length ? declines <= fate.declines : declines === fate.declines;
		assert.ok(told, `${id} was declined ${declines} times`);
		assert.deepEqual(
			intents.get(id)?.map(intent => intent.id),
			[gatewayId],
		);
	}
	const taken = (await records("enrollments")).filter(({ status }) => status === "active");
	const active = grouped(taken, seat => seat.courseId);
	for (const { _id, enrollmentCount } of await records("courses"))
		assert.equal(enrollmentCount, active.get(_id)?.length ?? 0, _id);
	const asked = fake.requests.filter(
		({ path, method }) => path === "/v1/refunds" && method === "POST",
	);
	const ours = plans.filter(({ fate, seed }) => fate === givenBack && !seed);
	assert.deepEqual(
		[new Set(asked.map(r => r.idempotencyKey)).size, refunds.size],
		[ours.length, plans.filter(({ fate }) => fate.facts.includes("refunded")).length],
	);
}

const servers = await needs("nats", "mongo");
const hasStripe = needsFakeStripe();
if (servers && hasStripe)
	test(`${people * eventsOfEach} webhook events, ten times each, seed ${seed}`, async t => {
		const next = random(seed);
		const fake = await startFakeStripe(t);
		const { market, node, mesh } = await openMeshMarket(t, servers, stripeEnv(fake, [newerSecret]));
		const records = await recordsOf(t, servers.mongo.url, mesh.env.NAMESPACE as string);

		const plans = await playAll(market, node, fake);
		const { events } = fake.books;
		assert.equal(events.length, people * eventsOfEach);
		assert.equal(
			events.length,
			plans.reduce((sum, { fate }) => sum + fate.events, 0),
		);
		const missing = plans.filter(plan => plan.seed);
		const missingIds = new Set(missing.map(plan => plan.gatewayId));
		const isEarly = (event: StripeEvent) => missingIds.has(subjectOf(event));
		const earlyEvents = events.filter(isEarly);
		assert.equal(earlyEvents.length, events.length / unborn);

		const started = performance.now();
		const first = lettersOf(fake, earlyEvents, early);
		assert.deepEqual(await post(market.gateways, shuffled(first, next)), { 200: first.length });
		await assertWaiting(records, earlyEvents, missing);

		const rest = [
			...lettersOf(fake, earlyEvents, deliveries - early),
			...lettersOf(
				fake,
				events.filter(event => !isEarly(event)),
				deliveries,
			),
		];
		const letters = shuffled([...rest, ...badLetters(fake)], next);
		const births = shuffled(missing, next);
		const birth = async (plan: Plan) => assert.equal(await request(node, plan), plan.id);
		const [answers] = await Promise.all([
			post(market.gateways, letters),
			each(births.slice(lateBorn), birth, 1),
		]);
		assert.deepEqual(answers, { 200: rest.length, 400: 4 * bad });
		const posts = first.length + letters.length;
		const seconds = (performance.now() - started) / 1_000;
		t.diagnostic(
			`${posts} posts in ${seconds.toFixed(1)} s, ${Math.round(posts / seconds)} a second`,
		);

		await each(births.slice(0, lateBorn), birth);
		await replayAll(market, records);
		await settled(node);
		await assertEvents(market, records, events);
		await assertOnce(market, records, plans, fake);
	});
