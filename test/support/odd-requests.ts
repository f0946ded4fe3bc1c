import type { Asked } from "./both-paths.ts";
import { signed } from "./school.ts";

/** A request for both gateways; where each has its own things, a second one. */
export type Ask = readonly [what: string, fast: Asked, slow?: Asked];

export const json = { "content-type": "application/json" };
export const post = (path: string, body: unknown, headers: Record<string, string> = {}): Asked => ({
	method: "POST",
	path,
	text: JSON.stringify(body),
	headers: { ...json, ...headers },
});
export const get = (path: string, headers: Record<string, string | string[]> = {}): Asked => ({
	method: "GET",
	path,
	headers,
});
export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** What moleculer-web would take from the meta of an action; here only a status that the contract lists counts. */
export const moleculerWebMeta = {
	$statusMessage: "Odd",
	$location: "/elsewhere",
	$responseType: "text/odd",
	$responseHeaders: { "x-odd": "1", "content-type": "text/odd" },
	user: { id: "usr_other" },
};

/** Requests that are awkward, or refused. @param token of somebody, in its last minutes or not. */
export function oddRequests(token: string): Ask[] {
	const nested = (depth: number) => `{"value":${"[".repeat(depth)}${"]".repeat(depth)}}`;
	const text = (body: string | Buffer, headers: Record<string, string> = json): Asked => ({
		method: "POST",
		path: "/odd/echo/x",
		text: body,
		headers,
	});
	const page = "https://page.example";
	const asked: Record<string, Asked> = {
		unknown: get("/nowhere"),
		"unknown, deep": get("/api/nowhere/1/2/3"),
		root: get("/"),
		"unknown, with a body": post("/nowhere", { a: 1 }),
		"preflight of anybody": { method: "OPTIONS", path: "/api/courses" },
		preflight: {
			method: "OPTIONS",
			path: "/api/courses",
			headers: { origin: page, "access-control-request-method": "POST" },
		},
		"preflight of another page": {
			method: "OPTIONS",
			path: "/api/courses",
			headers: { origin: "https://other.example", "access-control-request-method": "POST" },
		},
		"options of a server": { method: "OPTIONS", path: "*" },
		"a page that is let in": get("/odd/results/object", { origin: page }),
		"a page that is let in, unknown": get("/nowhere", { origin: page }),
		"a page that is not": get("/odd/results/object", { origin: "null" }),
		head: { method: "HEAD", path: "/odd/results/emoji" },
		"head of a file": { method: "HEAD", path: "/odd/files/emoji" },
		"head of nothing": { method: "HEAD", path: "/nowhere" },
		"head of a failure": { method: "HEAD", path: "/odd/failures/bug" },
		"head of what is posted": { method: "HEAD", path: "/odd/raw/x" },
		...Object.fromEntries(
			["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "PURGE", "QUERY"].map(method => [
				`${method} of a result`,
				{ method, path: "/odd/results/object" },
			]),
		),
		"two methods": { method: "DELETE", path: "/api/courses" },
		"no JSON": text("{"),
		"no body": text(""),
		"no object": text("[1]"),
		"a text": text('"x"'),
		nothing: text("null"),
		"a mark before it": text("\ufeff{}"),
		"another charset": text('{"value":"é"}', {
			"content-type": "application/json; charset=latin1",
		}),
		"not UTF-8": text(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])),
		deep: text(nested(30)),
		"too deep": text(nested(40)),
		"a key that reaches": text('{"value":{"__proto__":{"a":1}}}'),
		"a key twice": text('{"n":1,"n":2,"value":{"b":1,"a":2,"1":3}}'),
		numbers: text('{"value":[1.0,-0,1e400,12345678901234567890,1E2,0.1]}'),
		"numbers that fit": text('{"value":[1.0,-0,12345678901234567890,1E2,0.10,5e-324]}'),
		emoji: text('{"value":"🏺\\u2028\\ud83c\\udffa \\u0000"}'),
		"half an emoji": text('{"value":"\\ud83c"}'),
		"wrong types": text('{"n":"1","flag":"true","b":1}'),
		"members nobody knows": text('{"what":1,"a":"other"}'),
		"another type": text("a=1", { "content-type": "application/x-www-form-urlencoded" }),
		"no type": text("{}", {}),
		"a type of its own": text("{}", { "content-type": "application/vnd.odd+json" }),
		packed: text("{}", { ...json, "content-encoding": "gzip" }),
		chunked: { ...text('{"value":1}'), isChunked: true },
		"as large as may be": text(`{"value":"${"x".repeat(262_144 - 12)}"}`),
		"too large": text(`{"value":"${"x".repeat(262_144)}"}`),
		"too large, chunked": { ...text(`{"value":"${"x".repeat(300_000)}"}`), isChunked: true },
		raw: {
			...text("\r\n\u0000{", { "content-type": "application/x-odd", "x-odd": "1" }),
			path: "/odd/raw/a%20b",
		},
		"raw, unpacked": { ...text("{}", { "content-encoding": "gzip" }), path: "/odd/raw/x" },
		"raw, nothing": { method: "POST", path: "/odd/raw/x?q=1" },
		"a body of a GET": { ...text('{"n":1}'), method: "GET" },
		"a body of a DELETE": { ...text('{"n":1}'), method: "DELETE", path: "/odd/echo/x/y?n=2" },
		"it expects": text('{"n":1}', { ...json, expect: "100-continue" }),
		"it expects too much": text('{"n":1}', { ...json, expect: "the-world" }),
		"last of its connection": get("/odd/results/object", { connection: "close" }),
		"no token": get("/odd/results/object", bearer("x")),
		"no token, for users": get("/api/auth/me", bearer("x")),
		"another scheme": get("/api/auth/me", { authorization: "Basic eDp4" }),
		"no scheme": get("/api/auth/me", { authorization: "" }),
		"a token cut short": get("/api/auth/me", bearer(token.slice(0, -4))),
		"two tokens": get("/api/auth/me", { authorization: ["Bearer a", "Bearer b"] }),
		"not signed": get("/api/courses/internal/crs_1"),
		"signed by nobody": get("/api/courses/internal/crs_1", {
			"x-service-signature": "t=1,n=1,v1=1",
			"x-service-name": "payment-service",
		}),
		"signed, and another's": {
			...get("/api/courses/internal/crs_1"),
			proof: ({ method, path }) => signed("user-service", method, path, "other"),
		},
		...Object.fromEntries(
			[
				"/odd/echo/x?n=1&n=2",
				"/odd/echo/x?flag=true&n=1.50&b=a+b&value=%F0%9F%8F%BA",
				"/odd/echo/x?",
				"/odd/echo/x?&&=&",
				"/odd/echo/x?n=abc",
				"/odd/echo/x?a=other",
				"/odd/echo/x?__proto__=1",
				"/odd/echo/x?value[a]=1&value[b][]=2",
				"/odd/echo/x?value=%",
				"/odd/echo/x?value=%00",
				"/odd/echo/x?q=a?b/c",
				"/odd/echo/x/",
				"/odd/echo/x//",
				"/odd//echo/x",
				"//odd/echo/x",
				"/ODD/Echo/X",
				"/odd/echo/X?N=1",
				"/%6fdd/echo/x",
				"/odd/echo/%2F",
				"/odd/echo/%20",
				"/odd/echo/%25",
				"/odd/echo/%F0%9F%8F%BA",
				"/odd/echo/%C3%28",
				"/odd/echo/%zz",
				"/odd/echo/..",
				"/odd/echo/..%2f..",
				"/odd/echo/.",
				"/odd/echo/a;b=c",
				"/odd/echo/a+b",
				"/odd/echo/a:b@c,d$e!f'(g)*",
				"/odd/echo/",
				"/odd/echo",
				"/odd",
				"/odd/echo/nested",
				"/odd/echo/x#y",
				"http://other.example/odd/echo/x?n=1",
				"/odd/results/__proto__",
				"/odd/results/toString",
				"/odd/results/none",
				`/odd/echo/${"x".repeat(7_000)}`,
				`/odd/echo/${"x".repeat(9_000)}`,
				"/api/course/courses?page=x&q=none",
				"/api/user/auth/me",
				"/auth/me",
				"/internal/course/crs_1",
				"/api/webhooks/sandbox",
				"/problems/forbidden/",
				"/api/courses/?q=none",
				"/API/COURSES?pageSize=1&q=none",
				"/livez",
				"/readyz",
				"/~node/health",
				"/api/~node/health",
				"/$node/health",
			].map(path => [path, get(path)]),
		),
		"a page of a problem": get("/problems/forbidden", { accept: "text/html" }),
		"what it has already": get("/odd/results/object", {
			"if-none-match": "*",
			"if-modified-since": "Thu, 01 Jan 2099 00:00:00 GMT",
		}),
		"a part": get("/odd/results/large", { range: "bytes=0-3" }),
		"another form": get("/odd/results/object", {
			accept: "application/xml",
			"accept-encoding": "gzip, br",
		}),
		"an id that is none": get("/odd/results/object", { "x-request-id": "short" }),
		"an id that is none, failing": get("/odd/failures/bug", { "x-request-id": "a b c d e f" }),
		"another id": get("/odd/echo/nested", { "x-correlation-id": "correlated-1" }),
		"a trace": get("/odd/echo/nested", {
			traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
			tracestate: "a=b",
		}),
		"no trace": get("/odd/echo/nested", { traceparent: "00-0-0-0" }),
		"many headers": get(
			"/odd/results/object",
			Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`x-${i}`, "1"])),
		),
		"another method in its headers": post(
			"/odd/results/object",
			{},
			{ "x-http-method-override": "GET" },
		),
		"a host of its own": get("/odd/results/object", {
			host: "evil.example",
			"x-forwarded-host": "evil.example",
		}),
		"an address": get("/odd/raw/x", { "x-forwarded-for": "192.0.2.7, 127.0.0.1" }),
		"an upgrade": get("/odd/results/object", { connection: "keep-alive, upgrade", upgrade: "h2c" }),
	};
	return Object.entries(asked).map(([what, request]) => [what, request]);
}

