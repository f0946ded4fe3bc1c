import fc from "fast-check";
import type { ActionContract } from "../../kernel/contract.ts";
import { aliasesOf } from "../../kernel/contract.ts";
import { codeOf } from "../../kernel/errors.ts";
import { type Actor, actors, type Request, type School } from "./actors.ts";
import { extraKeys, forbiddenKeys, type Schema, valid, wrong } from "./arbitrary.ts";
import {
	actions,
	caseOf,
	faultOf,
	isQueried,
	type Json,
	jsonOf,
	pathParams,
	Raw,
	requestTo,
	resultFault,
	servicesOf,
	takesJson,
} from "./cases.ts";

/** A field of a plan: as the action's case has it, or a value of its own; left out where undefined. */
type Field = "as in the case" | { value: unknown };

/** An input to be made: what its fields are, and whether it must be refused. */
export interface Plan {
	kind: "fits" | "wrong" | "extra" | "forbidden" | "no object";
	by: Actor | "as in the case";
	fields: Record<string, Field>;
	extra?: readonly [key: string, value: unknown];
	body?: unknown;
}

const schemaOf = (face: ActionContract): Schema => (face.params ?? {}) as Schema;

/** Where a param of an action goes in. */
type Place = "path" | "query" | "body" | "call";

const placeOf = (alias: string | undefined, key: string): Place => {
	if (!alias) return "call";
	if (pathParams(alias).includes(key)) return "path";
	return isQueried(alias) ? "query" : "body";
};

/** What is wrong in one place: in a path nothing is, in a query text is text. */
function wrongAt(place: Place, schema: Schema): fc.Arbitrary<unknown> | undefined {
	if (place === "path") return undefined;
	if (place !== "query" || (schema.type !== "string" && !schema.enum)) return wrong(schema);
	const isLimited = schema.enum || schema.maxLength !== undefined || (schema.minLength ?? 0) > 0;
	return isLimited ? wrong(schema).filter(value => typeof value === "string") : undefined;
}

/** An address has no room for more. */
const cut = (value: unknown, place: Place): unknown =>
	typeof value === "string" && place === "path" ? value.slice(0, 500) : value;

/** Inputs of an action: that fit, and that do not for one reason. */
export function plansOf(action: string): fc.Arbitrary<Plan> {
	const face = actions.get(action) as ActionContract;
	const [alias] = aliasesOf(face);
	const { properties = {}, required = [] } = schemaOf(face);
	const keys = Object.entries(properties);
	const asInCase = fc.constant<Field>("as in the case");
	const by = fc.oneof(
		{ weight: 6, arbitrary: fc.constant("as in the case" as const) },
		{ weight: 1, arbitrary: fc.constantFrom(...actors) },
	);
	const fits = (isKept: number): fc.Arbitrary<Record<string, Field>> =>
		fc.record(
			Object.fromEntries(
				keys.map(([key, schema]) => {
					const place = placeOf(alias, key);
					const own = valid(schema).map((value): Field => ({ value: cut(value, place) }));
					const without: fc.Arbitrary<Field> = fc.constant({ value: undefined });
					return [
						key,
						fc.oneof(
							{ weight: isKept, arbitrary: asInCase },
							{ weight: 2, arbitrary: own },
							...(required.includes(key) ? [] : [{ weight: 1, arbitrary: without }]),
						),
					];
				}),
			),
		);
	const kinds: { weight: number; arbitrary: fc.Arbitrary<Plan> }[] = [
		{
			weight: 4,
			arbitrary: fc.record({ kind: fc.constant("fits" as const), by, fields: fits(4) }),
		},
		{
			weight: 1,
			arbitrary: fc.record({
				kind: fc.constant("extra" as const),
				by,
				fields: fits(8),
				extra: fc.constantFrom(...extraKeys),
			}),
		},
	];
	const faults = keys.flatMap(([key, schema]) => {
		const values = wrongAt(placeOf(alias, key), schema);
		const missing =
			required.includes(key) && placeOf(alias, key) !== "path" ? [fc.constant(undefined)] : [];
		return [...(values ? [values] : []), ...missing].map(arbitrary =>
			arbitrary.map((value): Record<string, Field> => ({ [key]: { value } })),
		);
	});
	const asUsual = Object.fromEntries(keys.map(([key]) => [key, "as in the case" as const]));
	if (faults.length > 0 && takesJson(face))
		kinds.push({
			weight: 4,
			arbitrary: fc.oneof(...faults).map(fault => ({
				kind: "wrong" as const,
				by: "as in the case" as const,
				fields: { ...asUsual, ...fault },
			})),
		});
	if (alias && takesJson(face)) {
		kinds.push({
			weight: 1,
			arbitrary: fc.constantFrom(...forbiddenKeys).map(key => ({
				kind: "forbidden" as const,
				by: "as in the case" as const,
				fields: asUsual,
				extra: [key, isQueried(alias) ? "x" : { roles: ["admin"] }] as const,
			})),
		});
		if (!isQueried(alias))
			kinds.push({
				weight: 1,
				arbitrary: fc
					.constantFrom<unknown>(null, true, 7, "text", [], [{}], new Raw("1e400"))
					.map(body => ({
						kind: "no object" as const,
						by: "as in the case" as const,
						fields: asUsual,
						body,
					})),
			});
	}
	return fc.oneof(...kinds);
}

/** What came of a plan: the code of its problem, `ok`, and what about that is wrong. */
export interface Outcome {
	code: string;
	fault?: string | undefined;
}

