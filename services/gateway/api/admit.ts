import type { ServerResponse } from "node:http";
import type { Context } from "moleculer";
import { type ActionContract, type Identity, serviceOf } from "../../../kernel/contract.ts";
import { platformProblem } from "../../../kernel/errors.ts";
import { authorize } from "../../../kernel/middlewares/access.ts";
import { platformOf } from "../../../kernel/platform.ts";
import { networkOf } from "./address.ts";
import { Replay } from "./answer.ts";
import { guardBodyHead, parseBody, readBody } from "./body.ts";
import { keyOf } from "./idempotency.ts";
import { type Counted, policyOf } from "./limits.ts";
import { paramsOf } from "./params.ts";
import {
	type Alias,
	bearerOf,
	contractOf,
	type Gateway,
	hasBody,
	isForServices,
	isJson,
	queryOf,
	type Request,
} from "./request.ts";
import { canonical } from "./rewrites.ts";

const longestUserAgent = 200;
const changing = new Set(["POST", "PUT", "PATCH", "DELETE"]);

/** Counts the request under what holds for routes of its kind and under the route's own limit. */
async function countRequest(
	{ limiter }: Gateway,
	{ client, caller, $alias }: Request,
	response: ServerResponse,
	contract: ActionContract,
): Promise<void> {
	if (limiter.perMinute === undefined) return;
	const { kind, limit } = contract;
	const policy = policyOf(contract, limiter.perMinute);
	const isSafe = kind === "read" && !limit;
	const counted: Counted[] = [
		{ policy, client: caller?.id ?? networkOf(client), failsOpen: isSafe },
	];
	if (limit)
		counted.push({
			policy: { name: $alias?.action ?? "", perMinute: limit.perMinute },
			client: limit.by === "caller" && caller ? caller.id : networkOf(client),
			failsOpen: false,
		});
	const fields = await limiter.take(counted);
	for (const name in fields) response.setHeader(name, fields[name] as string);
}

/** Who a bearer token proves to be that was not seen before. One that does not hold counts for the address it came from. */
async function identifyCaller(
	gateway: Gateway,
	request: Request,
	response: ServerResponse,
	contract: ActionContract,
): Promise<Identity | undefined> {
	try {
		if (!request.token) throw platformProblem("UNAUTHENTICATED");
		return await platformOf(gateway.broker).tokens.verify(request.token, 0);
	} catch (error) {
		await countRequest(gateway, request, response, { ...contract, kind: "write" });
		throw error;
	}
}

/** Who is asking, whether they ask too often, and whether they may call this at all: all before the body is read. */
export async function admit(
	gateway: Gateway,
	request: Request,
	response: ServerResponse,
	alias: Alias,
): Promise<void> {
	const platform = platformOf(gateway.broker);
	const { tokens } = platform;
	const contract = contractOf(platform, alias);
	request.token = bearerOf(request);
	if (!contract.ignoresToken && request.headers.authorization)
		request.caller =
			(request.token ? tokens.known(request.token, 0) : undefined) ??
			(await identifyCaller(gateway, request, response, contract));
	await countRequest(gateway, request, response, contract);
	if (!isForServices(contract)) authorize(contract, request.caller, undefined, false);
	else if (!request.headers["x-service-signature"] && !request.caller)
		throw platformProblem("SERVICE_SIGNATURE_INVALID");
	request.isStream = contract.accepts === "stream";
	guardBodyHead(request, request.isStream);
	if ((contract.accepts ?? "json") === "json" && hasBody(request) && !isJson(request))
		throw platformProblem("UNSUPPORTED_MEDIA_TYPE");
}

/**
 * Takes up a request under an `Idempotency-Key`; ids that are made for it derive from the seed.
 * @throws Replay with the answer that it had
 */
async function takeUp(gateway: Gateway, request: Request): Promise<string | undefined> {
	const header = request.headers["idempotency-key"];
	const { caller, method = "GET" } = request;
	if (typeof header !== "string" || !caller || !changing.has(method)) return undefined;
	const taken = await gateway.idempotency.take({
		key: keyOf(header),
		userId: caller.id,
		method,
		target: canonical(request.target),
		body: request.rawBody ?? Buffer.alloc(0),
	});
	if ("answer" in taken) throw new Replay(taken.answer);
	request.$run = taken.run;
	return taken.run.seed;
}

const noBytes = Buffer.alloc(0);

/** What of the caller goes with the call, in headers that go one way. */
function headersOf(request: Request, contract: ActionContract, service?: string): object {
	const { token } = request;
	return {
		...(token && (contract.ignoresToken ? { bearer: token } : { token })),
		...(service && { service }),
		address: request.client,
		userAgent: request.headers["user-agent"]?.slice(0, longestUserAgent),
	};
}

/**
 * Puts the params together and takes a place among the requests that are answered. One whose body streams takes none:
 * it may well last for minutes.
 */
function setParams(
	{ shedder }: Gateway,
	request: Request,
	response: ServerResponse,
	alias: Alias,
	contract: ActionContract,
): void {
	const bytes = request.rawBody ?? noBytes;
	const path = (request.$params as { params?: Record<string, string> }).params ?? {};
	if (request.isStream) {
		const { "content-type": contentType, "content-length": length } = request.headers;
		request.$params = {
			...(contentType !== undefined && { contentType }),
			...(length !== undefined && { contentLength: Number(length) }),
			...path,
		};
		return;
	}
	request.$params =
		contract.accepts === "raw"
			? { ...path, headers: request.headers, body: bytes.toString("base64") }
			: paramsOf(contract.params, {
					method: request.method ?? "GET",
					path,
					query: queryOf(request.target),
					body: parseBody(request, bytes),
				});
	// What is streamed waits for its client, not for a service.
	if (contract.answers !== "stream") shedder.enter(serviceOf(alias.action), response);
}

/** As `prepareCall`, for what is to be waited for: a body, a signature, the key of an earlier run. */
async function prepareSlowly(
	gateway: Gateway,
	ctx: Context,
	request: Request,
	response: ServerResponse,
	alias: Alias,
): Promise<void> {
	const contract = contractOf(platformOf(gateway.broker), alias);
	request.rawBody = request.isStream ? noBytes : await readBody(request, response);
	let service: string | undefined;
	if (isForServices(contract)) {
		if (request.headers["x-service-signature"]) service = await gateway.proveService(request);
		authorize(contract, request.caller, service, false);
	}
	const headers = headersOf(request, contract, service);
	(ctx.locals as { headers?: object }).headers = headers;
	setParams(gateway, request, response, alias, contract);
	if ((contract.accepts ?? "json") !== "json") return;
	const seed = await takeUp(gateway, request);
	if (seed) Object.assign(headers, { seed });
}

/**
 * Puts the params together and says, in headers that go one way, who is calling.
 * @returns nothing where there was nothing to wait for, which is so for most reads
 */
export function prepareCall(
	this: Gateway,
	ctx: Context,
	_route: object,
	request: Request,
	response: ServerResponse,
	alias: Alias,
): Promise<void> | undefined {
	const contract = contractOf(platformOf(this.broker), alias);
	if (request.method !== "GET" || hasBody(request) || isForServices(contract))
		return prepareSlowly(this, ctx, request, response, alias);
	(ctx.locals as { headers?: object }).headers = headersOf(request, contract);
	setParams(this, request, response, alias, contract);
	return undefined;
}