const end = "x-request-id: side-bytes-1\r\nconnection: close\r\n\r\n";
const host = "host: both.example\r\n";

/** What a client of HTTP would not send. */
export const oddBytes: Readonly<Record<string, string>> = {
	old: `GET /odd/results/emoji HTTP/1.0\r\n${end}`,
	"old, for users": `GET /api/auth/me HTTP/1.0\r\n${end}`,
	"no host": `GET /odd/results/emoji HTTP/1.1\r\n${end}`,
	nonsense: "NONSENSE\r\n\r\n",
	"a method nobody knows": `BREW /odd/results/emoji HTTP/1.1\r\n${host}${end}`,
	"three at once": `GET /odd/slow?ms=50 HTTP/1.1\r\n${host}x-request-id: side-bytes-2\r\n\r\nGET /odd/results/order HTTP/1.1\r\n${host}x-request-id: side-bytes-3\r\n\r\nGET /nowhere HTTP/1.1\r\n${host}${end}`,
	"two, the second broken": `GET /odd/slow?ms=50 HTTP/1.1\r\n${host}x-request-id: side-bytes-2\r\n\r\nNONSENSE\r\n\r\n`,
	"two lengths": `POST /odd/status HTTP/1.1\r\n${host}content-length: 2\r\ncontent-length: 3\r\n${end}{}`,
	"a length and chunks": `POST /odd/status HTTP/1.1\r\n${host}content-length: 2\r\ntransfer-encoding: chunked\r\n${end}0\r\n\r\n`,
	"bytes above ASCII": `GET /odd/echo/\u00e9?value=\u00e9 HTTP/1.1\r\n${host}${end}`,
	"a space in its path": `GET /odd/echo/a b HTTP/1.1\r\n${host}${end}`,
	"a long header": `GET /odd/results/emoji HTTP/1.1\r\n${host}x-long: ${"x".repeat(20_000)}\r\n${end}`,
	"too much, and more to come": `POST /odd/status HTTP/1.1\r\n${host}content-type: application/json\r\ncontent-length: 999999\r\n${end}${"x".repeat(1_000)}`,
};
