import { toMajor } from "../../../kernel/money/money.ts";
import type { Totals } from "../../../models/learning/figure.model.ts";
import type { Course } from "../courses/courses.contract.ts";
import type { CurrencyFigures, DayFigures } from "./figures.contract.ts";

const moneyView = (money: Totals["money"]): CurrencyFigures[] =>
	Object.entries(money).map(([currency, { revenueMinor, refundedMinor, disputedMinor }]) => {
		const netMinor = revenueMinor - refundedMinor - disputedMinor;
		return {
			currency,
			revenue: toMajor(revenueMinor, currency),
			revenueMinor,
			refunded: toMajor(refundedMinor, currency),
			refundedMinor,
			disputed: toMajor(disputedMinor, currency),
			disputedMinor,
			net: toMajor(netMinor, currency),
			netMinor,
		};
	});

/** Totals as answers show them. */
export const totalsView = ({ students, completed, money }: Totals) => ({
	students,
	completed,
	completionRate: students === 0 ? 0 : Math.round((1_000 * completed) / students) / 10,
	money: moneyView(money),
});

/** What comes of a course, of all time. */
export const courseFiguresView = (
	{ id: courseId, title, status, rating, ratingCount }: Course,
	totals: Totals,
) => ({
	courseId,
	title,
	status,
	...totalsView(totals),
	...(rating !== undefined && { rating }),
	ratingCount,
});

/** A day as answers show it. */
export const dayView = ({
	day,
	students,
	completed,
	money,
}: Totals & { day: string }): DayFigures => ({
	day,
	enrolled: students,
	completed,
	money: moneyView(money),
});
