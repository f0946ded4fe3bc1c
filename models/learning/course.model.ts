import { defineModel } from "../../kernel/store/model.ts";

export interface CourseDoc {
	id: string;
	title: string;
	description: string;
	/** Every beginning of each word of the title, as keys, for search. */
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
	/** The order its teacher gave; what is not in it comes after, by age. */
	outline: { id: string; lectures: string[] }[];
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
		outline: { type: [{ _id: false, id: String, lectures: [String] }] },
		createdAt: String,
		updatedAt: String,
	},
	indexes: { status: {}, teacherId: {} },
	told: ["status", "priceMinor", "currency", "completionRule", "teacherId"],
});
