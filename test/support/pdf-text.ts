import { inflateSync } from "node:zlib";

const utf16 = (hex: string): string =>
	hex.replace(/[0-9a-f]{4}/g, unit => String.fromCharCode(Number.parseInt(unit, 16)));

/** Decodes a literal string of PDF (ISO 32000-1, 7.3.4.2) that is in UTF-16 with a mark, or in one byte a letter. */
function literal(raw: string): string {
	const escaped: Record<string, string> = { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f" };
	const bytes = raw.replace(/\\(.)/gs, (_, one: string) => escaped[one] ?? one);
	if (!bytes.startsWith("\xfe\xff")) return bytes;
	return Buffer.from(bytes.slice(2), "latin1").swap16().toString("utf16le");
}

/** What a PDF of one page, made by pdfkit, shows to who copies its text. */
export interface PdfText {
	/** In the order in which it is drawn. */
	pieces: string[];
	/** Names of the embedded typefaces, without the tag of the subset. */
	typefaces: string[];
	/** Glyphs that were drawn in place of letters which the typeface lacks. */
	missing: number;
	/** What is attached, by name. */
	attached: Record<string, string>;
}

/** Reads a PDF of one page, made by pdfkit. */
export function pdfText(pdf: Buffer): PdfText {
	const whole = pdf.toString("latin1");
	const objects = new Map(
		[...whole.matchAll(/(\d+) 0 obj\n([\s\S]*?)endobj/g)].map(([, id, body]) => [id, body ?? ""]),
	);
	const streamOf = (id: string | undefined): string => {
		const found = /^([\s\S]*?)stream\n([\s\S]*)\nendstream/.exec(objects.get(id) ?? "");
		const bytes = Buffer.from(found?.[2] ?? "", "latin1");
		return (found?.[1]?.includes("FlateDecode") ? inflateSync(bytes) : bytes).toString("latin1");
	};
	const letters = new Map<string, string[]>();
	for (const [, name, id] of whole.matchAll(/\/(F\d+) (\d+) 0 R/g)) {
		const cmap = /\/ToUnicode (\d+) 0 R/.exec(objects.get(id) ?? "")?.[1];
		if (!cmap) continue;
		const lists = [...streamOf(cmap).matchAll(/> \[([^\]]*)\]/g)].flatMap(([, list = ""]) =>
			Array.from(list.matchAll(/<([^>]*)>/g), ([, hex = ""]) => utf16(hex.replaceAll(" ", ""))),
		);
		letters.set(name as string, lists);
	}
	const page = /\/Contents (\d+) 0 R/.exec(whole)?.[1];
	const pieces: string[] = [];
	let font = "";
	let actual: string | undefined;
	let missing = 0;
	let drawn = "";
	const steps =
		/\/ActualText \(((?:\\[\s\S]|[^\\)])*)\)|\b(EMC|ET)\b|\/(F\d+) [\d.]+ Tf|\[([<>\s\w.-]*)\] TJ/g;
	for (const [, text, end, face, glyphs] of streamOf(page).matchAll(steps)) {
		if (text !== undefined) actual = literal(text);
		else if (end === "EMC") actual = undefined;
		else if (end === "ET") {
			pieces.push(actual ?? drawn);
			drawn = "";
		} else if (face) font = face;
		else if (glyphs !== undefined) {
			const hex = Array.from(glyphs.matchAll(/<([0-9a-f]*)>/g), ([, one]) => one).join("");
			const ids = hex.match(/.{4}/g) ?? [];
			const list = letters.get(font);
			if (list) missing += ids.filter(id => id === "0000").length;
			drawn += list
				? ids.map(id => list[Number.parseInt(id, 16)]).join("")
				: Buffer.from(hex, "hex").toString("latin1");
		}
	}
	const attached = [
		...whole.matchAll(/\/Type \/Filespec[\s\S]*?\/F \((.*?)\)[\s\S]*?\/F (\d+) 0 R/g),
	];
	return {
		pieces,
		typefaces: Array.from(whole.matchAll(/\/FontName \/[A-Z]{6}\+(\S+)/g), ([, name = ""]) => name),
		missing,
		attached: Object.fromEntries(attached.map(([, name, id]) => [name, streamOf(id)])),
	};
}
