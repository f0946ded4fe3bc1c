import { readFile } from "node:fs/promises";
import { renderSVG } from "uqr";
import { escapeHtml } from "../../../kernel/html.ts";
import type { Certificate } from "./certificates.contract.ts";
import { dayOf } from "./view.ts";

const contentType = "text/html; charset=utf-8";

const document = (title: string, main: string): string => `<!doctype html>
<html lang="en">
	<head>
		<meta charset="utf-8">
		<meta name="viewport" content="width=device-width, initial-scale=1">
		<meta name="referrer" content="no-referrer">
		<meta name="robots" content="noindex">
		<title>${escapeHtml(title)}</title>
		<link rel="icon" href="/favicon.ico">
		<link rel="stylesheet" href="/certificates/page/certificate.css">
	</head>
	<body>
		<main>
${main}
		</main>
	</body>
</html>
`;

const issuer = '<p class="issuer"><a href="/school">To Zeolite School</a></p>';

const row = (term: string, text: string): string =>
	`				<div><dt>${term}</dt><dd>${escapeHtml(text)}</dd></div>`;

/** The page on which anybody can check a certificate. It needs no script. */
export function certificatePage(certificate: Certificate): {
	contentType: string;
	content: string;
} {
	const { id, courseTitle, studentName, completedAt, issuedAt, revokedAt, verifyUrl } = certificate;
	const verdict = revokedAt
		? `<p class="verdict bad" role="status"><strong>Revoked</strong> on ${dayOf(revokedAt)}. This certificate does not hold any more.</p>`
		: '<p class="verdict good" role="status"><strong>Valid.</strong> This certificate was issued here and holds.</p>';
	const offline = revokedAt
		? ""
		: `
			<details>
				<summary>Check it without a connection</summary>
				<p>The <a href="/api/certificates/${id}/jws">signed certificate</a> (JWS, EdDSA) verifies with any JOSE library by
				the <a href="/.well-known/certificate-keys.json">published keys</a>. It is attached to the PDF, too. Whether it was
				revoked since, only this page knows.</p>
			</details>`;
	return {
		contentType,
		content: document(
			`${studentName}: ${courseTitle}`,
			`			${verdict}
			<article>
				<p class="kind">Certificate of completion</p>
				<h1>${escapeHtml(studentName)}</h1>
				<p class="done">has completed the course</p>
				<h2>${escapeHtml(courseTitle)}</h2>
				<dl>
${row("Completed", dayOf(completedAt))}
${row("Issued", dayOf(issuedAt))}
${row("Certificate", id)}
				</dl>
				<div class="code" role="img" aria-label="QR code of this page's address">${renderSVG(verifyUrl, { ecc: "M", border: 2 })}</div>
				<p><a class="button" href="/api/certificates/${id}/pdf">Open as PDF</a></p>
			</article>${offline}
			${issuer}`,
		),
	};
}

/** The page for an id that names no certificate. */
export const noCertificatePage = (): { contentType: string; content: string } => ({
	contentType,
	content: document(
		"No such certificate",
		`			<h1 class="verdict bad">No such certificate</h1>
			<p>Nothing was issued here under this number. Compare the address with the one on the certificate, letter by letter. If they are the same, the certificate is not ours.</p>
			${issuer}`,
	),
});

/** The style of both. */
export const certificateStyle = async (): Promise<{ contentType: string; content: string }> => ({
	contentType: "text/css; charset=utf-8",
	content: await readFile(`${import.meta.dirname}/page/certificate.css`, "utf8"),
});
