import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { checkoutPolicy, schoolPolicy, widgetOf } from "../../../services/gateway/school/policy.ts";

/** A module of the school's pages that needs no browser. */
// biome-ignore lint/suspicious/noExplicitAny: pages are plain JavaScript
const web = (name: string): Promise<any> =>
	import(`../../../services/gateway/school/web/${name}.js`);

const { Watched, merged } = await web("watched");
const { moveLecture, moveSection, orderOf, placeLecture, placeWords } = await web("outline");
const { daily, roundUp } = await web("series");
const { fieldWords, wordsOf } = await web("problems");
const { clock, initials, length, minor, price, since, size } = await web("words");
const { hashOf, randomOf } = await web("random");

type Stretch = [number, number];
const sum = (stretches: readonly Stretch[]): number =>
	stretches.reduce((all, [from, to]) => all + to - from, 0);

test("what is played is watched, what is jumped over is not", () => {
	const watched = new Watched();
	for (let at = 0; at <= 5; at += 0.25) watched.look(at);
	watched.cut();
	for (let at = 60; at <= 62; at += 0.25) watched.look(at);
	watched.look(90);
	assert.deepEqual(watched.take(), [
		[0, 5],
		[60, 62],
	]);
	assert.deepEqual(watched.take(), []);
});

test("at double speed steps are longer; what did not arrive is told again", () => {
	const watched = new Watched();
	watched.look(0, 2);
	watched.look(2.5, 2);
	const told = watched.take();
	assert.deepEqual(told, [[0, 2.5]]);
	watched.giveBack(told);
	assert.deepEqual(watched.take(), [[0, 2.5]]);
	watched.counted(1);
	assert.deepEqual(watched.take(), [[0, 2.5]]);
	watched.counted(2);
	assert.deepEqual(watched.take(), []);
});

test("a page that hangs has watched what played meanwhile, and nothing beyond", () => {
	const watched = new Watched();
	watched.look(0, 1, 100);
	watched.look(8, 1, 108);
	watched.look(20, 1, 110);
	watched.look(30, 2, 115);
	assert.deepEqual(watched.take(), [
		[0, 8],
		[20, 30],
	]);
});

test("who jumps about a great deal is told of in parts that the server takes", () => {
	const watched = new Watched();
	for (let i = 0; i < 450; i++) {
		watched.cut();
		watched.look(2 * i, 1, i);
		watched.look(2 * i + 1, 1, i);
	}
	assert.deepEqual(
		[watched.take(), watched.take(), watched.take(), watched.take()].map(({ length }) => length),
		[200, 200, 50, 0],
	);
});

test("never more is told than was looked at, however one jumps about", () => {
	const step = fc.record({ to: fc.double({ min: 0, max: 500, noNaN: true }), isCut: fc.boolean() });
	fc.assert(
		fc.property(fc.array(step, { maxLength: 60 }), steps => {
			const watched = new Watched();
			for (const { to, isCut } of steps) {
				if (isCut) watched.cut();
				watched.look(to);
			}
			const told: Stretch[] = watched.take();
			// Each look adds one step at most, and a tenth is the finest that is told.
			assert.ok(sum(told) <= steps.length * 1.6 + 0.1);
			for (const [i, [from, to]] of told.entries()) {
				assert.ok(to > from);
				assert.ok(i === 0 || from >= (told[i - 1] as Stretch)[1]);
			}
		}),
	);
	assert.deepEqual(
		merged([
			[3, 4],
			[0, 2],
			[1, 3],
		]),
		[[0, 4]],
	);
});

const sections = [
	{ id: "a", title: "First", lectures: [{ id: "1" }, { id: "2" }] },
	{ id: "b", title: "Second", lectures: [] },
	{ id: "c", title: "Third", lectures: [{ id: "3" }] },
];
const idsOf = (ordered: typeof sections): string =>
	ordered.map(({ id, lectures }) => `${id}:${lectures.map(one => one.id).join("")}`).join(" ");

test("a lecture moves by one, into the next section at its near end, and no farther than the ends", () => {
	assert.equal(idsOf(moveLecture(sections, "1", 1)), "a:21 b: c:3");
	assert.equal(idsOf(moveLecture(sections, "2", 1)), "a:1 b:2 c:3");
	assert.equal(idsOf(moveLecture(sections, "3", -1)), "a:12 b:3 c:");
	assert.equal(moveLecture(sections, "1", -1), sections);
	assert.equal(idsOf(moveSection(sections, "c", -1)), "a:12 c:3 b:");
	assert.equal(moveSection(sections, "a", -1), sections);
	assert.equal(idsOf(placeLecture(sections, "3", "a", 1)), "a:132 b: c:");
	assert.equal(placeWords(sections, "2"), "2 of 2 in First");
	assert.deepEqual(orderOf(sections).sections[0], { id: "a", lectures: ["1", "2"] });
});

test("however a course is ordered, each lecture is there once", () => {
	const move = fc.record({
		id: fc.constantFrom("1", "2", "3", "a", "b", "c"),
		step: fc.constantFrom(-1, 1),
	});
	fc.assert(
		fc.property(fc.array(move, { maxLength: 30 }), moves => {
			let ordered = sections;
			for (const { id, step } of moves)
				ordered = /\d/.test(id) ? moveLecture(ordered, id, step) : moveSection(ordered, id, step);
			assert.deepEqual(ordered.flatMap(({ lectures }) => lectures.map(one => one.id)).sort(), [
				"1",
				"2",
				"3",
			]);
			assert.deepEqual(ordered.map(({ id }) => id).sort(), ["a", "b", "c"]);
		}),
	);
});

