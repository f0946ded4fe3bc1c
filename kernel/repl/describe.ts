import {
	type Access,
	type ActionContract,
	accessOf,
	aliasesOf,
	type Contract,
	statusesOf,
} from "../contract.ts";
import type { Contracts } from "../contracts.ts";
import { type Schema, sampleLine } from "./params.ts";

/** Rows as aligned columns, two spaces apart, each line indented by `indent`. */
export function columns(rows: readonly (readonly string[])[], indent = ""): string {
	const widths: number[] = [];
	for (const row of rows)
		row.forEach((cell, i) => {
			widths[i] = Math.max(widths[i] ?? 0, cell.length);
		});
	return rows
		.map(row => `${indent}${row.map((cell, i) => cell.padEnd(widths[i] as number)).join("  ")}`)
		.map(line => line.trimEnd())
		.join("\n");
}

const ruleInWords = (rule: Access): string => {
	if (rule === "public") return "anyone";
	if (rule === "user") return "any user";
	if (rule === "internal") return "the mesh";
	return "roles" in rule ? rule.roles.join(" or ") : rule.service.join(" or ");
};

/** Who may call an action, in words. */
export const accessInWords = (action: ActionContract): string =>
	accessOf(action).map(ruleInWords).join(", ");

const range = (min: number | undefined, max: number | undefined): string => {
	if (min === undefined && max === undefined) return "";
	if (max === undefined) return ` from ${min}`;
	return min === undefined ? ` to ${max}` : ` ${min}..${max}`;
};

/** A schema in a few words: `text 1..200`, `draft | published`, `list of {id, title?}`. */
export function typeInWords(schema: Schema): string {
	if (schema.const !== undefined) return JSON.stringify(schema.const);
	if (schema.enum) return schema.enum.join(" | ");
	if (schema.anyOf) return schema.anyOf.map(typeInWords).join(" | ");
	if (schema.type === "string") {
		const form = schema.format ?? (schema.pattern ? `text ${schema.pattern}` : "text");
		return form + range(schema.minLength, schema.maxLength);
	}
	if (schema.type === "number" || schema.type === "integer")
		return schema.type + range(schema.minimum, schema.maximum);
	if (schema.type === "array")
		return `list of ${typeInWords(schema.items ?? {})}${range(schema.minItems, schema.maxItems)}`;
	if (schema.properties) return `{${fieldNames(schema).join(", ")}}`;
	return schema.type ?? "anything";
}

const fieldNames = (schema: Schema): string[] =>
	Object.keys(schema.properties ?? {}).map(key => key + (isRequired(schema, key) ? "" : "?"));

const isRequired = (schema: Schema, key: string): boolean =>
	schema.required?.includes(key) ?? false;

const restOf = (action: ActionContract): string => aliasesOf(action).join(", ");

/** Every service with what it is for. */
export const describeMesh = ({ all }: Contracts): string =>
	columns(all.map(({ name, description }) => [name, description]));

/** A service: its actions with who may call them, its facts, what it consumes and what runs by itself. */
export function describeService(contracts: Contracts, service: Contract): string {
	const isKernels = (name: string) => name.startsWith(`${service.name}.facts.`);
	const actions = [...contracts.actions]
		.filter(([name]) => name.startsWith(`${service.name}.`))
		.sort(([a], [b]) => Number(isKernels(a)) - Number(isKernels(b)))
		.map(([name, action]) => [name, accessInWords(action), restOf(action)]);
	const more: (readonly [string, string])[] = [
		["facts", Object.keys(service.facts ?? {}).join(", ")],
		["consumes", Object.keys(service.consumes ?? {}).join(", ")],
		[
			"runs",
			Object.entries(service.schedules ?? {})
				.map(([action, when]) => `${action} ${when}`)
				.join(", "),
		],
	];
	return [
		`${service.name}: ${service.description}`,
		columns(actions, "  "),
		columns(
			more.filter(([, text]) => text !== ""),
			"  ",
		),
	]
		.filter(Boolean)
		.join("\n");
}

function describeParams(params: Schema): string[][] {
	return Object.entries(params.properties ?? {}).map(([key, schema]) => [
		key + (isRequired(params, key) ? "" : "?"),
		typeInWords(schema),
		schema.description ?? "",
	]);
}

/** An action: what it does, who may call it, where, with what, what it answers, and how to try it. */
export function describeAction(name: string, action: ActionContract): string {
	const result = action.result as Schema;
	const fields = fieldNames(result);
	const rows: string[][] = [
		["access", accessInWords(action)],
		...(action.audit ? [["audit", "tells who changed what, as a fact"]] : []),
		[
			"rest",
			aliasesOf(action).length > 0
				? `${restOf(action)} → ${statusesOf(action).join(", ")}`
				: "none",
		],
		["result", [result.$id, fields.length > 0 ? `{${fields.join(", ")}}` : ""].join(" ").trim()],
	];
	const params = action.params ? describeParams(action.params as Schema) : [];
	const errors = Object.entries(action.errors ?? {}).map(([code, problem]) => [
		code,
		String(problem.status),
		problem.title,
	]);
	return [
		`${name} (${action.kind}): ${action.description}`,
		columns(rows, "  "),
		...(params.length > 0 ? ["  params", columns(params, "    ")] : []),
		...(errors.length > 0 ? ["  errors", columns(errors, "    ")] : []),
		...(action.example ? ["  example", `    ${sampleLine(name, action.example)}`] : []),
	].join("\n");
}
