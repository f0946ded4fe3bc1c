import { defineModel } from "../../kernel/store/model.ts";

export interface SectionDoc {
	id: string;
	courseId: string;
	title: string;
	createdAt: string;
}

export const SectionModel = defineModel<SectionDoc>()({
	name: "sections",
	fields: { courseId: String, title: String, createdAt: String },
	indexes: { courseId: {} },
});
