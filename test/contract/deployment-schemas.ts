import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { Ajv, type AnySchema } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { root } from "../support/node.ts";
import { moduleCaches } from "../support/stripe/openapi.ts";

const composeGo = "github.com/compose-spec/compose-go/v2@v2.16.2";
const clientGo = "k8s.io/client-go@v0.37.2";

/** Brings the schemas of Compose and Kubernetes, which their makers' Go modules hold. */
export const SCHEMAS_COMMAND = `go mod download ${composeGo} ${clientGo}`;

const places = [path.join(root, ".cache", "go"), ...moduleCaches()];

/** A file of a Go module; undefined where it is not on this machine. */
const find = (module: string, file: string): string | undefined =>
	places.map(place => path.join(place, module, file)).find(place => existsSync(place));

/** A document → what is wrong with it, each with its place. */
export type Check = (document: unknown) => string[];

/** The Compose specification's own schema; undefined where it is not here. It knows every key there is. */
export function composeCheck(): Check | undefined {
	const file = find(composeGo, "schema/compose-spec.json");
	if (!file) return undefined;
	// Its formats are the Compose tool's own, not JSON Schema's.
	const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
	return checkOf(ajv, JSON.parse(readFileSync(file, "utf8")));
}

/** A type as Kubernetes' server-side apply describes it. */
interface Atom {
	namedType?: string;
	scalar?: "string" | "numeric" | "boolean" | "untyped";
	list?: { elementType: Atom };
	map?: { fields?: { name: string; type: Atom }[]; elementType?: Atom };
}

interface OpenApi {
	components: { schemas: Record<string, { required?: string[] }> };
}

const scalars = { string: "string", numeric: "number", boolean: "boolean" } as const;

function schemaOf(
	{ namedType, scalar, list, map }: Atom,
	required: readonly string[] = [],
): AnySchema {
	if (namedType?.startsWith("__untyped") || scalar === "untyped") return {};
	if (namedType) return { $ref: `#/$defs/${namedType}` };
	if (scalar) return { type: scalars[scalar] };
	if (list) return { type: "array", items: schemaOf(list.elementType) };
	return {
		type: "object",
		properties: Object.fromEntries(
			(map?.fields ?? []).map(field => [field.name, schemaOf(field.type)]),
		),
		additionalProperties: map?.elementType ? schemaOf(map.elementType) : false,
		required,
	};
}

/** The schemas that Kubernetes checks manifests against when they are applied strictly: names of fields, and types. */
function kubernetesTypes(): Record<string, AnySchema> | undefined {
	const file = find(clientGo, "applyconfigurations/internal/internal.go");
	if (!file) return undefined;
	const text = readFileSync(file, "utf8").split("`")[1] as string;
	const required = Object.assign(
		{},
		...["api__v1", "apis__apps__v1"].map(group => {
			const openApi = find(clientGo, `openapi/openapitest/testdata/${group}_openapi.json`);
			const { components } = JSON.parse(readFileSync(openApi as string, "utf8")) as OpenApi;
			return components.schemas;
		}),
	) as OpenApi["components"]["schemas"];
	const { types } = parse(text, { maxAliasCount: -1 }) as { types: (Atom & { name: string })[] };
	return Object.fromEntries(
		types.map(({ name, ...type }) => [name, schemaOf(type, required[name]?.required)]),
	);
}

/** Kubernetes' own types, by apiVersion and kind; undefined where they are not here. */
export function kubernetesCheck(): Check | undefined {
	const $defs = kubernetesTypes();
	if (!$defs) return undefined;
	const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
	ajv.addSchema({ $id: "kubernetes", $defs });
	return document => {
		const { apiVersion = "", kind = "" } = document as { apiVersion?: string; kind?: string };
		const [version, group = "core"] = apiVersion.split("/").reverse();
		const name = `io.k8s.api.${group.split(".")[0]}.${version}.${kind}`;
		if (!$defs[name]) return [`there is no ${kind} in ${apiVersion}`];
		return checkOf(ajv, { $ref: `kubernetes#/$defs/${name}` })(document);
	};
}

function checkOf(ajv: Ajv, schema: AnySchema): Check {
	const validate = ajv.compile(schema);
	return document => {
		validate(document);
		return (validate.errors ?? []).map(({ instancePath, message, params }) => {
			const { additionalProperty, unevaluatedProperty } = params as Record<string, string>;
			const key = additionalProperty ?? unevaluatedProperty;
			return `${instancePath}${key ? `/${key}` : ""} ${message}`;
		});
	};
}
