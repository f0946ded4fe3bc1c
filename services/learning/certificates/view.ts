import type { JWTPayload } from "jose";
import type { CertificateDoc } from "../../../models/learning/certificate.model.ts";
import type { Certificate } from "./certificates.contract.ts";

/** A certificate as answers show it. @param publicUrl origin of the deployment, without a slash at its end */
export const certificateView = (doc: CertificateDoc, publicUrl: string): Certificate => ({
	id: doc.id,
	courseId: doc.courseId,
	userId: doc.userId,
	courseTitle: doc.courseTitle ?? "",
	studentName: doc.studentName ?? "",
	completedAt: doc.completedAt ?? "",
	issuedAt: doc.issuedAt ?? "",
	verifyUrl: `${publicUrl}/certificates/${doc.id}`,
	...(doc.revokedAt && { revokedAt: doc.revokedAt }),
});

/** What the signature of a certificate covers, as claims (RFC 7519). */
export const claimsOf = (certificate: Certificate, publicUrl: string): JWTPayload => ({
	iss: publicUrl,
	jti: certificate.id,
	sub: certificate.userId,
	iat: Math.floor(Date.parse(certificate.issuedAt) / 1_000),
	certificate: {
		courseId: certificate.courseId,
		courseTitle: certificate.courseTitle,
		studentName: certificate.studentName,
		completedAt: certificate.completedAt,
		issuedAt: certificate.issuedAt,
		verifyUrl: certificate.verifyUrl,
	},
});

/** A day in words that no country reads another way: `21 November 2026`, in UTC. */
export const dayOf = (at: string): string =>
	new Date(at).toLocaleDateString("en-GB", {
		day: "numeric",
		month: "long",
		year: "numeric",
		timeZone: "UTC",
	});
