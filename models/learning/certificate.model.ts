import { defineModel } from "../../kernel/store/model.ts";

export interface CertificateDoc {
	id: string;
	/** One certificate each, for ever. */
	enrollmentId: string;
	courseId: string;
	userId: string;
	/** `pending` was never issued and nobody sees it. */
	state: "pending" | "issued" | "revoked";
	/** As they were when it was issued. */
	courseTitle?: string;
	studentName?: string;
	completedAt?: string;
	issuedAt?: string;
	revokedAt?: string;
	/** Counts every write: each is made on what was read, or not at all. */
	version: number;
}

export const CertificateModel = defineModel<CertificateDoc>()({
	name: "certificates",
	fields: {
		enrollmentId: String,
		courseId: String,
		userId: String,
		state: String,
		courseTitle: String,
		studentName: String,
		completedAt: String,
		issuedAt: String,
		revokedAt: String,
		version: Number,
	},
	indexes: { enrollmentId: { unique: true } },
});
