import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import type { Node } from "../../kernel/node.ts";
import { uniqueEmail } from "./http.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came
export type Answered = any;

export type Ask = (action: string, params?: object) => Promise<Answered>;

/** Calls actions as this user; without a token as a node of the mesh. */
export const asking =
	({ broker }: Node, token?: string): Ask =>
	(action, params = {}) =>
		broker.call(action, params, { headers: token ? { token } : {} });

/** Somebody with an account. */
export interface Actor {
	token: string;
	userId: string;
}

/** Somebody new. */
export async function newActor(node: Node, role: "student" | "teacher"): Promise<Actor> {
	const account = { email: uniqueEmail(), password: "password123", role };
	const { user, accessToken } = await asking(node)("auth.register", account);
	return { token: accessToken, userId: user.id };
}

/** A course at 99.99 USD. */
export const newCourse = async (node: Node, { token }: Actor): Promise<string> =>
	(await asking(node, token)("courses.create", { title: "Test Course", price: 99.99 })).id;

export type Raw = Record<string, unknown> & { _id: string };

/** All documents of a collection, as the database has them. */
export type Records = (collection: string) => Promise<Raw[]>;

/** A deployment to look at from outside. */
export interface Place {
	node: Node;
	records: Records;
	/** The file whose bytes, or places for bytes, each thing in the store of files is, in any order. */
	stored(): Promise<string[]>;
	/** Makes the time come at which what is left of uploads is swept. */
	age(): Promise<void>;
}

/** What a client keeps over a crash of the server, as a page keeps it. */
export interface Memory {
	load(): Answered;
	keep(known: object): void;
}

/** What people do, from its beginning or from wherever things stand, and what it comes to. */
export interface Journey<Cast = Answered, Outcome extends object = Answered> {
	/** How far it can be when a process ends, in order. */
	stages: readonly string[];
	/** New people, and what there is before they begin. @param admin token of an admin */
	cast(node: Node, admin: string): Promise<Cast>;
	/** What clients do from wherever things stand; each stage as it is reached. @throws where an answer is none that a client may get. */
	steps(place: Place, cast: Cast, memory: Memory): AsyncGenerator<string>;
	/** How far it was when a process ended, by what is written down and what providers have. */
	stageOf(records: Records, cast: Cast): Promise<string>;
	/** What there is to be seen, without ids and times. */
	outcome(place: Place, cast: Cast, admin: string): Promise<Outcome>;
	/** Of an outcome at the first stage, what any crash until then leaves as it was. @throws where the rest is wrong */
	atFirst(outcome: Outcome): object;
}

/** Settles after each stage, until a journey has ended. @throws what ends it early: an answer, the signal. */
export async function play<Cast>(
	{ steps }: Journey<Cast>,
	place: Place,
	{ cast, memory }: { cast: Cast; memory: Memory },
	signal?: AbortSignal,
): Promise<void> {
	for await (const _ of steps(place, cast, memory)) await settled(place.node, signal);
}

/** Names of the actions of this kind of every service, as `facts.sweep`. */
const everywhere = ({ platform }: Node, action: string): string[] =>
	[...platform.contracts.actions.keys()].filter(name => name.endsWith(`.${action}`)).sort();

const settleMs = 60_000;

/** Lets go of what consumers have receipts for, until no fact is left; publishes nothing again. */
export async function settled(node: Node, signal?: AbortSignal): Promise<void> {
	const ask = asking(node);
	const until = performance.now() + settleMs;
	for (;;) {
		signal?.throwIfAborted();
		const sweeps = await Promise.all(everywhere(node, "facts.sweep").map(name => ask(name)));
		// A fact that was let go in this round may have led to another after its service was asked.
		const left = sweeps.reduce((sum, sweep) => sum + sweep.pending + sweep.settled, 0);
		if (left === 0) return;
		assert.ok(performance.now() < until, `${left} facts without all their receipts`);
		await pause(20);
	}
}

/**
 * The one sweep after a crash: what is in doubt is asked about, what waits is delivered, applied and published. An event
 * that was stored a moment ago has its own back-off, which is waited for.
 */
export async function sweep({ node, records }: Pick<Place, "node" | "records">): Promise<void> {
	const ask = asking(node);
	await ask("payments.reconcile", { now: true });
	await ask("videos.reconcile", { now: true });
	await ask("sandbox.deliver");
	const until = performance.now() + settleMs;
	for (;;) {
		await ask("payments.applyEvents");
		const events = await records("payment_events");
		if (events.every(({ state }) => state !== "received")) break;
		assert.ok(performance.now() < until, "a webhook is not applied");
		await pause(100);
	}
	for (const name of everywhere(node, "facts.sweep")) await ask(name, { now: true });
	await settled(node);
}

/** Facts that were given up, of every service. */
export async function parked(node: Node): Promise<Answered[]> {
	const found = [];
	for (const name of everywhere(node, "facts.parked"))
		found.push(...(await asking(node)(name)).items);
	return found;
}
