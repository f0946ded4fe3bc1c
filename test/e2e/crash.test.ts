import assert from "node:assert/strict";
import { after, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import {
	type Aftermath,
	byService,
	casesOf,
	EmbeddedDrill,
	lastOf,
	type Outcomes,
	type Point,
	type Return,
} from "../support/crash.ts";
import type { Journey } from "../support/crash-journey.ts";
import { type JourneyName, journeyNames, journeys } from "../support/crash-journeys.ts";
import { MeshDrill } from "../support/crash-mesh.ts";
import { random } from "../support/random.ts";
import { needs } from "../support/servers.ts";
import { crashPoints } from "./crash-points.ts";

/** How many crashes on the mesh, and embedded; `npm run crashes` does all. */
const crashes = Number(process.env.CRASHES ?? 2);
const embeddedCrashes = Number(process.env.CRASHES ?? 16);
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);

/** What journeys come to in the end, with no crash on their way. */
const whole = {
	purchase: {
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
		notices: ["enrollment.activated", "payment.captured", "payment.refunded"],
		figures: {
			seats: [{ isIn: false, isThrough: false }],
			movements: ["capture 9999", "refund 6299"],
			isRight: true,
		},
		differences: [],
		parked: [],
	},
	lecture: {
		lecture: {
			files: ["uploaded"],
			stored: ["uploaded"],
			videos: ["ready"],
			uploads: ["ready"],
			status: "ready",
			durationSeconds: 2,
			plays: true,
		},
		course: {
			completionRule: "watched",
			students: [0, 0],
			completed: 0,
			ratings: [undefined, undefined],
			ratingCounts: [0, 0, 0],
			reviews: 1,
			net: [0],
		},
		certificates: ["revoked revoked"],
		teacher: {
			mails: ["A lecture of Test Course is ready", "Confirm your e-mail address"],
			notices: ["lecture.ready"],
		},
		student: {
			seats: ["dropped 100"],
			mails: [
				"Confirm your e-mail address",
				"Payment received",
				"Payment refunded",
				"You completed Test Course",
				"Your certificate for Test Course",
			],
			notices: [
				"certificate.issued",
				"enrollment.activated",
				"enrollment.completed",
				"payment.captured",
				"payment.refunded",
			],
			figures: { movements: ["capture 9999", "refund 9999"], isRight: true },
			differences: [],
			parked: [],
		},
	},
} satisfies Record<JourneyName, object>;

/**
 * How a mesh differs from one process: bytes come to the store itself, which names uploads in parts, and the drill ages
 * uploads from outside.
 */
