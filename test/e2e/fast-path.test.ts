import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { aliasesOf } from "../../kernel/contract.ts";
import { problem } from "../../kernel/errors.ts";
import { makeLimiter } from "../../services/gateway/api/limits.ts";
import { accessTable } from "../contract/access.ts";
import { type Actor, actors, type Person, type School } from "../support/actors.ts";
import {
	type Asked,
	type BothPaths,
	type Compared,
	counted,
	countsOf,
	type Difference,
	openBothPaths,
	proofOf,
} from "../support/both-paths.ts";
import { actions, caseOf, type Json, requestTo } from "../support/cases.ts";
import { eventually } from "../support/http.ts";
import { failures, odd, results } from "../support/odd.ts";
import {
	type Ask,
	bearer,
	get,
	json,
	moleculerWebMeta,
	oddBytes,
	oddRequests,
	post,
} from "../support/odd-requests.ts";
import { needs } from "../support/servers.ts";

/** Waits until nothing is under way on any node, and no fact waits for what follows from it. */
async function quiet(both: BothPaths): Promise<void> {
	await eventually(
		async () => both.left(),
		left => left.length === 0,
	);
	await both.settled();
}

/** A difference with what stands around where it begins. */
function shown({ what, part, fast, slow }: Difference): string[] {
	let at = 0;
	while (at < fast.length && fast[at] === slow[at]) at++;
	const around = (text: string) => text.slice(Math.max(0, at - 60), at + 100);
	return [`${what}: ${part}`, around(fast), around(slow)];
}

/**
 * Sends each of these by both paths, `width` at a time, and holds everything against each other: the answers, what stood
 * behind them, the local events, and what both gateways counted.
 */
async function same(both: BothPaths, asks: readonly Ask[], width = 1): Promise<Compared[]> {
	await quiet(both);
	const before = await Promise.all(both.sides.map(countsOf));
	for (const { events } of both.sides) events.length = 0;
	const compared: Compared[] = [];
	const left = asks.entries();
	await Promise.all(
		Array.from({ length: width }, async () => {
			for (const [i, ask] of left) compared[i] = await both.compare(...ask);
		}),
	);
	await quiet(both);
	const found = [...compared.flatMap(({ differences }) => differences), ...both.rest()];
	assert.deepEqual(found.slice(0, 4).map(shown), [], `${found.length} differences`);
	assert.deepEqual(both.fast.events, both.slow.events);
	const after = await Promise.all(both.sides.map(countsOf));
	const [fast, slow] = after.map((counts, i) => counted(before[i] as never, counts));
	assert.deepEqual(fast, slow);
	return compared;
}

const statusesIn = (compared: readonly Compared[]): number[] =>
	[...new Set(compared.map(({ status }) => status))].sort();

/** Alias → full name of its action, of all that are reached by HTTP. */
const routes = [...actions].flatMap(([action, face]) =>
	aliasesOf(face).map(alias => ({ alias, action, face })),
);

/** Whether the table says that it answers this actor with success. */
const isLetIn = (alias: string, actor: Actor): boolean => {
	const line = accessTable.find(({ route, variant }) => route === alias && variant === ".");
	return (line?.statuses[actors.indexOf(actor)] ?? 400) < 400;
};

/** What tells an admin how the deployment is just now, or is of the one admin that two schools have. */
const live = /^(ops|sentinel)\.|^figures\.rebuild$/;
/** What says when it was signed, to everybody. */
const dated = /^files\.receive$|^courses\.(getLecture|lectureVideo)$/;

/** What shows facts as they come, which two schools have in no one order. */
const arriving = /^mail\.shown$|^notifications\.(list|readAll)$/;

/**
 * Every route's request by every actor, as `school` makes it; what is used up is made for each that is let in.
 * @param isTwin there is another school that makes the same
 */
async function requestsOf(
	school: School,
	isChosen: (alias: string) => boolean,
	isTwin = false,
): Promise<readonly (readonly [what: string, asked: Asked])[]> {
	const made: (readonly [string, Asked])[] = [];
	for (const { alias, action, face } of routes.filter(({ alias }) => isChosen(alias))) {
		const params = async (): Promise<Json> => (await caseOf(action).params?.(school)) ?? {};
		const shared = await params();
		for (const actor of actors) {
			const isRead = alias.startsWith("GET ");
			const given = !isRead && isLetIn(alias, actor) ? await params() : shared;
			const request = requestTo(alias, given);
			const isLeaving = action === "auth.logout" && actor in school.people;
			const session = isLeaving && (await school.signIn(school.people[actor as Person]));
			made.push([
				`${alias} by ${actor}`,
				{
					...request,
					headers: {
						...(request.text !== undefined && json),
						...request.headers,
						...(session && bearer(session.token)),
					},
					isLive:
						dated.test(action) ||
						(actor === "admin" && live.test(action)) ||
						(isTwin && arriving.test(action)),
					proof: asked => proofOf(school, actor, asked, face),
				},
			]);
		}
	}
	return made;
}

