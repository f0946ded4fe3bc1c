import { type Static, Type } from "typebox";
import { audited } from "../../../kernel/audit.ts";
import { defineContract } from "../../../kernel/contract.ts";
import { byId, FileAnswer, Timestamp } from "../../../kernel/schemas.ts";
import { ENROLLMENT_NOT_FOUND } from "../enrollments/enrollments.contract.ts";

export const Certificate = Type.Object(
	{
		id: Type.String(),
		courseId: Type.String(),
		userId: Type.String(),
		courseTitle: Type.String({ description: "As it was when this was issued" }),
		studentName: Type.String({
			description: "As it was when this was issued; `Student` where the profile had none",
		}),
		completedAt: Timestamp,
		issuedAt: Timestamp,
		verifyUrl: Type.String({ description: "The page on which anybody can check it" }),
		revokedAt: Type.Optional(Timestamp),
	},
	{ $id: "Certificate" },
);
export type Certificate = Static<typeof Certificate>;

const CERTIFICATE_NOT_FOUND = { status: 404, title: "There is no such certificate" } as const;
const example = { id: "crt_0190f3c2-0000-7000-8000-000000000000" };
const pages = { kind: "read", access: "public", answers: "file" } as const;

const factData = {
	certificateId: Type.String(),
	courseId: Type.String(),
	userId: Type.String(),
};

/** What somebody who completed a course can show to others, and others can check. */
export const certificates = defineContract("certificates", {
	description:
		"Certificates of completed courses: issued once, checked by anybody, revoked with the enrollment",
	actions: {
		issue: {
			description:
				"The certificate of the caller's completed enrollment: issued the first time, the same on every repeat",
			kind: "write",
			access: "user",
			rest: "POST /api/enrollments/:id/certificate",
			status: 201,
			params: byId,
			result: Certificate,
			errors: {
				ENROLLMENT_NOT_FOUND,
				FORBIDDEN: { status: 403, title: "Only whose enrollment it is may do this" },
				COURSE_NOT_COMPLETED: {
					status: 409,
					title: "The course is not completed",
					explanation:
						"`GET /api/enrollments/:id/explain-progress` says what is missing. After a refund there is none.",
				},
			},
			example: { id: "enr_0190f3c2" },
		},
		get: {
			description:
				"A certificate, to anybody who has its id; `revokedAt` where it does not hold any more",
			kind: "read",
			access: "public",
			rest: "GET /api/certificates/:id",
			params: byId,
			result: Certificate,
			errors: { CERTIFICATE_NOT_FOUND },
			example,
		},
		pdf: {
			description:
				"A certificate as PDF, A4, with its signature attached; it says so where it is revoked",
			...pages,
			rest: "GET /api/certificates/:id/pdf",
			media: ["application/pdf"],
			limit: { perMinute: 120, by: "address" },
			params: byId,
			result: FileAnswer,
			errors: { CERTIFICATE_NOT_FOUND },
			example,
		},
		jws: {
			description:
				"A certificate as a signed token (RFC 7515, compact, EdDSA), which verifies without a connection by the keys " +
				"at `/.well-known/certificate-keys.json`. Whether it was revoked since, only `verifyUrl` knows",
			kind: "read",
			access: "public",
			rest: "GET /api/certificates/:id/jws",
			limit: { perMinute: 120, by: "address" },
			params: byId,
			result: Type.Object({ jws: Type.String() }, { $id: "SignedCertificate" }),
			errors: {
				CERTIFICATE_NOT_FOUND,
				CERTIFICATE_REVOKED: { status: 409, title: "The certificate does not hold any more" },
			},
			example,
		},
		keys: {
			description:
				"Public keys that certificates are verified with (RFC 7517), the newest first; keep them",
			kind: "read",
			access: "public",
			rest: "GET /.well-known/certificate-keys.json",
			result: Type.Object(
				{
					keys: Type.Array(
						Type.Object({
							kid: Type.String(),
							kty: Type.Literal("OKP"),
							crv: Type.Literal("Ed25519"),
							x: Type.String(),
							alg: Type.Literal("EdDSA"),
							use: Type.Literal("sig"),
						}),
					),
				},
				{ $id: "CertificateKeys" },
			),
			example: {},
		},
		page: {
			description: "The page on which anybody can check a certificate; 404 says that there is none",
			...pages,
			ignoresToken: true,
			rest: "GET /certificates/:id",
			status: [200, 404],
			media: ["text/html"],
			params: byId,
			result: FileAnswer,
			example,
		},
		style: {
			description: "The style of that page",
			...pages,
			ignoresToken: true,
			isStatic: true,
			rest: "GET /certificates/page/certificate.css",
			media: ["text/css"],
			result: FileAnswer,
			example: {},
		},
		rotateKey: {
			description:
				"Makes a new signing key, which signs from now on; earlier ones verify for good. `lost` is for a key that " +
				"somebody else may have: none of the earlier is published any more, and certificates are to be fetched anew",
			kind: "write",
			access: ["internal", { roles: ["admin"] }],
			params: Type.Object({ lost: Type.Optional(Type.Boolean()) }),
			result: Type.Object({ kid: Type.String() }, { $id: "RotatedCertificateKey" }),
			sensitive: true,
			audit: true,
			example: {},
		},
	},
	facts: {
		...audited("certificate_key"),
		"certificate.issued": {
			v: 1,
			data: Type.Object(factData, { $id: "CertificateIssued" }),
		},
		"certificate.revoked": {
			v: 1,
			data: Type.Object(factData, { $id: "CertificateRevoked" }),
		},
		"certificate.reinstated": {
			v: 1,
			data: Type.Object(factData, { $id: "CertificateReinstated" }),
		},
	},
	consumes: {
		"enrollment.activated": { from: "start" },
		"enrollment.dropped": { from: "start" },
	},
});

declare module "../../../kernel/contract.ts" {
	interface Mesh {
		certificates: typeof certificates;
	}
}
