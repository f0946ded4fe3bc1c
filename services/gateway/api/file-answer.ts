import type { IncomingMessage, ServerResponse } from "node:http";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Static } from "typebox";
import type { FileAnswer } from "../../../kernel/schemas.ts";

export type FileContent = Static<typeof FileAnswer>;

const compress = promisify(gzip);

/** Shorter ones fit into the packets that go out anyway, bytes. */
const worthwhile = 1_024;
const remembered = 128;

/** What was compressed, by entity tag. */
const compressed = new Map<string, Promise<Buffer>>();

/** Compresses a content once for all who ask for it. */
function gzipped(etag: string, content: string): Promise<Buffer> {
	const known = compressed.get(etag);
	if (known) return known;
	const made = compress(content, { level: 9 });
	compressed.set(etag, made);
	for (const [oldest] of compressed) if (compressed.size > remembered) compressed.delete(oldest);
	return made;
}

const strong = (etag: string): string => etag.trim().replace(/^W\//, "");

/** Whether a client that has one of these needs no other (RFC 9110, 13.1.2). */
const isAmong = (etag: string, tags = ""): boolean =>
	tags.split(",").some(tag => tag.trim() === "*" || strong(tag) === strong(etag));

/**
 * Answers with a file and the headers it brings. One with an entity tag is answered 304 to who has it, and goes out
 * compressed to who takes that: it is the same for everybody, so that its length tells nothing.
 */
export async function sendFile(
	request: IncomingMessage,
	response: ServerResponse,
	status: number,
	{ contentType, content, encoding, headers = {} }: FileContent,
): Promise<void> {
	for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
	const { etag } = headers;
	if (etag) {
		response.appendHeader("vary", "Accept-Encoding");
		if (isAmong(etag, request.headers["if-none-match"])) {
			response.writeHead(304).end();
			return;
		}
	}
	response.setHeader("content-type", contentType);
	const takes = /\bgzip\b(?!\s*;\s*q=0(?:\.0+)?\s*(?:,|$))/.test(
		String(request.headers["accept-encoding"] ?? ""),
	);
	if (etag && takes && !encoding && content.length >= worthwhile) {
		const bytes = await gzipped(etag, content);
		response.setHeader("content-encoding", "gzip");
		response.setHeader("content-length", bytes.length);
		response.writeHead(status).end(bytes);
		return;
	}
	response.writeHead(status).end(encoding ? Buffer.from(content, encoding) : content);
}
