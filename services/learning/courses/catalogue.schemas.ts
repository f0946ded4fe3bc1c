import { Type } from "typebox";
import { Currency } from "../../../kernel/schemas.ts";

const Level = Type.Enum(["beginner", "intermediate", "advanced", "all"], {
	description: "Whom it is made for",
});

/** What a teacher may say of a course for the catalogue. */
export const catalogueParams = {
	category: Type.Optional(
		Type.String({
			maxLength: 60,
			description: "In the teacher's own words; an empty one removes it",
		}),
	),
	level: Type.Optional(Level),
	language: Type.Optional(
		Type.String({
			maxLength: 11,
			pattern: "^([a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?)?$",
			description: "BCP 47 (`en`, `pt-BR`); an empty one removes it",
		}),
	),
};

/** What the catalogue shows of a course. */
export const catalogueFields = {
	category: Type.Optional(Type.String()),
	level: Type.Optional(Level),
	language: Type.Optional(Type.String({ description: "BCP 47" })),
	rating: Type.Optional(
		Type.Number({ description: "1..5, mean of its reviews to one decimal; none without a review" }),
	),
	ratingCount: Type.Integer({ description: "Reviews that count" }),
};

/** What courses may be searched and sorted by. */
export const catalogueFilters = {
	q: Type.Optional(Type.String({ maxLength: 200 })),
	teacherId: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
	status: Type.Optional(
		Type.Enum(["draft", "published", "archived", "all"], {
			description:
				"Other than `published`: of the caller's own courses, by `teacherId`; of any to admins",
		}),
	),
	free: Type.Optional(Type.Boolean({ description: "Whether it costs nothing" })),
	minPrice: Type.Optional(
		Type.Number({ minimum: 0, description: "Major units of `currency`, which must be there" }),
	),
	maxPrice: Type.Optional(
		Type.Number({ minimum: 0, description: "Major units of `currency`, which must be there" }),
	),
	currency: Type.Optional(Currency),
	minRating: Type.Optional(Type.Number({ minimum: 1, maximum: 5 })),
	category: Type.Optional(
		Type.String({ maxLength: 60, description: "Compared without regard to case and accents" }),
	),
	level: Type.Optional(Level),
	language: Type.Optional(
		Type.String({
			maxLength: 11,
			pattern: "^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?$",
			description: "BCP 47; `en` finds `en-GB`, too",
		}),
	),
	sort: Type.Optional(
		Type.Enum(
			[
				"newest",
				"popular",
				"rating",
				"price",
				"-price",
				"-createdAt",
				"createdAt",
				"title",
				"-title",
				"priceMinor",
				"-priceMinor",
			],
			{
				description:
					"`popular`: most enrollments first; `rating`: best first, weighed by how many say so; prices compare " +
					"within one currency",
			},
		),
	),
};
