import { attempt } from "./attempt.js";
import { element, listing, marked } from "./dom.js";
import { field, fields, resolve, typeOf } from "./schema.js";

const heading = text => element("h3", {}, text);

function parametersOf(openapi, parameters) {
	if (parameters.length === 0) return [];
	return [
		heading("Parameters"),
		element(
			"ul",
			{ class: "fields" },
			parameters.map(({ name, in: place, schema, required, description }) =>
				element(
					"li",
					{},
					field(openapi, name, schema, { isRequired: required, description }),
					element("span", { class: "limits" }, `in the ${place}`),
				),
			),
		),
	];
}

function bodyOf(openapi, requestBody) {
	const content = requestBody?.content["application/json"];
	if (!content) return [];
	return [
		heading("Body"),
		fields(openapi, content.schema),
		...(content.example ? [listing("For example", JSON.stringify(content.example, null, 2))] : []),
	];
}

/** One code of an answer that failed, with what it means and the page about it. */
function problemOf(openapi, reference) {
	const { value, description } = resolve(openapi, reference);
	const { type, title, status, detail, code, requestId, ...members } = value;
	const names = Object.keys(members);
	return element(
		"li",
		{},
		element("a", { href: type }, element("code", {}, code)),
		` ${title}. `,
		...(description ? marked(description) : []),
		...(names.length > 0 ? [" With ", ...marked(names.map(n => `\`${n}\``).join(", ")), "."] : []),
	);
}

function answerOf(openapi, status, reference) {
	const { description, content = {}, headers = {} } = resolve(openapi, reference);
	const problem = content["application/problem+json"];
	const others = Object.entries(content).filter(([type]) => type !== "application/problem+json");
	const codes = Object.values(problem?.examples ?? {});
	const inside = [
		...others.flatMap(([type, { schema }]) => [
			element("p", {}, element("code", {}, type), ": ", typeOf(openapi, schema)),
			fields(openapi, schema) ?? "",
		]),
		...(codes.length > 0
			? [
					element(
						"ul",
						{ class: "codes" },
						codes.map(code => problemOf(openapi, code)),
					),
				]
			: []),
		element("p", { class: "fine" }, `Headers: ${Object.keys(headers).join(", ")}`),
	];
	return element(
		"details",
		{ class: "answer" },
		element(
			"summary",
			{},
			element("strong", { class: `status s${status.charAt(0)}` }, status),
			" ",
			marked(description),
		),
		inside,
	);
}

const signedIn = ({ security }) =>
	security.length > 0 && security.every(way => Object.hasOwn(way, "bearer"));
const isSigned = ({ security }) => security.some(way => Object.hasOwn(way, "serviceSignature"));

/** Why this cannot be tried from here; undefined where it can. */
function notHere(operation) {
	if (isSigned(operation))
		return "Only another system's server can sign this request, so it cannot be tried from here.";
	const body = operation.requestBody;
	if (body && !body.content["application/json"])
		return "Only the provider can sign this request, so it cannot be tried from here.";
	return undefined;
}

/** All there is to know of an operation, and the form that tries it. */
export function operationView({ openapi, method, path, operation, session }) {
	const parameters = (operation.parameters ?? []).map(parameter => resolve(openapi, parameter));
	const reason = notHere(operation);
	return element(
		"div",
		{ class: "operation" },
		...operation.description.split("\n\n").map(text => element("p", {}, marked(text))),
		element("p", { class: "fine" }, "Action ", element("code", {}, operation.operationId)),
		...parametersOf(openapi, parameters),
		...bodyOf(openapi, operation.requestBody),
		heading("Answers"),
		...Object.entries(operation.responses).map(([status, reference]) =>
			answerOf(openapi, status, reference),
		),
		heading("Try it"),
		reason
			? element("p", {}, reason)
			: attempt({
					method,
					path,
					parameters,
					example: operation.requestBody?.content["application/json"]?.example,
					hasBody: operation.requestBody !== undefined,
					needsToken: signedIn(operation),
					session,
				}),
	);
}
