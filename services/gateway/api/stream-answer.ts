import { type FileHandle, open } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { isAbsolute, relative, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Static } from "typebox";
import { contentDisposition } from "../../../kernel/content-disposition.ts";
import { platformProblem } from "../../../kernel/errors.ts";
import type { StreamAnswer } from "../../../kernel/schemas.ts";
import { rangeOf, stretchesOf } from "./byte-range.ts";

export type StoredBytes = Static<typeof StreamAnswer>;

const chunkBytes = 256 * 1024;

/** A path beneath `dir`. @throws TypeError for one that leads out of it */
function beneath(dir: string, path: string): string {
	const whole = resolve(dir, path);
	const inside = relative(dir, whole);
	if (inside === "" || inside.startsWith("..") || isAbsolute(inside))
		throw new TypeError(`${path} is not beneath the directory of files`);
	return whole;
}

const openPiece = (path: string): Promise<FileHandle> =>
	open(path).catch(error => {
		throw error.code === "ENOENT" ? platformProblem("NOT_FOUND") : error;
	});

const hasTag = (header: string | undefined, etag: string): boolean =>
	header?.split(",").some(tag => [etag, "*"].includes(tag.trim())) ?? false;

/**
 * Sends stored bytes as fast as the client takes them, and no faster: what waits in memory is a chunk of each connection.
 * One range is answered 206, who has these bytes already 304.
 * @param dir what the paths of its pieces lie beneath.
 * @throws RANGE_NOT_SATISFIABLE, and NOT_FOUND where the first piece is gone, before anything was sent; a fault after that
 * has ended the connection.
 */
export async function sendStored(
	request: IncomingMessage,
	response: ServerResponse,
	dir: string,
	{ contentType, fileName, disposition, etag, pieces }: StoredBytes,
): Promise<void> {
	const sizes = pieces.map(piece => piece.size);
	const size = sizes.reduce((sum, one) => sum + one, 0);
	const { range: asked, "if-range": ifRange, "if-none-match": known } = request.headers;
	const range = ifRange && ifRange !== etag ? undefined : rangeOf(asked, size);
	if (range === "none")
		throw Object.assign(platformProblem("RANGE_NOT_SATISFIABLE"), {
			headers: { "content-range": `bytes */${size}` },
		});
	const { first, last } = range ?? { first: 0, last: size - 1 };
	const stretches = stretchesOf(sizes, { first, last });
	const pathOf = (index: number) => beneath(dir, pieces[index]?.path ?? "");
	const begins = stretches[0];
	const opened = begins && (await openPiece(pathOf(begins.index)));
	try {
		response.setHeader("etag", etag);
		response.setHeader("accept-ranges", "bytes");
		response.setHeader("cache-control", "private, max-age=3600");
		if (hasTag(known, etag)) {
			response.writeHead(304).end();
			return;
		}
		response.setHeader("content-type", contentType);
		response.setHeader("content-disposition", contentDisposition(disposition, fileName));
		response.setHeader("content-length", last - first + 1);
		if (range) response.setHeader("content-range", `bytes ${first}-${last}/${size}`);
		response.writeHead(range ? 206 : 200);
		if (request.method === "HEAD") {
			response.end();
			return;
		}
		const bytes = async function* () {
			for (const { index, start, length } of stretches) {
				const file = index === begins?.index ? (opened as FileHandle) : await open(pathOf(index));
				try {
					yield* file.createReadStream({
						start,
						end: start + length - 1,
						highWaterMark: chunkBytes,
						autoClose: false,
					});
				} finally {
					if (file !== opened) await file.close();
				}
			}
		};
		await pipeline(Readable.from(bytes(), { objectMode: false }), response);
	} finally {
		await opened?.close();
	}
}
