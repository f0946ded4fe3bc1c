import type {
	FigureDayDoc,
	FigureMovementDoc,
	Sums,
	Totals,
} from "../../../models/learning/figure.model.ts";

type Moved = Pick<FigureMovementDoc, "kind" | "amountMinor" | "currency">;

/** Where each kind of movement counts, and which way; fees are the operator's. */
const effects: Readonly<Record<string, readonly [keyof Sums, 1 | -1]>> = {
	capture: ["revenueMinor", 1],
	refund: ["refundedMinor", 1],
	refund_reversal: ["refundedMinor", -1],
	dispute: ["disputedMinor", 1],
	dispute_reversal: ["disputedMinor", -1],
};

/** Whether a kind of movement counts at all. */
export const isCounted = (kind: string): boolean => Object.hasOwn(effects, kind);

const nothing: Sums = { revenueMinor: 0, refundedMinor: 0, disputedMinor: 0 };

const sorted = (money: ReadonlyMap<string, Sums>): Totals["money"] =>
	Object.fromEntries([...money].sort(([a], [b]) => (a < b ? -1 : 1)));

/** What movements come to, by currency in the order of codes. */
export function moneyOf(movements: readonly Moved[]): Totals["money"] {
	const money = new Map<string, Sums>();
	for (const { kind, amountMinor, currency } of movements) {
		const [field, way] = effects[kind] ?? [];
		if (!field || !way) continue;
		const sums = money.get(currency) ?? nothing;
		money.set(currency, { ...sums, [field]: sums[field] + way * amountMinor });
	}
	return sorted(money);
}

/** What days, or courses, come to. */
export function totalOf(parts: readonly Totals[]): Totals {
	const money = new Map<string, Sums>();
	for (const part of parts)
		for (const [currency, added] of Object.entries(part.money)) {
			const sums = money.get(currency) ?? nothing;
			money.set(currency, {
				revenueMinor: sums.revenueMinor + added.revenueMinor,
				refundedMinor: sums.refundedMinor + added.refundedMinor,
				disputedMinor: sums.disputedMinor + added.disputedMinor,
			});
		}
	return {
		students: parts.reduce((sum, { students }) => sum + students, 0),
		completed: parts.reduce((sum, { completed }) => sum + completed, 0),
		money: sorted(money),
	};
}

/** Days of several courses, added up by day, oldest first. */
export function byDay(days: readonly FigureDayDoc[]): (Totals & { day: string })[] {
	const found = new Map<string, FigureDayDoc[]>();
	for (const day of days) found.set(day.day, [...(found.get(day.day) ?? []), day]);
	return [...found]
		.sort(([a], [b]) => (a < b ? -1 : 1))
		.map(([day, parts]) => ({ day, ...totalOf(parts) }));
}
