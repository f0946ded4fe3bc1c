import type { ServerResponse } from "node:http";
import { statusesOf } from "../../../kernel/contract.ts";
import { platformOf } from "../../../kernel/platform.ts";
import { problemAnswer } from "./problems.ts";
import { type Alias, contractOf, type Gateway, hasBody, type Request } from "./request.ts";

/** Gives a result its status, as the contract says or the handler chose among what it lists, and its form. */
export function sendResult(
	gateway: Gateway,
	request: Request,
	response: ServerResponse,
	result: unknown,
): void {
	const contract = contractOf(platformOf(gateway.broker), request.$alias as Alias);
	const [status, ...others] = statusesOf(contract) as [number, ...number[]];
	const chosen = request.$ctx?.meta.$statusCode;
	response.statusCode = chosen && others.includes(chosen) ? chosen : status;
	if (contract.answers === "file") {
		const { contentType, content } = result as { contentType: string; content: string };
		response.setHeader("content-type", contentType);
		response.end(content);
		return;
	}
	if (response.statusCode === 204) return void response.end();
	if (request.headers.authorization) response.setHeader("cache-control", "no-store");
	response.setHeader("content-type", "application/json; charset=utf-8");
	response.end(JSON.stringify(result));
}

/** Answers with the problem document of whatever was thrown; a fault of ours is logged with the request's id. */
export function sendProblem(
	gateway: Gateway,
	request: Request,
	response: ServerResponse,
	error: unknown,
): void {
	if (response.headersSent) return void response.destroy();
	const { contracts } = platformOf(gateway.broker);
	const requestId = response.getHeader("x-request-id") as string;
	const answer = problemAnswer(error, contracts, requestId, request.$alias?.action);
	if (answer.isFault) {
		const what = `${request.method} ${request.$alias?.path ?? "none"}`;
		gateway.logger.error(`${what} failed, request ${requestId}`, error);
	}
	const limits = (error as { headers?: Record<string, string> } | undefined)?.headers ?? {};
	response.writeHead(answer.body.status, {
		...limits,
		...answer.headers,
		"cache-control": "no-store",
		"content-type": "application/problem+json",
		...(hasBody(request) && !request.complete && { connection: "close" }),
	});
	response.end(JSON.stringify(answer.body));
}
