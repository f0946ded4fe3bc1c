import { writeSync } from "node:fs";
import type { Env } from "./env.ts";
import type { Driver } from "./store/collection.ts";
import type { Change } from "./store/guard.ts";

/** Where a process ends itself: at the n-th crash point of a service, counted from 1. */
export interface CrashAt {
	service: string;
	n: number;
	when: "before" | "after";
}

/**
 * Reads `CRASH_AT`: `<service>:<n>:before|after`, or `count`, which ends nothing and names each point on standard error.
 * @throws Error whose message says what was expected.
 */
export function parseCrashAt(text: string): CrashAt | "count" {
	if (text === "count") return text;
	const [, service, n, when] = /^([a-z][\w-]*):([1-9]\d*):(before|after)$/.exec(text) ?? [];
	if (!service) throw new Error("expected <service>:<n>:before|after, or count");
	return { service, n: Number(n), when: when as CrashAt["when"] };
}

/** Points that each service passed, by node. */
const counts = new WeakMap<Env, Map<string, number>>();

/** From here on the node's crash points count: what it writes while it starts is no part of any request. */
export function armCrashPoints(env: Env): void {
	if (env.CRASH_AT) counts.set(env, new Map());
}

/**
 * Does `act` as one crash point: `before` ends the process before it, `after` once it was answered and before the caller
 * hears of it. The process is killed, so nothing is flushed and nobody is told.
 */
async function pass<T>(
	env: Env,
	service: string,
	label: string,
	act: () => Promise<T>,
): Promise<T> {
	const passed = counts.get(env);
	const { CRASH_AT: at } = env;
	if (!passed || !at) return act();
	const n = (passed.get(service) ?? 0) + 1;
	passed.set(service, n);
	const endIf = (when: CrashAt["when"]) => {
		if (at === "count" || at.service !== service || at.n !== n || at.when !== when) return;
		writeSync(2, `crash point ${service}:${n}:${when} ${label}\n`);
		process.kill(process.pid, "SIGKILL");
	};
	if (at === "count") writeSync(2, `crash point ${service}:${n} ${label}\n`);
	endIf("before");
	try {
		return await act();
	} finally {
		endIf("after");
	}
}

/** `target`, its methods that have a label being crash points of `service`. */
const watched = <T extends object>(
	env: Env,
	service: string,
	target: T,
	labelOf: (method: string, args: readonly unknown[]) => string | undefined,
): T =>
	new Proxy(target, {
		get(_, name) {
			const value: unknown = Reflect.get(target, name, target);
			if (typeof value !== "function") return value;
			return (...args: unknown[]) => {
				const act = () => value.apply(target, args);
				const label = labelOf(String(name), args);
				return label === undefined ? act() : pass(env, service, label, act);
			};
		},
	});

/** A provider whose calls that change something are crash points of `service`; without `CRASH_AT` the provider itself. */
export const watchedCalls = <T extends object>(
	env: Env,
	service: string,
	provider: T,
	changing: readonly (keyof T & string)[],
): T =>
	env.CRASH_AT
		? watched(env, service, provider, method =>
				changing.includes(method as never) ? `provider.${method}` : undefined,
			)
		: provider;

/** A collection's driver whose writes are crash points of `service`; without `CRASH_AT` the driver itself. */
export const watchedWrites = (
	env: Env,
	service: string,
	collection: string,
	driver: Driver,
): Driver =>
	env.CRASH_AT
		? watched(env, service, driver, (method, [first, change]) => {
				if (method === "insert")
					return ["insert", collection, ...traits(first as object)].join(" ");
				if (method === "update") return updateLabel(collection, change as Change);
				return method === "remove" ? `remove ${collection}` : undefined;
			})
		: driver;

const telling = ["status", "state", "kind", "type", "name"];

/** What tells a document from others of its collection, and the facts that go out with it; no ids, no amounts. */
function traits(doc: object): string[] {
	const fields = doc as Record<string, unknown>;
	const told = telling.map(name => fields[name]).filter(value => typeof value === "string");
	return [...told, ...factNames(Object.values((fields.outbox ?? {}) as object))];
}

const factNames = (facts: readonly unknown[]): string[] =>
	facts.map(fact => `+${(fact as { name: string }).name}`);

/** The states that a change sets, else the fields it touches; ids inside a path are left out. */
function updateLabel(collection: string, { $set = {}, $unset = {}, $inc = {} }: Change): string {
	const isFact = (path: string) => path.startsWith("outbox.");
	if (Object.keys($unset).some(isFact)) return `settle ${collection}`;
	const set = Object.entries($set);
	const reached = set.flatMap(([path, value]) => (isFact(path) ? [] : stateOf(path, value)));
	const touched = [$set, $unset, $inc].flatMap(Object.keys).map(path => path.split(".")[0]);
	const fields = [...new Set(touched)].filter(
		field => !["outbox", "outboxSize", "updatedAt"].includes(field as string),
	);
	const facts = factNames(set.filter(([path]) => isFact(path)).map(([, fact]) => fact));
	return ["advance", collection, ...(reached.length > 0 ? reached : fields), ...facts].join(" ");
}

const states = ["status", "state", "outcome", "what"];

/** The state that a path is set to, with where it lies; none where it is no state and holds none. */
function stateOf(path: string, value: unknown): string[] {
	const parts = path.split(".");
	const last = parts.at(-1) as string;
	const held = states.map(name => (value as Record<string, unknown> | undefined)?.[name]);
	const state = states.includes(last) ? value : held.find(found => typeof found === "string");
	if (typeof state !== "string") return [];
	const where = (states.includes(last) ? parts.slice(0, -1) : parts).filter(isName);
	return [[...where, state.replaceAll(" ", "-")].join(".")];
}

/** Not an id. */
const isName = (part: string): boolean => !/\d/.test(part);
