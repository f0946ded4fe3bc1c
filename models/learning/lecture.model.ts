import { defineModel } from "../../kernel/store/model.ts";

export interface LectureDoc {
	id: string;
	courseId: string;
	sectionId: string;
	title: string;
	durationSeconds: number;
	isPreview: boolean;
	/** Text of the lecture. */
	content?: string;
	createdAt: string;
}

export const LectureModel = defineModel<LectureDoc>()({
	name: "lectures",
	fields: {
		courseId: String,
		sectionId: String,
		title: String,
		durationSeconds: Number,
		isPreview: Boolean,
		content: String,
		createdAt: String,
	},
	indexes: { courseId: {}, sectionId: {} },
});
