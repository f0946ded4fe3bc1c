/** What a guard or filter may say of one path. Both databases mean the same by each of these, and by no others. */
type Scalar = string | number | boolean;
type Condition =
	| Scalar
	| { $in: readonly Scalar[] }
	| { $exists: boolean }
	| { [K in "$gt" | "$gte" | "$lt" | "$lte"]?: string | number };
/** A path that is `undefined` is refused when called; the type takes it for the sake of `...(x && { path: x })`. */
export type Guard = Record<string, Condition | undefined>;

/** A change of one document: paths are scalars or sub-documents keyed by id. */
export interface Change {
	$set?: Record<string, unknown>;
	$unset?: Record<string, true | undefined>;
	$inc?: Record<string, number>;
}

/** A guard or change that the two databases would understand differently. Always a bug of the caller. */
export class UnsupportedQuery extends TypeError {
	override name = "UnsupportedQuery";
}

const isScalar = (value: unknown): value is Scalar =>
	typeof value === "string" ||
	typeof value === "boolean" ||
	(typeof value === "number" && Number.isFinite(value));

const isPlain = (value: unknown): value is Record<string, unknown> =>
	typeof value === "object" && value !== null && !Array.isArray(value);

const kindOf = (value: unknown): string =>
	value === null ? "null" : Array.isArray(value) ? "a list" : typeof value;

const path = (name: string): string => {
	if (name.split(".").some(part => part === "" || part.startsWith("$") || part === "__proto__"))
		throw new UnsupportedQuery(`${name} is not a path`);
	return name;
};

function checkCondition(name: string, condition: unknown): void {
	if (isScalar(condition)) return;
	if (!isPlain(condition) || Object.keys(condition).length === 0)
		throw new UnsupportedQuery(
			`${name}: a guard compares with a scalar, not with ${kindOf(condition)}`,
		);
	for (const [operator, operand] of Object.entries(condition)) {
		const fits =
			operator === "$in"
				? Array.isArray(operand) && operand.every(isScalar)
				: operator === "$exists"
					? typeof operand === "boolean"
					: ["$gt", "$gte", "$lt", "$lte"].includes(operator) &&
						isScalar(operand) &&
						typeof operand !== "boolean";
		if (!fits)
			throw new UnsupportedQuery(`${name}: ${operator} of ${kindOf(operand)} is not supported`);
	}
}

/** @throws UnsupportedQuery for anything but equality, `$in`, `$exists` and comparisons with scalars. */
export function checkGuard(guard: Guard): Guard {
	for (const [name, condition] of Object.entries(guard)) checkCondition(path(name), condition);
	return guard;
}

/** Refuses what cannot be stored alike: null, floats of the wrong kind, dates, keys that are operators or paths. */
export function checkValue(name: string, value: unknown): void {
	if (value === undefined || isScalar(value)) return;
	if (Array.isArray(value)) {
		for (const item of value) checkValue(name, item ?? null);
		return;
	}
	if (!isPlain(value) || Object.getPrototypeOf(value) !== Object.prototype)
		throw new UnsupportedQuery(
			`${name}: ${value === null ? "null" : typeof value} cannot be stored; unset the field instead`,
		);
	for (const [key, item] of Object.entries(value)) {
		if (key.includes(".") || key.startsWith("$") || key === "__proto__")
			throw new UnsupportedQuery(`${name}: the key ${key} cannot be stored`);
		checkValue(`${name}.${key}`, item);
	}
}

/** @throws UnsupportedQuery for anything but `$set`, `$unset` and `$inc` of plain values. */
export function checkChange(change: Change): Change {
	const changed: string[] = [];
	for (const [operator, fields] of Object.entries(change)) {
		if (!["$set", "$unset", "$inc"].includes(operator))
			throw new UnsupportedQuery(`${operator} is not a supported change`);
		for (const [name, value] of Object.entries(fields as object)) {
			const other = changed.find(p => `${p}.`.startsWith(`${name}.`) || name.startsWith(`${p}.`));
			if (other) throw new UnsupportedQuery(`${name} and ${other} cannot change at once`);
			changed.push(path(name));
			if (operator === "$inc" && !Number.isSafeInteger(value))
				throw new UnsupportedQuery(`${name}: $inc takes a whole number`);
			if (operator === "$set") checkValue(name, value);
		}
	}
	return change;
}
