import type { Identity, Params } from "../../../kernel/contract.ts";
import { invalidField } from "../../../kernel/errors.ts";
import { isCurrency, MoneyError, toMinor } from "../../../kernel/money/money.ts";
import type { Sort } from "../../../kernel/store/collection.ts";
import type { Guard } from "../../../kernel/store/guard.ts";
import type { CourseDoc } from "../../../models/learning/course.model.ts";
import type { Course } from "./courses.contract.ts";
import { folded, searchKeys, wordsOf } from "./search.ts";

type Filters = Params<"courses.list">;

/** What a teacher says of a course for the catalogue. */
type Said = Pick<Params<"courses.create">, "title" | "category" | "level" | "language">;

const sorts: Readonly<Record<NonNullable<Filters["sort"]>, Sort>> = {
	newest: { createdAt: -1 },
	popular: { enrollmentCount: -1 },
	rating: { ratingScore: -1 },
	price: { priceMinor: 1 },
	"-price": { priceMinor: -1 },
	"-createdAt": { createdAt: -1 },
	createdAt: { createdAt: 1 },
	title: { titleKey: 1 },
	"-title": { titleKey: -1 },
	priceMinor: { priceMinor: 1 },
	"-priceMinor": { priceMinor: -1 },
};

/** A category as it is compared. */
const categoryKeyOf = (category: string): string => folded(category).trim().replace(/\s+/g, " ");

/** What the catalogue keeps of a course that is made or renamed; what is not said stays. */
export function catalogued(
	said: Partial<Said>,
	course?: Pick<CourseDoc, "title" | "category">,
): Partial<CourseDoc> {
	const { title, level, language } = said;
	const category = said.category?.trim();
	const isNamed = title !== undefined || category !== undefined;
	return {
		...(isNamed && searchKeys(title ?? course?.title ?? "", category ?? course?.category ?? "")),
		...(category !== undefined && { category, categoryKey: categoryKeyOf(category) }),
		...(level && { level }),
		...(language !== undefined && { language }),
	};
}

/** Guard: called as it was read, since what it is found by follows from both names. */
export const namedAs = ({ title, category }: Pick<CourseDoc, "title" | "category">): Guard => ({
	title,
	category: category ?? { $exists: false },
});

/** What the catalogue shows of a course. */
export const catalogueView = ({
	category,
	level,
	language,
	rating,
	ratingCount = 0,
}: CourseDoc): Pick<Course, "category" | "level" | "language" | "rating" | "ratingCount"> => ({
	...(category && { category }),
	...(level && { level }),
	...(language && { language }),
	...(rating !== undefined && { rating }),
	ratingCount,
});

/**
 * The courses that somebody asks for, as the store is asked for them. Of drafts and archived ones there are only the
 * caller's own, and any to admins.
 * @throws VALIDATION_ERROR where a range of prices is in no currency, or in one that cannot express it.
 */
export function catalogueQuery(
	{ q = "", teacherId, sort = "newest", ...filters }: Filters,
	caller: Identity | undefined,
): { guard: Guard; sort: Sort } {
	const { minRating, category = "", level, language, currency } = filters;
	const categoryKey = categoryKeyOf(category);
	const words = wordsOf(q).map(word => [`words.${word}`, true] as const);
	return {
		guard: {
			...statusGuard(filters.status ?? "published", teacherId, caller),
			...(teacherId && { teacherId }),
			...priceGuard(filters),
			...(currency && { currency }),
			...(minRating && { rating: { $gte: minRating } }),
			...(categoryKey && { categoryKey }),
			...(level && { level }),
			// What follows a tag begins with "-", and "." is the next character.
			...(language && { language: { $gte: language, $lt: `${language}.` } }),
			...Object.fromEntries(words),
		},
		sort: sorts[sort],
	};
}

function statusGuard(
	status: NonNullable<Filters["status"]>,
	teacherId: string | undefined,
	caller: Identity | undefined,
): Guard {
	const isOwn = caller !== undefined && (caller.id === teacherId || caller.roles.includes("admin"));
	if (status === "all") return isOwn ? {} : { status: "published" };
	return { status: isOwn || status === "published" ? status : { $in: [] } };
}

function priceGuard({
	free,
	minPrice,
	maxPrice,
	currency,
}: Pick<Filters, "free" | "minPrice" | "maxPrice" | "currency">): Guard {
	const least = bound("/minPrice", minPrice, currency) ?? 0;
	const most = bound("/maxPrice", maxPrice, currency) ?? Number.MAX_SAFE_INTEGER;
	const $gte = Math.max(least, free === false ? 1 : 0);
	const $lte = free ? 0 : most;
	return $gte > 0 || $lte < Number.MAX_SAFE_INTEGER ? { priceMinor: { $gte, $lte } } : {};
}

function bound(
	path: string,
	price: number | undefined,
	currency: string | undefined,
): number | undefined {
	if (currency !== undefined && !isCurrency(currency))
		throw invalidField("/currency", "CURRENCY", "is not an ISO 4217 currency");
	if (price === undefined) return undefined;
	if (currency === undefined)
		throw invalidField("/currency", "REQUIRED", "must say what the prices are in");
	try {
		return toMinor(price, currency);
	} catch (error) {
		if (!(error instanceof MoneyError)) throw error;
		throw invalidField(path, error.code, `cannot be paid in ${currency}`);
	}
}