/** Of each school its own. */
async function twins(both: BothPaths, isChosen: (alias: string) => boolean): Promise<Ask[]> {
	const [fast = [], slow = []] = await Promise.all(
		both.sides.map(({ school }) => requestsOf(school, isChosen, true)),
	);
	return fast.map(([what, asked], i) => [what, asked, slow[i]?.[1] as Asked]);
}

const isRead = (alias: string): boolean => alias.startsWith("GET ");
/** A certificate holds its own signature, so that two schools have no two alike. */
const isReadAlike = (alias: string): boolean =>
	isRead(alias) && !/certificates\/:id(\/pdf)?$/.test(alias);
const isWrite = (alias: string): boolean => !isRead(alias);

const asHead = ([what, fast, slow]: Ask): Ask => [
	`HEAD of ${what}`,
	{ ...fast, method: "HEAD" },
	slow && { ...slow, method: "HEAD" },
];

async function conform(t: TestContext, both: BothPaths): Promise<void> {
	const { school } = both.fast;

	await t.test("every read, by everybody", async () => {
		// One set of data can be read by both, to the byte.
		const asks = both.isShared ? await requestsOf(school, isRead) : await twins(both, isReadAlike);
		const heads = asks.filter(([what]) => /by (nobody|owner)$/.test(what)).map(asHead);
		await both.applied();
		const compared = await same(both, [...asks, ...heads], 4);
		assert.deepEqual(statusesIn(compared), [200, 401, 403, 404]);
	});

	await t.test("every write, by everybody", async () => {
		const asks = await twins(both, isWrite);
		await both.applied();
		const compared = await same(both, asks);
		const faults = asks.filter((_, i) => (compared[i]?.status ?? 0) >= 500);
		assert.deepEqual(
			faults.map(([what]) => what),
			[],
		);
		assert.deepEqual(statusesIn(compared), [200, 201, 202, 204, 400, 401, 403, 404]);
	});

	await t.test("every odd result, status and file", async () => {
		const names = Object.keys(results);
		const compared = await same(
			both,
			[
				...names.map((name): Ask => [`result ${name}`, get(`/odd/results/${name}`)]),
				...names.map((name): Ask => [`file ${name}`, get(`/odd/files/${name}`)]),
				...names.map((name): Ask => [`file ${name}`, post(`/odd/files/${name}`, {})]),
				...[200, 201, 202, 203, 204, 304, 404, 500, 0, -1].flatMap((status): Ask[] => [
					[`status ${status}`, post("/odd/status", { status })],
					[
						`status ${status} and meta`,
						post("/odd/status", { status, result: [], meta: moleculerWebMeta }),
					],
				]),
			],
			4,
		);
		assert.deepEqual(statusesIn(compared), [200, 201, 202, 204, 500]);
	});

	await t.test("every way to fail", async () => {
		const names = [...Object.keys(failures), "none"];
		const compared = await same(both, [
			...names.map((name): Ask => [`failure ${name}`, post(`/odd/failures/${name}`, {})]),
			...names.map((name): Ask => [`failure ${name}`, get(`/odd/failures/${name}`)]),
			["nobody has it", get("/away/x")],
			["nobody has it", post("/away/x", {})],
			["too slow", post("/odd/slow", { ms: 700 })],
			["too slow", get("/odd/slow?ms=700")],
			["slow, and fails", get("/odd/slow?ms=50&how=plain")],
		]);
		assert.deepEqual(statusesIn(compared), [403, 404, 409, 500, 503]);
	});

	await t.test("every odd request", async () => {
		const compared = await same(both, oddRequests(school.people.user.token), 4);
		assert.deepEqual(
			statusesIn(compared),
			[200, 204, 400, 401, 404, 405, 413, 414, 415, 422, 431, 500],
		);
	});

	await t.test("bytes that are hardly a request", async () => {
		const found = await Promise.all(
			Object.entries(oddBytes).map(([what, sent]) => both.compareBytes(what, sent)),
		);
		assert.deepEqual(found.flat().map(shown), []);
	});

	await t.test("requests under a key", async () => {
		const keyed = (body: object, key: string): [Asked, Asked] =>
			own(both, ({ people }) =>
				post("/odd/keyed", body, { ...bearer(people.user.token), "idempotency-key": key }),
			);
		const compared = await same(both, [
			["first", ...keyed({ ms: 0, id: "1" }, "k1")],
			["replay", ...keyed({ ms: 0, id: "1" }, "k1")],
			["quoted", ...keyed({ ms: 0, id: "1" }, '"k1"')],
			["another body", ...keyed({ ms: 0, id: "2" }, "k1")],
			["no key", ...keyed({ ms: 0 }, "two words")],
			["too long", ...keyed({ ms: 0 }, "k".repeat(256))],
			...["202", "204", "plain", "declared", "bug", "away", "list"].flatMap((how): Ask[] => [
				[`${how} first`, ...keyed({ ms: 0, how }, `k-${how}`)],
				[`${how} again`, ...keyed({ ms: 0, how }, `k-${how}`)],
			]),
			["wrong first", ...keyed({ ms: "x" }, "k-wrong")],
			["wrong again", ...keyed({ ms: 0 }, "k-wrong")],
			["by nobody", post("/odd/keyed", { ms: 0 }, { "idempotency-key": "k1" })],
			[
				"where no caller is needed",
				post("/odd/status", { status: 201 }, { "idempotency-key": "k1" }),
			],
		]);
		const replayed = compared.filter(({ answers }) =>
			answers.every(({ headers }) => headers.includes("idempotency-replayed")),
		);
		assert.deepEqual(
			replayed.map(({ what }) => what),
			["replay", "quoted", "202 again", "204 again", "plain again", "declared again", "list again"],
		);
		const [first, second] = await Promise.all([
			both.compare("under way", ...keyed({ ms: 300 }, "k-slow")),
			pause(100).then(() => both.compare("meanwhile", ...keyed({ ms: 300 }, "k-slow"))),
		]);
		assert.deepEqual([first.differences, second.differences, both.rest()], [[], [], []]);
		assert.deepEqual([first.status, second.status], [201, 409]);
	});

	await t.test("clients that go away in the middle", async () => {
		const leaving = (asked: Asked): Asked => ({ ...asked, leavesAfterMs: 60 });
		const keyed = (how: string | undefined): [Asked, Asked] =>
			own(both, ({ people }) =>
				post(
					"/odd/keyed",
					{ ms: 300, how },
					{
						...bearer(people.user.token),
						"idempotency-key": `gone-${how}`,
					},
				),
			);
		const ways = [undefined, "plain", "bug", "away", "204"];
		await same(
			both,
			[
				...ways.map(
					(how = ""): Ask => [`gone ${how}`, leaving(get(`/odd/slow?ms=300&how=${how}`))],
				),
				["too slow", leaving(get("/odd/slow?ms=700"))],
				[
					"in its body",
					leaving({ ...post("/odd/status", {}), headers: { ...json, "content-length": "50" } }),
				],
				[
					"in its raw body",
					leaving({ ...post("/odd/raw/x", {}), headers: { ...json, "content-length": "50" } }),
				],
				[
					"where nothing is",
					leaving({ ...post("/nowhere", {}), headers: { ...json, "content-length": "50" } }),
				],
				...ways.map((how): Ask => {
					const [fast, slow] = keyed(how);
					return [`keyed ${how}`, leaving(fast), leaving(slow)];
				}),
			],
			4,
		);
		const again = await same(
			both,
			ways.map((how): Ask => [`again ${how}`, ...keyed(how)]),
		);
		assert.deepEqual(
			again.map(({ status }) => status),
			[201, 404, 500, 503, 204],
		);
	});

	await t.test("limits", async () => {
		for (const { service } of both.sides) service.limiter = makeLimiter(5, undefined, "both");
		const from = (address: string) => ({ "x-forwarded-for": address });
		const compared = await same(both, [
			...[1, 2, 3].map((i): Ask => [`own limit ${i}`, post("/odd/limited", {}, from("192.0.2.1"))]),
			...[4, 5, 6].map((i): Ask => [`limit ${i}`, get("/odd/results/object", from("192.0.2.1"))]),
			...[1, 2, 3, 4, 5, 6].map(
				(i): Ask => [
					`bad token ${i}`,
					get("/odd/results/object", { ...from("192.0.2.2"), ...bearer("x") }),
				],
			),
			...[1, 2, 3, 4, 5, 6].map(
				(i): Ask => [
					`caller ${i}`,
					...own(both, ({ people }) => get("/api/auth/me", bearer(people.user.token))),
				],
			),
		]);
		for (const { service } of both.sides) service.limiter = makeLimiter("off", undefined, "both");
		assert.equal(compared.filter(({ status }) => status === 429).length, 4);
	});

	await t.test("what a gateway does when it is full, or leaves", async () => {
		const places = both.sides.map(({ service }) => {
			const response = new EventEmitter().setMaxListeners(0) as ServerResponse;
			for (let i = 0; i < 256; i++) service.shedder.enter("odd", response);
			return response;
		});
		const full = await same(both, [
			["full", get("/odd/results/object")],
			["not full", get("/problems/forbidden")],
		]).finally(() => {
			for (const response of places) response.emit("close");
		});
		assert.deepEqual(
			full.map(({ status }) => status),
			[503, 200],
		);
		for (const { node } of both.sides) node.platform.problems.set("draining", "a test");
		await same(both, [
			["draining", get("/odd/results/object")],
			["draining", get("/nowhere")],
		]).finally(() => {
			for (const { node } of both.sides) node.platform.problems.delete("draining");
		});
	});

	await t.test("what moleculer-web is told by its routes and by actions", async () => {
		const set = (changes: object) => {
			for (const { service } of both.sides)
				for (const route of service.routes) Object.assign(route, changes);
		};
		const asks: Ask[] = [
			["told", get("/odd/results/order", { origin: "https://other.example" })],
			["told", post("/odd/echo/nested", { n: 1 })],
			["told", post("/odd/raw/x", {})],
			["told", get("/odd/files/emoji")],
			["told", get("/nowhere")],
		];
		const told = {
			onAfterCall: async (_: unknown, route: { name: string }, ...rest: unknown[]) => ({
				name: route.name,
				data: rest.at(-1),
			}),
			callOptions: { meta: { told: true } },
			authentication: async () => ({ id: "somebody" }),
			authorization: async () => {
				throw problem(odd, "ODD", { oddity: 1, "emoji 🏺": "" });
			},
			cors: { origin: "*", methods: ["GET"] },
			middlewares: [
				(_: unknown, response: ServerResponse, next: () => void) => {
					response.setHeader("x-told", "1");
					next();
				},
			],
		};
		const shows: Record<keyof typeof told, RegExp> = {
			onAfterCall: /"name":"json"/,
			callOptions: /^200/,
			authentication: /^200/,
			authorization: /^409/,
			cors: /Access-Control-Allow-Origin,\*/i,
			middlewares: /x-told,1/,
		};
		for (const [name, value] of Object.entries(told)) {
			const before = Object.fromEntries([[name, both.fast.service.routes[0]?.[name]]]);
			set({ [name]: value });
			const compared = await same(both, asks).finally(() => set(before));
			// What is told is done, by both.
			const [first] = compared.map(({ answers: [answer] }) => answer);
			const said = `${first?.status} ${first?.headers} ${first?.body}`;
			assert.match(said, shows[name as keyof typeof told], name);
		}
	});

	await t.test("an action that is not for everybody", async () => {
		for (const visibility of ["published", "public", "protected", "private", null]) {
			for (const { node } of both.sides) {
				const { endpoints } = node.broker.registry.getActionEndpoints("odd.hidden") as unknown as {
					endpoints: { action: object }[];
				};
				for (const { action } of endpoints) Object.assign(action, { visibility });
			}
			const [compared] = await same(both, [[`visibility ${visibility}`, get("/odd/hidden")]]);
			assert.equal(compared?.status, visibility === "published" || visibility === null ? 200 : 503);
		}
	});

	await t.test("a breaker that opens", async () => {
		const opened = "$circuit-breaker.opened";
		for (const side of both.sides) side.events.length = 0;
		// Each breaker begins to count anew when its own 30 s are over, so that one may need more than the other.
		for (const side of both.sides)
			for (let i = 0; i < 60 && !side.events.includes(opened); i++)
				await side.ask(post("/odd/breaks", {}), `breaks-${i}`);
		for (const { events } of both.sides) assert.deepEqual([...new Set(events)], [opened]);
		const open = post("/odd/breaks", {});
		const compared = await same(both, [
			["open", open],
			["still open", open],
		]);
		assert.deepEqual(statusesIn(compared), [503]);
	});

	await t.test("nothing is left behind", async () => {
		await quiet(both);
		for (const { node, name } of both.sides) {
			const text = await node.platform.metrics.text();
			assert.match(text, /^zeolite_http_in_flight 0$/m, name);
		}
	});
}

/** Of each school its own. */
const own = (both: BothPaths, make: (school: School) => Asked): [Asked, Asked] => [
	make(both.fast.school),
	make(both.slow.school),
];

const servers = await needs("nats", "mongo", "s3");

test("both paths do the same", { timeout: 300_000, concurrency: 2 }, async t => {
	const inOneProcess = t.test("in one process", async t => conform(t, await openBothPaths(t)));
	if (servers) await t.test("over NATS", async t => conform(t, await openBothPaths(t, servers)));
	await inOneProcess;
});
