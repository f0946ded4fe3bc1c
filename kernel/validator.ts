import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import addFormats from "ajv-formats";
import { type ActionParams, type Context, Validators } from "moleculer";
import type { TSchema } from "typebox";
import type { Contracts } from "./contracts.ts";

/** One field that does not fit, as the problem document lists it; never carries the value. */
export interface FieldError {
	/** JSON pointer of the field, also of one that is missing. */
	path: string;
	/** Ajv's keyword, upper case: `REQUIRED`, `MINIMUM`, `FORMAT`, … */
	code: string;
	message: string;
}

interface Schema {
	properties?: Record<string, Schema>;
	additionalProperties?: boolean | Schema;
	patternProperties?: Record<string, Schema>;
	items?: Schema;
	anyOf?: readonly Schema[];
	oneOf?: readonly Schema[];
	allOf?: readonly Schema[];
}

/** Ajv would register every nested `$id` globally; they are names for documents, not references. */
const withoutIds = (schema: unknown): unknown => {
	if (Array.isArray(schema)) return schema.map(withoutIds);
	if (typeof schema !== "object" || schema === null) return schema;
	return Object.fromEntries(
		Object.entries(schema)
			.filter(([key, value]) => !(key === "$id" && typeof value === "string"))
			.map(([key, value]) => [key, withoutIds(value)]),
	);
};

/** A schema with the branches of its unions and intersections, however deep. */
const branchesOf = (schema: Schema): Schema[] => [
	schema,
	...[...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])].flatMap(
		branchesOf,
	),
];

const oneOf = (schemas: readonly Schema[]): Schema =>
	schemas.length === 1 ? (schemas[0] as Schema) : { anyOf: schemas };

/** What a branch says of a key; empty where it does not know it. */
const saidOf = ({ properties, patternProperties, additionalProperties }: Schema, key: string) => {
	if (properties && Object.hasOwn(properties, key)) return [properties[key] as Schema];
	const matching = Object.entries(patternProperties ?? {}).filter(([p]) => new RegExp(p).test(key));
	if (matching.length > 0) return matching.map(([, schema]) => schema);
	return typeof additionalProperties === "object" ? [additionalProperties] : [];
};

/**
 * A copy of `value`, shared with nobody, without the keys its schema does not know. Objects whose schema names no
 * keys are kept whole; under a union a key stays where any branch knows it. `__proto__` is never a key.
 */
export function known(value: unknown, schema: Schema): unknown {
	if (typeof value !== "object" || value === null || Buffer.isBuffer(value)) return value;
	const branches = branchesOf(schema);
	if (Array.isArray(value)) {
		const items = oneOf(branches.flatMap(branch => branch.items ?? []));
		return value.map(item => known(item, items));
	}
	const namesKeys = (b: Schema) =>
		b.properties || b.patternProperties || typeof b.additionalProperties === "object";
	const isOpen = !branches.some(namesKeys) || branches.some(b => b.additionalProperties === true);
	const kept: Record<string, unknown> = {};
	for (const [key, item] of Object.entries(value)) {
		const said = branches.flatMap(branch => saidOf(branch, key));
		if (key !== "__proto__" && (isOpen || said.length > 0)) kept[key] = known(item, oneOf(said));
	}
	return kept;
}

const pointer = ({ instancePath, keyword, params }: ErrorObject): string =>
	keyword === "required"
		? `${instancePath}/${params.missingProperty.replaceAll("~", "~0").replaceAll("/", "~1")}`
		: instancePath;

const fieldErrors = (errors: readonly ErrorObject[]): FieldError[] =>
	errors.map(error => ({
		path: pointer(error),
		code: error.keyword.replace(/([a-z])([A-Z])/g, "$1_$2").toUpperCase(),
		message: error.message ?? "does not fit",
	}));

/** Compiled checks of all params and results, made once per process and on first use. */
export class SchemaChecks {
	readonly #contracts: Contracts;
	readonly #ajv: Ajv;
	readonly #compiled = new WeakMap<object, ValidateFunction>();

	constructor(contracts: Contracts) {
		this.#contracts = contracts;
		this.#ajv = new Ajv({ strict: false, useDefaults: true, allErrors: false });
		(addFormats as unknown as (ajv: Ajv) => void)(this.#ajv);
	}

	#check(schema: TSchema): ValidateFunction {
		const compiled = this.#compiled.get(schema) ?? this.#ajv.compile(withoutIds(schema) as object);
		this.#compiled.set(schema, compiled);
		return compiled;
	}

	/** Params without unknown keys and with defaults, or what does not fit. */
	params(action: string, value: unknown): { params: object } | { errors: FieldError[] } {
		const schema = this.#contracts.action(action)?.params;
		if (!schema) return { params: {} };
		const params = known(value, schema as Schema) as object;
		const check = this.#check(schema);
		return check(params) ? { params } : { errors: fieldErrors(check.errors ?? []) };
	}

	/** What in a value does not fit `schema`; empty when it does. */
	errors(schema: TSchema, value: unknown): FieldError[] {
		const check = this.#check(schema);
		return check(structuredClone(value)) ? [] : fieldErrors(check.errors ?? []);
	}
}

/**
 * Moleculer's validator: an action of ours is registered as `{$contract: name}` and checked by Ajv; anything else
 * (Moleculer's own services) goes to the built-in one.
 */
export class ContractValidator extends Validators.Fastest {
	readonly #checks: SchemaChecks;

	constructor(checks: SchemaChecks) {
		super();
		this.#checks = checks;
	}

	// biome-ignore lint/suspicious/noExplicitAny: Moleculer's own signature
	override compile(schema: ActionParams): any {
		const action = (schema as { $contract?: string }).$contract;
		if (!action) return super.compile(schema);
		return (params: unknown, { meta: ctx }: { meta: Context<unknown> }) => {
			const checked = this.#checks.params(action, params);
			if ("errors" in checked) return checked.errors;
			ctx.params = checked.params;
			return true;
		};
	}
}
