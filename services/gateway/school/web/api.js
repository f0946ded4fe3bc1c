import { forget, token, tokenNow } from "./session.js";

/** How long an answer is waited for, ms. */
const patienceMs = 20_000;

/** The API answered with a problem (RFC 9457); `status` 0 where it did not answer. */
export class Problem extends Error {
	constructor(status, { code = "", detail = "", ...members } = {}, retryAfter = 0) {
		super(detail);
		this.status = status;
		this.code = code;
		this.members = members;
		/** Seconds. */
		this.retryAfter = retryAfter;
	}
}

async function send(method, path, { bearer, body, key, signal }) {
	const patience = AbortSignal.timeout(patienceMs);
	let response;
	try {
		response = await fetch(path, {
			method,
			headers: {
				...(body !== undefined && { "content-type": "application/json" }),
				...(bearer && { authorization: `Bearer ${bearer}` }),
				...(key && { "idempotency-key": key }),
			},
			body: body === undefined ? undefined : JSON.stringify(body),
			credentials: "omit",
			signal: signal ? AbortSignal.any([signal, patience]) : patience,
		});
	} catch (error) {
		if (signal?.aborted) throw error;
		throw new Problem(0, { code: "NO_ANSWER" });
	}
	if (response.status === 204) return undefined;
	const answer = await response.json().catch(() => undefined);
	if (response.ok) return answer;
	throw new Problem(response.status, answer, Number(response.headers.get("retry-after") ?? 0));
}

const refresh = refreshToken => send("POST", "/api/auth/refresh", { body: { refreshToken } });

/** An access token that is good now, for what is no request of this module. @throws Problem */
export const accessToken = () => token(refresh);

/**
 * Asks the API as who is signed in.
 * @param options.body JSON. @param options.key makes a repeat harmless (Idempotency-Key). @param options.signal ends it.
 * @throws Problem; after a 401 nobody is signed in.
 */
export async function call(method, path, options = {}) {
	const bearer = await token(refresh);
	try {
		return await send(method, path, { ...options, bearer });
	} catch (problem) {
		if (problem.status !== 401 || !bearer) throw problem;
		const renewed = await token(refresh, bearer);
		if (renewed) return send(method, path, { ...options, bearer: renewed });
		// What is open to all can be had without a session.
		if (method === "GET") return send(method, path, options);
		throw problem;
	}
}

export const get = (path, options) => call("GET", path, options);
export const post = (path, body = {}, options = {}) => call("POST", path, { ...options, body });
export const patch = (path, body) => call("PATCH", path, { body });
export const put = (path, body) => call("PUT", path, { body });
export const remove = path => call("DELETE", path);

/** Asks without anybody's token: who signs in need not be signed in. */
export const ask = (path, body) => send("POST", path, { body });

/** Sends what a page that is being left has to say; whether it came is not heard. */
export function lastWord(method, path, body) {
	fetch(path, {
		method,
		keepalive: true,
		headers: { "content-type": "application/json", authorization: `Bearer ${tokenNow()}` },
		body: JSON.stringify(body),
		credentials: "omit",
	}).catch(() => {});
}

/** Ends the session here at once, and at the server as soon as it hears of it. */
export function signOut() {
	const bearer = tokenNow();
	forget();
	if (bearer) send("POST", "/api/auth/logout", { bearer }).catch(() => {});
}

/** A list, page after page, up to `most` items. */
export async function all(path, most = 500, options) {
	const items = [];
	let cursor;
	do {
		const mark = path.includes("?") ? "&" : "?";
		const more = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
		const page = await get(`${path}${mark}pageSize=100${more}`, options);
		items.push(...page.items);
		cursor = page.nextCursor;
	} while (cursor && items.length < most);
	return items;
}

/** The text of a query, without what is empty. */
export function queryOf(params) {
	const set = Object.entries(params).filter(([, value]) => value !== undefined && value !== "");
	const text = new URLSearchParams(set).toString();
	return text && `?${text}`;
}

/** An address that leads to this server, under the name that this page has for it; another one as it is. */
export function local(address) {
	const url = new URL(address, location.href);
	const isOurs = /^\/(api|sandbox|certificates)\//.test(url.pathname);
	return isOurs && url.hostname !== location.hostname && isLoopback(url.hostname)
		? url.pathname + url.search
		: address;
}

const isLoopback = host => host === "localhost" || host.startsWith("127.");