test("a plot has each day once, and a round top", () => {
	const points = daily(
		"2026-02-27",
		"2026-03-02",
		[{ day: "2026-03-01", sum: 5 }],
		(one: { sum: number }) => one.sum,
	);
	assert.deepEqual(
		points.map(({ day, value }: { day: string; value: number }) => `${day} ${value}`),
		["2026-02-27 0", "2026-02-28 0", "2026-03-01 5", "2026-03-02 0"],
	);
	assert.deepEqual([0, 1, 1.2, 9_999, 20_000, 51].map(roundUp), [1, 1, 2, 10_000, 20_000, 100]);
});

test("problems and fields in words", () => {
	assert.match(wordsOf({ status: 0, code: "NO_ANSWER" }), /does not answer/);
	assert.match(
		wordsOf({ status: 429, code: "TOO_MANY_REQUESTS", retryAfter: 240 }),
		/Wait 4 minutes/,
	);
	assert.equal(
		wordsOf({ status: 409, code: "NEW_ONE", message: "The thing is shut" }),
		"The thing is shut.",
	);
	assert.match(wordsOf(new TypeError("x is undefined")), /Load it again/);
	assert.match(
		wordsOf({
			status: 403,
			code: "UPLOAD_QUOTA_EXCEEDED",
			members: { usedBytes: 84e9, allowedBytes: 100e9 },
		}),
		/yours have 84 GB of 100 GB.+Delete a lecture/,
	);
	assert.equal(
		fieldWords({ code: "MIN_LENGTH", message: "must NOT have fewer than 8 characters" }),
		"At least 8 characters.",
	);
	assert.equal(fieldWords({ code: "REQUIRED", message: "must have" }), "This is needed.");
});

test("amounts, lengths and times as people read them", () => {
	assert.equal(price(0, "USD"), "Free");
	assert.equal(price(99.99, "USD"), "$99.99");
	assert.equal(minor(1_250, "JPY"), "¥1,250");
	assert.equal(minor(6_299, "USD"), "$62.99");
	assert.deepEqual([45, 90, 3_600, 4_800].map(length), ["45 s", "2 min", "1 h", "1 h 20 min"]);
	assert.equal(clock(3_729), "1:02:09");
	assert.deepEqual([512, 3_400_000, 209_715_200].map(size), ["512 bytes", "3.4 MB", "210 MB"]);
	assert.equal(initials("one  two three"), "OT");
	const now = Date.parse("2026-03-02T12:00:00Z");
	assert.equal(since("2026-03-01T11:00:00Z", now), "yesterday");
	assert.equal(since("2026-03-02T11:59:30Z", now), "just now");
});

test("a course always has the same picture", () => {
	const [a, b] = [randomOf(hashOf("crs_1")), randomOf(hashOf("crs_1"))];
	for (let i = 0; i < 5; i++) assert.equal(a(), b());
	assert.notEqual(hashOf("crs_1"), hashOf("crs_2"));
});

const hosts = {
	MUX_TOKEN_ID: undefined,
	S3_ENDPOINT: undefined,
	AWS_S3_BUCKET: undefined,
	AWS_REGION: "us-east-1",
	STRIPE_PUBLISHABLE_KEY: undefined,
	RAZORPAY_KEY_ID: undefined,
} as const;

test("the pages' policy names this host alone, and of others those that keep media", () => {
	const plain = schoolPolicy(hosts);
	assert.doesNotMatch(plain, /https?:|unsafe|\*/);
	assert.match(plain, /default-src 'none'/);
	assert.match(plain, /require-trusted-types-for 'script'/);
	const stored = schoolPolicy({ ...hosts, AWS_S3_BUCKET: "films", AWS_REGION: "eu-north-1" });
	assert.match(stored, /connect-src 'self' https:\/\/films\.s3\.eu-north-1\.amazonaws\.com(;|$)/);
	const own = schoolPolicy({
		...hosts,
		AWS_S3_BUCKET: "films",
		S3_ENDPOINT: "http://s3.lan:9000/",
	});
	assert.match(
		own,
		/media-src 'self' blob: http:\/\/s3\.lan:9000 http:\/\/films\.s3\.lan:9000(;|$)/,
	);
	const encoded = schoolPolicy({ ...hosts, MUX_TOKEN_ID: "id" });
	assert.match(encoded, /media-src 'self' blob: https:\/\/\*\.mux\.com(;|$)/);
	for (const policy of [plain, stored, own, encoded])
		assert.match(policy, /(^|;)script-src 'self'(;|$)/, "scripts are this host's alone");
});

test("the checkout page's policy names that provider's origins and no other's", () => {
	assert.equal(widgetOf(hosts, "stripe"), undefined);
	const set = { ...hosts, STRIPE_PUBLISHABLE_KEY: "pk_test_1", RAZORPAY_KEY_ID: "rzp_test_1" };
	assert.equal(widgetOf(set, "stripe"), "stripe");
	assert.equal(widgetOf(set, "razorpay"), "razorpay");
	assert.equal(widgetOf(set, undefined), undefined);
	const hostsIn = (policy: string) => new Set(policy.match(/https:\/\/[^\s;]+/g) ?? []);
	assert.deepEqual(hostsIn(checkoutPolicy(undefined)), new Set());
	assert.deepEqual(
		hostsIn(checkoutPolicy("stripe")),
		new Set(["https://js.stripe.com", "https://hooks.stripe.com", "https://api.stripe.com"]),
	);
	assert.deepEqual(
		hostsIn(checkoutPolicy("razorpay")),
		new Set(["https://checkout.razorpay.com", "https://api.razorpay.com"]),
	);
	assert.match(checkoutPolicy("stripe"), /script-src 'self' https:\/\/js\.stripe\.com;/);
});
