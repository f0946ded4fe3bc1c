import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Aftermath, byService, casesOf, EmbeddedDrill, type Point } from "../support/crash.ts";
import type { Outcome, Stage } from "../support/crash-journey.ts";
import { MeshDrill } from "../support/crash-mesh.ts";
import { random } from "../support/random.ts";
import { needs } from "../support/servers.ts";
import { crashPoints } from "./crash-points.ts";

/** How many crashes on the mesh, and embedded; `npm run crashes` does all. */
const crashes = Number(process.env.CRASHES ?? 3);
const embeddedCrashes = Number(process.env.CRASHES ?? 18);
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);

/** What a purchase comes to that went through and was given back at 37 %, with no crash on its way. */
const givenBack: Partial<Outcome> = {
	payments: [
		{
			status: "partially_refunded",
			amount: 99.99,
			refunded: 6299,
			refunds: ["6299 succeeded"],
			isInDoubt: false,
		},
	],
	provider: [
		{ status: "paid", amountMinor: 9999, owesWebhook: false, refunds: ["6299 succeeded"] },
	],
	seats: ["dropped 37"],
	mails: ["Confirm your e-mail address", "Payment received", "Payment refunded"],
	figures: { seats: [false], movements: ["capture 9999", "refund 6299"], isRight: true },
	differences: [],
	parked: [],
};

/** Labels as `<service>: <label>`, each as often as it is there. */
const lines = (points: Readonly<Record<string, readonly string[]>>): string[] =>
	Object.entries(points).flatMap(([name, labels]) => labels.map(label => `${name}: ${label}`));

/** Those of `some` that `others` do not have. */
function beyond(some: readonly string[], others: readonly string[]): string[] {
	const left = [...others];
	return some.filter(line => {
		const at = left.indexOf(line);
		if (at >= 0) left.splice(at, 1);
		return at < 0;
	});
}

/** That every write has its case. Two facts may be handled in either order, so the order is not held. */
function assertListed(points: readonly Point[]): void {
	const counted = lines(byService(points));
	const listed = lines(crashPoints);
	assert.deepEqual(
		{ isNew: beyond(counted, listed), isGone: beyond(listed, counted) },
		{ isNew: [], isGone: [] },
		"What a purchase and its refund write, or ask of the provider, is not what test/e2e/crash-points.ts lists: " +
			`new ${JSON.stringify(beyond(counted, listed))}, gone ${JSON.stringify(beyond(listed, counted))}. ` +
			"Where that is meant, `npm run crashes list` writes the list anew",
	);
}

/** That a crash came to what no crash comes to: once by itself, and once the client is back. */
function assertAsWithout(whole: ReadonlyMap<Stage, Outcome>, aftermath: Aftermath): void {
	const { stage, silent, final } = aftermath;
	if (stage === "unpaid") assertUncharged(silent, whole.get("unpaid") as Outcome);
	else assert.deepEqual(silent, whole.get(stage), `${stage}, then silence`);
	assert.deepEqual(final, whole.get("refunded"), `${stage}, then the client came back`);
}

/** A payment may be there or not, and known to the provider or not; all that counts is that nothing came of it. */
function assertUncharged({ payments, provider, ...rest }: Outcome, open: Outcome): void {
	assert.ok(payments.length <= 1 && provider.length <= payments.length);
	for (const { status } of payments) assert.match(status, /^(created|requires_action)$/);
	for (const { status } of provider) assert.equal(status, "open");
	const { payments: _, provider: __, ...expected } = open;
	assert.deepEqual(rest, expected);
}

/** Some of them, by the seed. */
function draw<T>(from: readonly T[], count: number): T[] {
	const next = random(seed);
	const left = [...from];
	const take = () => left.splice(Math.floor(next() * left.length), 1)[0] as T;
	return Array.from({ length: Math.min(count, left.length) }, take);
}

async function withDrill(t: TestContext): Promise<EmbeddedDrill> {
	const drill = await EmbeddedDrill.open();
	t.after(() => drill.close());
	return drill;
}

const cases = casesOf(crashPoints);

test("a purchase and its refund pass the crash points that are listed", async t => {
	const drill = await withDrill(t);
	assertListed(await drill.count());
	const { notices, transfers, ...rest } = (await drill.whole()).get("refunded") as Outcome;
	assert.deepEqual(rest, givenBack);
	assert.deepEqual(notices, ["enrollment.activated", "payment.captured", "payment.refunded"]);
	assert.ok(transfers.length > 0);
});

test("a crash before a write leaves nothing of it, one after it all of it", async t => {
	const drill = await withDrill(t);
	const [before, after] = await Promise.all([
		drill.crash("payments:1:before"),
		drill.crash("payments:1:after"),
	]);
	assert.deepEqual([before.written.payments.length, after.written.payments.length], [0, 1]);
});

const drawn = draw(cases, embeddedCrashes);
test(`${drawn.length} crashes, each at a write, embedded, seed ${seed}`, {
	concurrency: 2,
}, async t => {
	const drill = await withDrill(t);
	const whole = await drill.whole();
	const stages = new Set<Stage>();
	await Promise.all(
		drawn.map(([at, label]) =>
			t.test(`${at} ${label}`, async () => {
				const aftermath = await drill.crash(at);
				stages.add(aftermath.stage);
				assertAsWithout(whole, aftermath);
			}),
		),
	);
	if (drawn.length === cases.length)
		assert.equal(stages.size, 4, "the crashes did not meet every stage of a purchase");
});

const servers = await needs("nats", "mongo");
if (servers)
	test(`${Math.min(crashes, cases.length)} crashes on the mesh, seed ${seed}`, async t => {
		const drill = await MeshDrill.open(t, servers);
		const { outcomes, points } = await drill.whole();
		assertListed(points);
		for (const [at, label] of draw(cases, crashes))
			await t.test(`${at} ${label}`, async () => assertAsWithout(outcomes, await drill.crash(at)));
	});
