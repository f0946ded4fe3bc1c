import { defineModel } from "../../kernel/store/model.ts";

export interface SectionDoc {
	id: string;
	courseId: string;
	title: string;
	createdAt: string;
	/** Nobody sees it any more, nor its lectures; both are deleted within the hour. */
	removedAt?: string;
}

export const SectionModel = defineModel<SectionDoc>()({
	name: "sections",
	fields: { courseId: String, title: String, createdAt: String, removedAt: String },
	indexes: { courseId: {}, removedAt: { sparse: true } },
});