const onMesh = {
	isNew: ["files: advance files uploadId"],
	isGone: ["files: provider.take", "files: advance files sweepAt"],
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

/** Tried by each consumer that hears of a change at the same moment as another, and made by one of them. */
const raced = "courses: advance courses lessons lessonsVersion +course.completion_changed";

/**
 * That every write has its case. Two facts may be handled in either order, so the order is not held.
 * @returns the labels of each service, as many as it passes each time.
 */
function assertListed(
	name: JourneyName,
	points: readonly Point[],
	{ isNew, isGone }: typeof onMesh = { isNew: [], isGone: [] },
): Record<string, string[]> {
	const passed = byService(points);
	const counted = lines(passed);
	const listed = lines(crashPoints[name]);
	const expected = [...beyond(listed, isGone), ...(name === "lecture" ? isNew : [])];
	const surplus = beyond(counted, expected);
	const found = {
		isNew: surplus.filter(line => line !== raced),
		isGone: beyond(expected, counted),
	};
	assert.deepEqual(
		found,
		{ isNew: [], isGone: [] },
		`What the ${name} journey writes, or asks of a provider, is not what test/e2e/crash-points.ts lists: ` +
			`new ${JSON.stringify(found.isNew)}, gone ${JSON.stringify(found.isGone)}. ` +
			"Where that is meant, `npm run crashes list` writes the list anew",
	);
	return Object.fromEntries(
		Object.entries(passed).map(([service, labels]) => {
			const more = surplus.filter(line => line.startsWith(`${service}: `)).length;
			return [service, labels.slice(0, labels.length - more)];
		}),
	);
}

/** That a crash came to what no crash comes to: by itself where nobody came, and once the clients are back. */
function assertAsWithout(name: JourneyName, outcomes: Outcomes, aftermath: Aftermath): void {
	const { stages, atFirst }: Journey = journeys[name];
	const { stage, silent, final } = aftermath;
	const expected = outcomes.get(stage);
	if (silent && stage === stages[0])
		assert.deepEqual(atFirst(silent), atFirst(expected), `${stage}, then silence`);
	else if (silent) assert.deepEqual(silent, expected, `${stage}, then silence`);
	assert.deepEqual(final, lastOf(outcomes), `${stage}, then the clients came back`);
}

interface Case {
	name: JourneyName;
	/** `<service>:<n>:before|after` */
	at: string;
	label: string;
	back: Return;
}

const casesIn = (
	points: Readonly<Record<JourneyName, Record<string, readonly string[]>>>,
): Case[] =>
	journeyNames.flatMap(name =>
		casesOf(points[name]).flatMap(([at, label]) =>
			(["later", "at once"] as const).map(back => ({ name, at, label, back })),
		),
	);

/** Some of them, by the seed. */
function draw(from: readonly Case[], count: number): Case[] {
	const next = random(seed);
	const left = [...from];
	const take = () => left.splice(Math.floor(next() * left.length), 1)[0] as Case;
	return Array.from({ length: Math.min(count, left.length) }, take);
}

const titleOf = ({ name, at, label, back }: Case): string =>
	`${name} ${at} ${label}, clients back ${back}`;

const drills = new Map<JourneyName, Promise<EmbeddedDrill>>();
function drillOf(name: JourneyName): Promise<EmbeddedDrill> {
	const drill = drills.get(name) ?? EmbeddedDrill.open(name);
	drills.set(name, drill);
	return drill;
}

const outcomes = new Map<JourneyName, Outcomes>();

for (const name of journeyNames)
	test(`the ${name} journey passes the crash points that are listed, and ends right`, async () => {
		const drill = await drillOf(name);
		const [points, found] = await Promise.all([drill.count(), drill.whole()]);
		outcomes.set(name, found);
		assertListed(name, points);
		assert.partialDeepStrictEqual(lastOf(found), whole[name]);
	});

/** Played each time: it tells whether a process ends where it is said to end. */
const first: readonly Case[] = casesIn(crashPoints).filter(
	({ name, at, back }) => name === "purchase" && at.startsWith("payments:1:") && back === "later",
);
const cases = casesIn(crashPoints);
const others = cases.filter(one => !first.some(done => isDeepStrictEqual(one, done)));
const drawn = [...first, ...draw(others, embeddedCrashes - first.length)];

test(`${drawn.length} crashes, each at a write, embedded, seed ${seed}`, {
	concurrency: 2,
}, async t => {
	const aftermaths = new Map<string, Aftermath>();
	await Promise.all(
		drawn.map(one =>
			t.test(titleOf(one), async () => {
				const { name, at, back } = one;
				const aftermath = await (await drillOf(name)).crash(at, back);
				aftermaths.set(`${name} ${at} ${back}`, aftermath);
				assertAsWithout(name, outcomes.get(name) as Outcomes, aftermath);
			}),
		),
	);
	const paymentsOf = (when: string) =>
		aftermaths.get(`purchase payments:1:${when} later`)?.silent.payments.length;
	assert.deepEqual([paymentsOf("before"), paymentsOf("after")], [0, 1]);
	if (drawn.length < cases.length) return;
	for (const name of journeyNames) {
		const met = [...aftermaths].filter(([key]) => key.startsWith(`${name} `));
		const missed = journeys[name].stages.filter(stage => !met.some(([, a]) => a.stage === stage));
		assert.deepEqual(missed, [], `stages of the ${name} journey that no crash met`);
	}
});

const servers = await needs("nats", "mongo", "s3");
// Not before the wait: the tests above may be over by then, and every hook that is there ends what `needs` brings.
after(async () => {
	for (const drill of drills.values()) await (await drill).close();
});
if (servers)
	test(`crashes on the mesh, seed ${seed}`, async t => {
		const drill = await MeshDrill.open(t, servers);
		const wholes = new Map<JourneyName, Outcomes>();
		const points: Record<JourneyName, Record<string, string[]>> = { purchase: {}, lecture: {} };
		for (const name of journeyNames) {
			const whole = await drill.whole(name);
			points[name] = assertListed(name, whole.points, onMesh);
			wholes.set(name, whole.outcomes);
		}
		for (const one of draw(casesIn(points), crashes))
			await t.test(titleOf(one), async () => {
				const { name, at, back } = one;
				assertAsWithout(name, wholes.get(name) as Outcomes, await drill.crash(name, at, back));
			});
	});
