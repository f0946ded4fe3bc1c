import PDFDocument from "pdfkit";
import { encode } from "uqr";
import type { Certificate } from "./certificates.contract.ts";
import { printable } from "./printable.ts";
import { dayOf } from "./view.ts";

type Pdf = InstanceType<typeof PDFDocument>;

const margin = 36;
const ink = "#1b1f2a";
const soft = "#5b6270";
const accent = "#24567a";
const warning = "#b3261e";
const qrSize = 104;

/** One centred paragraph, in the largest size that fits. @returns where the next may begin, points */
function paragraph(
	pdf: Pdf,
	text: string,
	y: number,
	{ font, size, color, lines = 1 }: { font: string; size: number; color: string; lines?: number },
): number {
	const width = pdf.page.width - 4 * margin;
	let fitting = size;
	pdf.font(font);
	while (
		fitting > 9 &&
		pdf.fontSize(fitting).heightOfString(text, { width }) > lines * pdf.currentLineHeight(true) + 1
	)
		fitting -= 1;
	pdf.fillColor(color).text(text, 2 * margin, y, { width, align: "center" });
	return pdf.y;
}

function frame(pdf: Pdf, color: string): void {
	const { width, height } = pdf.page;
	pdf.lineWidth(2).strokeColor(color);
	pdf.rect(margin, margin, width - 2 * margin, height - 2 * margin).stroke();
	pdf.lineWidth(0.5);
	pdf.rect(margin + 6, margin + 6, width - 2 * margin - 12, height - 2 * margin - 12).stroke();
}

function qrCode(pdf: Pdf, text: string, x: number, y: number): void {
	const { data, size } = encode(text, { ecc: "M", border: 2 });
	const module = qrSize / size;
	pdf.rect(x, y, qrSize, qrSize).fill("white");
	data.forEach((row, line) => {
		row.forEach((isDark, column) => {
			if (isDark) pdf.rect(x + column * module, y + line * module, module, module);
		});
	});
	pdf.fill("black");
}

function draw(pdf: Pdf, certificate: Certificate): void {
	const { height } = pdf.page;
	const name = printable(certificate.studentName);
	const title = printable(certificate.courseTitle);
	const isWhole = name !== null && title !== null;
	frame(pdf, certificate.revokedAt ? warning : accent);
	let y = paragraph(pdf, "Certificate of completion", 104, {
		font: "Times-Roman",
		size: 34,
		color: accent,
	});
	y = paragraph(pdf, "This is to certify that", y + 22, {
		font: "Helvetica",
		size: 13,
		color: soft,
	});
	y = paragraph(pdf, name ?? "the holder named on the page below", y + 12, {
		font: "Times-BoldItalic",
		size: 32,
		color: ink,
	});
	y = paragraph(pdf, "has completed the course", y + 14, {
		font: "Helvetica",
		size: 13,
		color: soft,
	});
	y = paragraph(pdf, title ?? "named on the page below", y + 12, {
		font: "Helvetica-Bold",
		size: 24,
		color: ink,
		lines: 2,
	});
	paragraph(pdf, `on ${dayOf(certificate.completedAt)}`, y + 14, {
		font: "Helvetica",
		size: 13,
		color: soft,
	});
	const bottom = height - margin - qrSize - 22;
	qrCode(pdf, certificate.verifyUrl, 2 * margin - 14, bottom);
	const textX = 2 * margin + qrSize + 6;
	const lines = [
		`Certificate ${certificate.id}`,
		`Issued on ${dayOf(certificate.issuedAt)}`,
		isWhole
			? "Check it at"
			: "This typeface lacks letters of the names; see them, and check it, at",
	];
	pdf.font("Helvetica").fontSize(9).fillColor(soft);
	pdf.text(lines.join("\n"), textX, bottom + 30, { lineGap: 2 });
	pdf.fillColor(accent).text(certificate.verifyUrl, textX, pdf.y, {
		link: certificate.verifyUrl,
		underline: true,
	});
	if (certificate.revokedAt)
		paragraph(pdf, `Revoked on ${dayOf(certificate.revokedAt)}: it does not hold any more`, 56, {
			font: "Helvetica-Bold",
			size: 14,
			color: warning,
		});
}

/**
 * A certificate as PDF, A4 landscape. Names in letters that its typeface lacks are left to the page it leads to.
 * @param jws its signature, attached where there is one
 */
export async function certificatePdf(certificate: Certificate, jws?: string): Promise<Buffer> {
	const at = new Date(certificate.issuedAt);
	const pdf = new PDFDocument({
		size: "A4",
		layout: "landscape",
		margin: 0,
		lang: "en",
		displayTitle: true,
		info: {
			Title: `Certificate ${certificate.id}`,
			Subject: certificate.courseTitle,
			CreationDate: at,
			ModDate: at,
		},
	});
	const chunks: Buffer[] = [];
	const ended = new Promise<void>((resolve, reject) => {
		pdf.on("data", (chunk: Buffer) => chunks.push(chunk));
		pdf.on("end", resolve);
		pdf.on("error", reject);
	});
	if (jws)
		pdf.file(Buffer.from(jws), {
			name: "certificate.jws",
			type: "application/jose",
			description: "The signed certificate (RFC 7515)",
			creationDate: at,
			modifiedDate: at,
		});
	draw(pdf, certificate);
	pdf.end();
	await ended;
	return Buffer.concat(chunks);
}
