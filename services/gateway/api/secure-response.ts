import { type IncomingMessage, ServerResponse } from "node:http";
import helmet from "helmet";

const policy = "content-security-policy";

const lines: string[] = [];
let policyLine = "";
helmet({
	contentSecurityPolicy: {
		useDefaults: false,
		directives: {
			defaultSrc: ["'none'"],
			scriptSrc: ["'self'"],
			styleSrc: ["'self'"],
			imgSrc: ["'self'"],
			connectSrc: ["'self'"],
			baseUri: ["'none'"],
			formAction: ["'self'"],
			frameAncestors: ["'none'"],
		},
	},
})(
	{} as never,
	{
		setHeader: (name: string, value: string) => {
			const line = `${name}: ${value}\r\n`;
			if (name.toLowerCase() === policy) policyLine = line;
			else lines.push(line);
		},
		removeHeader: () => {},
	} as never,
	() => {},
);

const block = lines.join("");
const usual = policyLine + block;

interface Writer {
	_storeHeader(firstLine: string, headers: unknown): void;
}

const stock = ServerResponse.prototype as unknown as Writer;

/**
 * An answer with helmet's headers, which are the same for all: written as one text, where Node would check and join each
 * of a dozen every time. A page may set a `Content-Security-Policy` of its own.
 */
export class SecureResponse<
	Request extends IncomingMessage = IncomingMessage,
> extends ServerResponse<Request> {
	/** Node's own, which `writeHead` hands the status line to. */
	_storeHeader(firstLine: string, headers: unknown): void {
		stock._storeHeader.call(this, firstLine + (this.hasHeader(policy) ? block : usual), headers);
	}
}
