import { defineModel } from "../../kernel/store/model.ts";

export interface CourseDoc {
	id: string;
	title: string;
	description: string;
	/** The title's words, each a key, for search. */
	words: Record<string, true>;
	priceMinor: number;
	currency: string;
	status: "draft" | "published" | "archived";
	/** As its teacher set it; where unset the default applies. */
	completionRule?: "reported" | "watched";
	teacherId: string;
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
		priceMinor: Number,
		currency: String,
		status: String,
		completionRule: String,
		teacherId: String,
		enrollmentCount: Number,
		outline: { type: [{ _id: false, id: String, lectures: [String] }] },
		createdAt: String,
		updatedAt: String,
	},
	indexes: { status: {}, teacherId: {} },
});
