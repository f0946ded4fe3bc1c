import { codeOf } from "../errors.ts";
import type { FieldError } from "../validator.ts";

/** What was typed cannot be done; the message says what can. */
export class Refusal extends Error {}

interface Thrown {
	message?: string;
	code?: unknown;
	data?: unknown;
	stack?: string;
}

const hints: Record<string, string> = {
	UNAUTHENTICATED: "`as <e-mail>` signs in",
	SERVICE_NOT_FOUND: "no node of this mesh serves it now",
	SERVICE_NOT_AVAILABLE: "no node of this mesh serves it now",
};

const isObject = (value: unknown): value is Record<string, unknown> =>
	typeof value === "object" && value !== null && !Array.isArray(value);

/** Fields that do not fit, wherever the validator or a service put them. */
function fieldsOf(data: unknown): FieldError[] {
	const listed = isObject(data) ? data.errors : data;
	return Array.isArray(listed) ? listed.filter(field => typeof field?.path === "string") : [];
}

/** What the second line says: each field that does not fit, or the members of the problem. */
function details(data: unknown): string {
	const fields = fieldsOf(data);
	if (fields.length > 0)
		return fields.map(({ path, code, message }) => `${path || "/"} ${code}: ${message}`).join("; ");
	if (!isObject(data)) return "";
	return Object.entries(data)
		.map(([key, value]) => `${key}: ${typeof value === "string" ? value : JSON.stringify(value)}`)
		.join(", ");
}

/** Where a bug is: the first frame of its stack that is no library's. */
const placeOf = (stack = ""): string | undefined =>
	/\n\s+at (?!.*(?:node_modules|node:))(.+)/.exec(stack)?.[1];

/**
 * An error of an action in one or two lines: status, code and what happened; then the fields, the problem's members or
 * what the operator can do. Of a bug, which has no code, the place.
 */
export function problemText(error: unknown): string {
	const { message = String(error), code, data, stack } = error as Thrown;
	if (error instanceof Refusal) return message;
	const type = codeOf(error);
	if (!type) {
		const place = placeOf(stack);
		return `A bug: ${message}${place ? `\n  at ${place}` : ""}`;
	}
	const first = `${typeof code === "number" ? `${code} ` : ""}${type}: ${message}`;
	const second = hints[type] ?? details(data);
	return second ? `${first}\n  ${second}` : first;
}
