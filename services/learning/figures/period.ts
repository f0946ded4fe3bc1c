import { invalidField } from "../../../kernel/errors.ts";

const dayMs = 86_400_000;
const usual = 30;
const longest = 366;

const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/**
 * The days that figures are asked for, `YYYY-MM-DD`, both included: the last 30 up to `to`, today where not said.
 * @param now ms.
 * @throws VALIDATION_ERROR for a period that ends before it begins, or is of more than 366 days.
 */
export function periodOf(
	asked: { from?: string; to?: string },
	now: number,
): { from: string; to: string } {
	const to = asked.to ?? dayOf(now);
	const from = asked.from ?? dayOf(Date.parse(to) - (usual - 1) * dayMs);
	const days = (Date.parse(to) - Date.parse(from)) / dayMs + 1;
	if (days < 1) throw invalidField("/from", "ORDER", "must not be after to");
	if (days > longest)
		throw invalidField("/from", "TOO_LONG", `must be within ${longest} days of to`);
	return { from, to };
}
