import { defineModel } from "../../kernel/store/model.ts";

export interface CourseDoc {
	id: string;
	title: string;
	description: string;
	/** Every beginning of each word of title and category, as keys, for search. */
	words: Record<string, true>;
	/** The title in lower case and without accents, for sorting. */
	titleKey: string;
	priceMinor: number;
	currency: string;
	status: "draft" | "published" | "archived";
	/** As its teacher set it; where unset the default applies. */
	completionRule?: "reported" | "watched";
	teacherId: string;
	/** When it was first published; what never was, nobody but its teacher and admins has seen. */
	publishedAt?: string;
	/** Active and completed enrollments, as last told by their owner. */
	enrollmentCount: number;
	/** As its teacher wrote it; empty where it was taken away. */
	category?: string;
	/** The category as it is compared. */
	categoryKey?: string;
	level?: "beginner" | "intermediate" | "advanced" | "all";
	/** BCP 47; empty where it was taken away. */
	language?: string;
	/** Mean of the reviews that count, to one decimal; none without a review. */
	rating?: number;
	ratingCount?: number;
	/** Thousandths of a star that it is sorted by. */
	ratingScore?: number;
	/** The order its teacher gave; what is not in it comes after, by age. */
	outline: { id: string; lectures: string[] }[];
	/** Length of each lecture that students see, seconds, by id; written after the lectures themselves. */
	lessons?: Record<string, number>;
	/** Counts the changes of `lessons`. */
	lessonsVersion?: number;
	createdAt: string;
	updatedAt: string;
}

export const CourseModel = defineModel<CourseDoc>()({
	name: "courses",
	fields: {
		title: String,
		description: String,
		words: { type: Object },
		titleKey: String,
		priceMinor: Number,
		currency: String,
		status: String,
		completionRule: String,
		teacherId: String,
		publishedAt: String,
		enrollmentCount: Number,
		category: String,
		categoryKey: String,
		level: String,
		language: String,
		rating: Number,
		ratingCount: Number,
		ratingScore: Number,
		outline: { type: [{ _id: false, id: String, lectures: [String] }] },
		lessons: { type: Object },
		lessonsVersion: Number,
		createdAt: String,
		updatedAt: String,
	},
	indexes: { categoryKey: { sparse: true }, words: { keys: true } },
	compound: [
		["status", "createdAt"],
		["status", "enrollmentCount"],
		["status", "ratingScore"],
		["status", "priceMinor"],
		["status", "titleKey"],
		["teacherId", "createdAt"],
	],
	told: ["status", "priceMinor", "currency", "completionRule", "teacherId"],
});
