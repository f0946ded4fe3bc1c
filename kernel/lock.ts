import type { TSchema } from "typebox";
import { accessOf, aliasesOf, statusesOf } from "./contract.ts";
import type { Contracts } from "./contracts.ts";

/** Path of a field → its type; `?` at its end where it may be absent, `a|b` for one of several values. */
export type Fields = Record<string, string>;

export interface ActionLock {
	kind: string;
	access: string[];
	rest: string[];
	statuses: number[];
	params: Fields;
	result: Fields;
	/** Code → status. */
	errors: Record<string, number>;
}

/** What clients and consumers rely on, as it lies in `contracts.lock.json`. */
export interface Lock {
	actions: Record<string, ActionLock>;
	/** Name → fields of its data. */
	facts: Record<string, Fields>;
}

interface Schema {
	type?: string;
	const?: unknown;
	enum?: unknown[];
	anyOf?: Schema[];
	items?: Schema;
	properties?: Record<string, Schema>;
	patternProperties?: Record<string, Schema>;
	required?: string[];
}

const typeOf = ({ type, const: value, enum: values, anyOf }: Schema): string => {
	if (value !== undefined) return String(value);
	if (values) return values.map(String).sort().join("|");
	if (anyOf) return [...new Set(anyOf.map(typeOf))].sort().join("|");
	return type ?? "any";
};

function collect(schema: Schema, path: string, isOptional: boolean, fields: Fields): void {
	fields[path || "/"] = typeOf(schema) + (isOptional ? "?" : "");
	for (const branch of schema.anyOf ?? [])
		if (branch.properties) collectInner(branch, path, fields);
	collectInner(schema, path, fields);
}

function collectInner(schema: Schema, path: string, fields: Fields): void {
	for (const [name, property] of Object.entries(schema.properties ?? {}))
		collect(property, `${path}/${name}`, !schema.required?.includes(name), fields);
	for (const inner of Object.values(schema.patternProperties ?? {}))
		collect(inner, `${path}/*`, false, fields);
	if (schema.items) collect(schema.items, `${path}/-`, false, fields);
}

const sorted = <T>(record: Record<string, T>): Record<string, T> =>
	Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));

/** The fields of a schema, with their types. */
export function fieldsOf(schema: TSchema | undefined): Fields {
	const fields: Fields = {};
	if (schema) collect(schema as Schema, "", false, fields);
	return sorted(fields);
}

/** The face of all contracts, sorted, so that a change of it is a readable difference. */
export function lockOf(contracts: Contracts): Lock {
	const actions = [...contracts.actions].map(([name, action]) => [
		name,
		{
			kind: action.kind,
			access: accessOf(action).map(rule => JSON.stringify(rule)),
			rest: [...aliasesOf(action)],
			statuses: [...statusesOf(action)],
			params: fieldsOf(action.params),
			result: fieldsOf(action.result),
			errors: sorted(
				Object.fromEntries(
					Object.entries(action.errors ?? {}).map(([code, { status }]) => [code, status]),
				),
			),
		},
	]);
	const facts = contracts.all.flatMap(contract =>
		Object.entries(contract.facts ?? {}).map(([name, { data }]) => [name, fieldsOf(data)]),
	);
	return { actions: sorted(Object.fromEntries(actions)), facts: sorted(Object.fromEntries(facts)) };
}

const isOptional = (type: string): boolean => type.endsWith("?");
const valuesOf = (type: string): string[] => type.replace(/\?$/, "").split("|");

/** Whether everything that was allowed still is. */
const covers = (now: string, before: string): boolean =>
	valuesOf(before).every(value => valuesOf(now).includes(value));

/** What is read there may grow: a field may be added, a value too, but none may go or become uncertain. */
function* lostFields(what: string, before: Fields, now: Fields): Generator<string> {
	for (const [path, type] of Object.entries(before)) {
		const current = now[path];
		if (current === undefined) yield `${what}: the field ${path} is gone`;
		else if (!covers(current, type)) yield `${what}: ${path} was ${type} and is ${current}`;
		else if (isOptional(current) && !isOptional(type)) yield `${what}: ${path} may now be absent`;
	}
}

/** What is sent there may be asked for less: nothing more may be required, and no value refused that was taken. */
function* newDemands(what: string, before: Fields, now: Fields): Generator<string> {
	for (const [path, type] of Object.entries(now)) {
		const former = before[path];
		if (former === undefined && !isOptional(type) && path !== "/" && !/\/[-*]$/.test(path))
			yield `${what}: ${path} is now required`;
		else if (former !== undefined && !covers(type, former))
			yield `${what}: ${path} took ${former} and takes ${type}`;
		else if (former && isOptional(former) && !isOptional(type))
			yield `${what}: ${path} is now required`;
	}
	for (const path of Object.keys(before))
		if (!(path in now)) yield `${what}: ${path} is not taken any more`;
}

function* brokenAction(
	name: string,
	before: ActionLock,
	now: ActionLock | undefined,
): Generator<string> {
	if (!now) return yield `${name} is gone`;
	for (const alias of before.rest)
		if (!now.rest.includes(alias)) yield `${name} does not answer ${alias} any more`;
	for (const rule of before.access)
		if (!now.access.includes(rule)) yield `${name} is not open to ${rule} any more`;
	for (const [code, status] of Object.entries(before.errors))
		if (now.errors[code] !== status)
			yield `${name}: the error ${code} was ${status} and is ${now.errors[code] ?? "gone"}`;
	if (now.statuses[0] !== before.statuses[0])
		yield `${name} answered ${before.statuses[0]} and answers ${now.statuses[0]}`;
	yield* newDemands(`${name}, params`, before.params, now.params);
	yield* lostFields(`${name}, result`, before.result, now.result);
}

/**
 * What clients or consumers relied on and lose, each as a sentence. A breaking change is a new action or fact, not
 * another form of an old one.
 */
export function brokenPromises(before: Lock, now: Lock): string[] {
	return [
		...Object.entries(before.actions).flatMap(([name, action]) => [
			...brokenAction(name, action, now.actions[name]),
		]),
		...Object.entries(before.facts).flatMap(([name, fields]) => {
			const current = now.facts[name];
			return current
				? [...lostFields(`the fact ${name}`, fields, current)]
				: [`the fact ${name} is gone`];
		}),
	];
}
