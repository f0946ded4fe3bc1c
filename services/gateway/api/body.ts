import type { IncomingMessage, ServerResponse } from "node:http";
import { platformProblem } from "../../../kernel/errors.ts";
import { guardBody } from "./params.ts";
import { hasBody } from "./request.ts";

const longest = 256 * 1024;

/** Refuses by its headers what would be refused once it is read. @throws PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE */
export function guardBodyHead({ headers }: IncomingMessage, isStream: boolean): void {
	const length = Number(headers["content-length"] ?? 0);
	if (length > longest && !isStream) throw platformProblem("PAYLOAD_TOO_LARGE");
	const encoding = headers["content-encoding"]?.toLowerCase() ?? "identity";
	if (encoding !== "identity") throw platformProblem("UNSUPPORTED_MEDIA_TYPE");
}

/**
 * The bytes of a request's body, up to 256 KiB; longer ones are refused at that byte, not at their end.
 * @throws PAYLOAD_TOO_LARGE, BAD_REQUEST where the client goes before the end, or was answered already
 */
export function readBody(request: IncomingMessage, response: ServerResponse): Promise<Buffer> {
	if (!hasBody(request)) return Promise.resolve(Buffer.alloc(0));
	return new Promise((resolve, reject) => {
		const chunks: Buffer[] = [];
		let length = 0;
		const settle = (end: () => void) => {
			request.off("data", take).off("end", ended).off("close", cut);
			response.off("close", cut);
			end();
		};
		const take = (chunk: Buffer) => {
			length += chunk.length;
			chunks.push(chunk);
			if (length <= longest) return;
			request.pause();
			settle(() => reject(platformProblem("PAYLOAD_TOO_LARGE")));
		};
		const ended = () => settle(() => resolve(Buffer.concat(chunks)));
		const cut = () => settle(() => reject(platformProblem("BAD_REQUEST")));
		if (request.destroyed || response.closed) return cut();
		// A request that was answered before its end (`refuse`) says no more, not even that it is closed.
		response.on("close", cut);
		request
			.on("data", take)
			.on("end", ended)
			.on("close", cut)
			.on("error", () => {});
	});
}

const charsetOf = (request: IncomingMessage): string =>
	/;\s*charset\s*=\s*"?([^\s;"]+)/i
		.exec(request.headers["content-type"] ?? "")?.[1]
		?.toLowerCase() ?? "utf-8";

/** A body as JSON; undefined where there is none. @throws MALFORMED_JSON, and as `guardBody` */
export function parseBody(request: IncomingMessage, bytes: Buffer): unknown {
	if (bytes.length === 0) return undefined;
	guardBody(bytes, charsetOf(request));
	try {
		return JSON.parse(bytes.toString("utf8").replace(/^\ufeff/, ""));
	} catch {
		throw platformProblem("MALFORMED_JSON");
	}
}
