import { createHmac, randomBytes } from "node:crypto";
import { request } from "node:http";

/** What another system's server signs and sends. */
export interface Signable {
	name: string;
	method: string;
	target: string;
	body: string;
	/** Unix seconds. */
	time: number;
	nonce: string;
	secret: string;
}

/** A request as it goes out; each part may be changed after it was signed. */
export interface Outgoing {
	method: string;
	target: string;
	body: Buffer;
	headers: Record<string, string>;
}

export const newNonce = (): string => randomBytes(12).toString("base64url");

export const signatureOf = ({ time, nonce, name, method, target, body, secret }: Signable) =>
	createHmac("sha256", secret)
		.update(`${time}.${nonce}.${name}.${method}.${target}.${body}`)
		.digest("hex");

export function outgoing(signable: Signable, v1 = signatureOf(signable)): Outgoing {
	const { name, method, target, body, time, nonce } = signable;
	return {
		method,
		target,
		body: Buffer.from(body),
		headers: {
			"x-service-name": name,
			"x-service-signature": `t=${time},n=${nonce},v1=${v1}`,
			...(body && { "content-type": "application/json" }),
		},
	};
}

/** Sends the bytes as they are; the status and code of the answer, `"200"` where it has no code. */
export function transmit(base: string, { method, target, body, headers }: Outgoing) {
	const { hostname, port } = new URL(base);
	const length = body.length > 0 ? { "content-length": body.length } : {};
	const options = { hostname, port, method, path: target, headers: { ...headers, ...length } };
	return new Promise<string>((resolve, reject) => {
		const sent = request(options, response => {
			let text = "";
			response.setEncoding("utf8").on("data", chunk => {
				text += chunk;
			});
			response.on("end", () => {
				const isJson = /json/.test(response.headers["content-type"] ?? "") && text !== "";
				const { code } = isJson ? JSON.parse(text) : {};
				resolve([response.statusCode, code].filter(Boolean).join(" "));
			});
			response.on("error", reject);
		});
		sent.on("error", reject);
		sent.end(body);
	});
}