/** Raw values as a mesh call would carry them. */
const parsed = (value: unknown): unknown => {
	if (value instanceof Raw) return JSON.parse(value.text);
	if (Array.isArray(value)) return value.map(parsed);
	if (typeof value !== "object" || value === null) return value;
	return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, parsed(inner)]));
};

/** Where another refund is under way, or the sandbox was told to lose its answer: to be tried again. */
const mayBeBusy = new Set(["payments.giveBack", "sandbox.refund"]);

/** What a call by the mesh says that its contract does not. */
export async function callPlan(school: School, action: string, params: Json): Promise<Outcome> {
	const face = actions.get(action) as ActionContract;
	try {
		const result = await school.call(action, parsed(params) as object);
		return { code: "ok", fault: resultFault(face, result) };
	} catch (error) {
		const code = codeOf(error) ?? "";
		const isDeclared =
			Object.hasOwn(face.errors ?? {}, code) ||
			code === "VALIDATION_ERROR" ||
			(code === "SERVICE_UNAVAILABLE" && mayBeBusy.has(action));
		return { code, fault: isDeclared ? undefined : `it throws ${String(error)}` };
	}
}

function requestOf(alias: string, params: Json, { extra, body, kind }: Plan): Request {
	const request = requestTo(alias, params);
	if (kind === "no object") return { ...request, text: jsonOf(body) };
	if (!extra) return request;
	const [key, value] = extra;
	if (isQueried(alias)) {
		const mark = request.path.includes("?") ? "&" : "?";
		const pair = `${encodeURIComponent(key)}=${encodeURIComponent(jsonOf(value))}`;
		return { ...request, path: `${request.path}${mark}${pair}` };
	}
	const members = (request.text ?? "{}").slice(1, -1);
	const more = `${JSON.stringify(key)}:${jsonOf(value)}`;
	return { ...request, text: `{${members}${members && ","}${more}}` };
}

/** Carries a plan out, and holds what comes of it against the contract. */
export async function carryOut(school: School, action: string, plan: Plan): Promise<Outcome> {
	const face = actions.get(action) as ActionContract;
	const [alias] = aliasesOf(face);
	const { by, params: make } = caseOf(action);
	const usual = (await make?.(school)) ?? {};
	const given = Object.entries(plan.fields).map(([key, field]) => [
		key,
		field === "as in the case" ? usual[key] : field.value,
	]);
	const params: Json = Object.fromEntries(given.filter(([, value]) => value !== undefined));
	if (!alias) {
		const more = plan.extra ? { [plan.extra[0]]: plan.extra[1] } : {};
		const outcome = await callPlan(school, action, { ...params, ...more });
		const isTaken = plan.kind === "wrong" && outcome.code !== "VALIDATION_ERROR";
		return isTaken ? { ...outcome, fault: `it takes what is wrong: ${outcome.code}` } : outcome;
	}
	const actor = plan.by === "as in the case" ? by : plan.by;
	const request = requestOf(alias, params, plan);
	if (action === "auth.logout" && actor !== "nobody") {
		const { token } = await school.signIn(school.things.victim);
		request.headers = { authorization: `Bearer ${token}` };
	}
	const [service = "payment-service"] = servicesOf(face);
	const answer = await school.ask(actor, request, service);
	const code = answer.status < 300 ? "ok" : String(answer.body?.code);
	const wanted = { wrong: 422, "no object": 422, forbidden: 400, fits: 0, extra: 0 }[plan.kind];
	const fault = faultOf(action, answer);
	const isTooMuch = answer.status === 413 || answer.status === 414;
	if (!fault && wanted && answer.status !== wanted && !isTooMuch)
		return { code, fault: `${plan.kind} is ${wanted}, not ${answer.status} ${code}` };
	return { code, fault };
}

/** How an action stood its inputs. */
export interface Report {
	runs: number;
	codes: Set<string>;
	/** What went wrong first, as small as it gets, and how to have it again. */
	failure?: string;
}

const shown = (value: unknown): string =>
	jsonOf(value).replace(/(.)\1{80,}/gu, (run, char) => `${char}×${run.length}`);

/** Sends many inputs to an action. @param seed gives the same plans again. */
export async function fuzz(
	school: School,
	action: string,
	{ runs, seed, path }: { runs: number; seed: number; path?: string },
): Promise<Report> {
	const codes = new Set<string>();
	const property = fc.asyncProperty(plansOf(action), async plan => {
		const { code, fault } = await carryOut(school, action, plan);
		codes.add(code);
		if (fault) throw new Error(fault);
	});
	const { params } = actions.get(action) as ActionContract;
	const asInCase = Object.keys(params?.properties ?? {}).map(
		key => [key, "as in the case"] as const,
	);
	const usual: Plan = { kind: "fits", by: "as in the case", fields: Object.fromEntries(asInCase) };
	const result = await fc.check(property, {
		numRuns: runs,
		seed,
		...(path ? { path } : { examples: [[usual]] }),
	});
	if (!result.failed) return { runs: result.numRuns, codes };
	const cause = (result.errorInstance as Error | undefined)?.message ?? "";
	const [plan] = result.counterexample ?? [];
	const again = `FUZZ_SEED=${result.seed} FUZZ_ACTION=${action} FUZZ_PATH=${result.counterexamplePath}`;
	return {
		runs: result.numRuns,
		codes,
		failure: `${action}: ${cause}\n  ${shown(plan)}\n  again: ${again}`,
	};
}
