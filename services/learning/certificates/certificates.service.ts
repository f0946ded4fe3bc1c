import type { Ctx } from "../../../kernel/contract.ts";
import { problem } from "../../../kernel/errors.ts";
import { answerWith, defineMixin, implement } from "../../../kernel/implement.ts";
import { Store } from "../../../mixins/store.mixin.ts";
import { CertificateModel } from "../../../models/learning/certificate.model.ts";
import { CertificateKeyModel } from "../../../models/learning/certificate-key.model.ts";
import { type Certificate, certificates } from "./certificates.contract.ts";
import { CertificateKeys } from "./keys.ts";
import { certificatePage, certificateStyle, noCertificatePage } from "./page.ts";
import { certificatePdf } from "./pdf.ts";
import { Register } from "./register.ts";
import { certificateView, claimsOf } from "./view.ts";

const unnamed = "Student";

const opened = defineMixin({ brings: undefined as { keys: CertificateKeys } | undefined });

/** Certificates: one per completed enrollment, which others can check. */
export default implement(certificates, {
	mixins: [Store({ certificates: CertificateModel, certificateKeys: CertificateKeyModel }), opened],

	methods: {
		register(ctx: Ctx): Register {
			return new Register({
				certificates: this.certificates,
				clock: this.clock,
				seat: id => ctx.call("enrollments.settle", { id }),
				snapshot: async ({ courseId, userId }) => {
					const [course, user] = await Promise.all([
						ctx.call("courses.describe", { id: courseId }),
						ctx.call("users.describe", { id: userId }),
					]);
					return { courseTitle: course.title, studentName: user.name.trim() || unnamed };
				},
			});
		},

		/** A certificate that was issued. */
		async find(ctx: Ctx<{ id: string }>): Promise<Certificate | null> {
			const found = await this.register(ctx).find(ctx.params.id);
			return found && certificateView(found, this.env.publicUrl);
		},

		/** @throws CERTIFICATE_NOT_FOUND */
		async found(ctx: Ctx<{ id: string }>): Promise<Certificate> {
			const certificate = await this.find(ctx);
			if (!certificate) throw problem(certificates, "CERTIFICATE_NOT_FOUND");
			return certificate;
		},

		async signed(certificate: Certificate): Promise<string> {
			return this.keys.sign(claimsOf(certificate, this.env.publicUrl));
		},
	},

	actions: {
		async issue(ctx) {
			const { id, courseId, userId } = await ctx.call("enrollments.get", { id: ctx.params.id });
			if (userId !== ctx.locals.user.id) throw problem(certificates, "FORBIDDEN");
			const of = { enrollmentId: id, courseId, userId };
			return certificateView(await this.register(ctx).issue(ctx, of), this.env.publicUrl);
		},

		async get(ctx) {
			return this.found(ctx);
		},

		async pdf(ctx) {
			const certificate = await this.found(ctx);
			const jws = certificate.revokedAt ? undefined : await this.signed(certificate);
			const pdf = await certificatePdf(certificate, jws);
			return {
				contentType: "application/pdf",
				content: pdf.toString("base64"),
				encoding: "base64" as const,
				headers: { "content-disposition": `inline; filename="${certificate.id}.pdf"` },
			};
		},

		async jws(ctx) {
			const certificate = await this.found(ctx);
			if (certificate.revokedAt) throw problem(certificates, "CERTIFICATE_REVOKED");
			return { jws: await this.signed(certificate) };
		},

		async keys() {
			return { keys: await this.keys.publicKeys() };
		},

		async page(ctx) {
			const certificate = await this.find(ctx);
			if (certificate) return certificatePage(certificate);
			answerWith(ctx, 404);
			return noCertificatePage();
		},

		async style() {
			return certificateStyle();
		},

		async rotateKey(ctx) {
			return { kid: await this.keys.rotate(ctx.params.lost ?? false) };
		},
	},

	on: {
		async "enrollment.activated"({ enrollmentId }, ctx) {
			await this.register(ctx).agree(enrollmentId);
		},

		async "enrollment.dropped"({ enrollmentId }, ctx) {
			await this.register(ctx).agree(enrollmentId);
		},
	},

	async started() {
		this.keys = await CertificateKeys.open({
			store: this.certificateKeys,
			secrets: this.env.SERVICE_SECRET_KEY,
			clock: this.clock,
			warn: message => this.logger.warn(message),
		});
	},
});
