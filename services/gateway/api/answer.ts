import type { ServerResponse } from "node:http";
import { statusesOf } from "../../../kernel/contract.ts";
import { filesDir } from "../../../kernel/data-dir.ts";
import { platformOf } from "../../../kernel/platform.ts";
import { RawJson } from "../../../kernel/transit/serializer.ts";
import { type FileContent, sendFile } from "./file-answer.ts";
import type { Answer } from "./idempotency.ts";
import { problemAnswer } from "./problems.ts";
import { type Alias, contractOf, type Gateway, hasBody, type Request } from "./request.ts";
import { type StoredBytes, sendStored } from "./stream-answer.ts";

const lingerMs = 2_000;

/** Thrown where a request is answered with what it was answered with before. */
export class Replay extends Error {
	readonly answer: Answer;
	constructor(answer: Answer) {
		super("answered before");
		this.answer = answer;
	}
}

/** Keeps the answer of a request under an `Idempotency-Key`; where that fails it is taken up again under its seed. */
async function keep(
	gateway: Gateway,
	{ $run }: Request,
	answer: Answer,
	code?: string,
): Promise<void> {
	if (!$run) return;
	await gateway.idempotency
		.finish($run, answer, code)
		.catch(error => gateway.logger.error("An answer could not be kept for its key", error));
}

const json = "application/json; charset=utf-8";

/** The text of a result, which may have come as that already. */
const jsonOf = (result: unknown): string =>
	result instanceof RawJson ? result.bytes.toString("utf8") : JSON.stringify(result);

/** Gives a result its status, as the contract says or the handler chose among what it lists, and its form. */
export async function sendResult(
	gateway: Gateway,
	request: Request,
	response: ServerResponse,
	result: unknown,
): Promise<void> {
	if (response.headersSent) return;
	const contract = contractOf(platformOf(gateway.broker), request.$alias as Alias);
	const [first, ...others] = statusesOf(contract) as [number, ...number[]];
	const chosen = request.$ctx?.meta.$statusCode;
	const status = chosen && others.includes(chosen) ? chosen : first;
	if (contract.answers === "file") {
		await sendFile(request, response, status, result as FileContent);
		return;
	}
	if (contract.answers === "stream") {
		const { DATA_DIR } = platformOf(gateway.broker).env;
		await sendStored(request, response, filesDir(DATA_DIR), result as StoredBytes).catch(error => {
			// What is cut on the way says so by its end: its client has gone, or sees that bytes are missing.
			if (response.headersSent) response.destroy();
			else throw error;
		});
		return;
	}
	if (result instanceof RawJson && !request.$run && status !== 204) {
		const { bytes } = result;
		// Each byte a character: written as it is, in one piece with the headers.
		send(request, response, status, json, bytes.toString("latin1"), "latin1", bytes.length);
		return;
	}
	const answer =
		status === 204 ? { status, body: "" } : { status, contentType: json, body: jsonOf(result) };
	await keep(gateway, request, answer);
	sendAnswer(request, response, answer);
}

/** Answers with the problem document of whatever was thrown; a fault of ours is logged with the request's id. */
export async function sendProblem(
	gateway: Gateway,
	request: Request,
	response: ServerResponse,
	error: unknown,
): Promise<void> {
	if (response.headersSent) return void response.destroy();
	if (error instanceof Replay) {
		response.setHeader("idempotency-replayed", "true");
		sendAnswer(request, response, error.answer);
		return;
	}
	const { contracts, faults } = platformOf(gateway.broker);
	const requestId = response.getHeader("x-request-id") as string;
	const { body, headers, isFault } = problemAnswer(
		error,
		contracts,
		requestId,
		request.$alias?.action,
	);
	if (isFault) {
		const what = `${request.method} /${request.$alias?.path ?? ""}`;
		faults.add(error, what, requestId);
		gateway.logger.error(`${what} failed, request ${requestId}`, error);
	}
	const answer = {
		status: body.status,
		contentType: "application/problem+json",
		body: JSON.stringify(body),
	};
	await keep(gateway, request, answer, body.code);
	const limits = (error as { headers?: Record<string, string> } | undefined)?.headers ?? {};
	for (const [name, value] of Object.entries({ ...limits, ...headers }))
		response.setHeader(name, value);
	response.setHeader("cache-control", "no-store");
	if (hasBody(request) && !request.complete) {
		response.setHeader("connection", "close");
		linger(request);
	}
	sendAnswer(request, response, answer);
}

/** Reads on for a while after the answer: closing on a client that still sends would reset what it has not read yet. */
function linger(request: Request): void {
	const { socket } = request;
	socket.destroySoon = () => {
		socket.end();
		request.resume();
		setTimeout(() => socket.destroy(), lingerMs).unref();
	};
}

function sendAnswer(
	request: Request,
	response: ServerResponse,
	{ status, contentType, body }: Answer,
): void {
	send(request, response, status, contentType, body, "utf8", Buffer.byteLength(body));
}

/** @param length of the text, bytes */
function send(
	request: Request,
	response: ServerResponse,
	status: number,
	contentType: string | undefined,
	text: string,
	encoding: "utf8" | "latin1",
	length: number,
): void {
	if (request.headers.authorization) response.setHeader("cache-control", "no-store");
	if (contentType) response.setHeader("content-type", contentType);
	if (status !== 204) response.setHeader("content-length", length);
	response.writeHead(status);
	response.end(text, encoding);
}
