import PDFDocument from "pdfkit";
import { encode } from "uqr";
import type { Certificate } from "./certificates.contract.ts";
import { linesOf, oneLine, type Run, runsOf, startsRight } from "./runs.ts";
import { type Face, facesFor, type Piece, type Typeface } from "./typefaces.ts";
import { dayOf } from "./view.ts";

type Pdf = InstanceType<typeof PDFDocument>;

const margin = 36;
const ink = "#1b1f2a";
const soft = "#5b6270";
const accent = "#24567a";
const warning = "#b3261e";
const qrSize = 104;
/** A name is broken in two before it is set smaller than this, points. */
const readable = 20;

/** One centred paragraph, in the largest size that fits. @returns where the next may begin, points */
function paragraph(
	pdf: Pdf,
	text: string,
	y: number,
	{ font, size, color }: { font: string; size: number; color: string },
): number {
	const width = pdf.page.width - 4 * margin;
	let fitting = size;
	pdf.font(font);
	while (
		fitting > 9 &&
		pdf.fontSize(fitting).heightOfString(text, { width }) > pdf.currentLineHeight(true) + 1
	)
		fitting -= 1;
	pdf.fillColor(color).text(text, 2 * margin, y, { width, align: "center" });
	return pdf.y;
}

/** A piece of a line, in its typeface, and its width as a share of the size. */
interface Part {
	piece: Piece;
	typeface: Typeface;
	width: number;
}

const partsOf = ({ text, face: { typeface }, isRightToLeft }: Run<Face>): Part[] =>
	typeface.layOut(text, isRightToLeft).map(piece => ({
		piece,
		typeface,
		width: piece.advanceWidth / typeface.unitsPerEm,
	}));

/**
 * One centred paragraph as it is written, in whatever scripts, in the largest size that fits its lines (more where it
 * would be small); who copies or searches it gets the text itself.
 * @returns where the next may begin, points; null, and nothing drawn, where no typeface has one of its letters
 */
function writing(
	pdf: Pdf,
	given: string,
	y: number,
	{ faces, size, lines = 1 }: { faces: readonly Face[]; size: number; lines?: number },
): number | null {
	const text = oneLine(given);
	if (text === "" || !runsOf(text, faces)) return null;
	const fromRight = startsRight(text);
	const laidOut = new Map<string, Part[]>();
	const layOut = (line: string): Part[] => {
		const parts = laidOut.get(line) ?? (runsOf(line, faces, fromRight) ?? []).flatMap(partsOf);
		laidOut.set(line, parts);
		return parts;
	};
	const widthOf = (line: string) => layOut(line).reduce((sum, { width }) => sum + width, 0);
	const room = pdf.page.width - 4 * margin;
	let fitting = size;
	const allowed = () => (fitting <= 9 ? 4 : fitting < readable ? 2 : lines);
	while (fitting > 1 && linesOf(text, room / fitting, widthOf).length > allowed()) fitting -= 1;
	let top = y;
	pdf.fontSize(fitting).fillColor(ink);
	for (const line of linesOf(text, room / fitting, widthOf)) {
		const parts = layOut(line);
		const baseline = top + fitting * Math.max(...parts.map(part => part.typeface.ascent));
		let x = (pdf.page.width - fitting * widthOf(line)) / 2;
		for (const { piece, typeface, width } of parts) {
			const name = typeface.font.postscriptName;
			pdf.registerFont(name, typeface.font as never).font(name);
			if (!piece.isPlain) pdf.markContent("Span", { actual: piece.text });
			pdf.text(piece.text, x, baseline, {
				baseline: "alphabetic",
				features: piece as never,
				lineBreak: false,
			});
			if (!piece.isPlain) pdf.endMarkedContent();
			x += fitting * width;
		}
		top = baseline + fitting * Math.max(...parts.map(part => part.typeface.descent));
	}
	return top;
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

function draw(pdf: Pdf, certificate: Certificate, faces: readonly Face[]): void {
	const { height } = pdf.page;
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
	const unnamed = { font: "Times-BoldItalic", size: 32, color: ink };
	const afterName = writing(pdf, certificate.studentName, y + 10, { faces, size: 32 });
	y = afterName ?? paragraph(pdf, "the holder named on the page below", y + 12, unnamed);
	y = paragraph(pdf, "has completed the course", y + 14, {
		font: "Helvetica",
		size: 13,
		color: soft,
	});
	const untitled = { font: "Helvetica-Bold", size: 24, color: ink };
	const afterTitle = writing(pdf, certificate.courseTitle, y + 10, { faces, size: 24, lines: 2 });
	y = afterTitle ?? paragraph(pdf, "named on the page below", y + 12, untitled);
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
		afterName !== null && afterTitle !== null
			? "Check it at"
			: "These typefaces lack letters of the names; see them, and check it, at",
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
 * A certificate as PDF, A4 landscape. Names in letters that its typefaces lack are left to the page it leads to.
 * @param jws its signature, attached where there is one
 */
export async function certificatePdf(certificate: Certificate, jws?: string): Promise<Buffer> {
	const at = new Date(certificate.issuedAt);
	const faces = await facesFor(oneLine(certificate.studentName + certificate.courseTitle));
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
	draw(pdf, certificate, faces);
	pdf.end();
	await ended;
	return Buffer.concat(chunks);
}
