import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { eventually, send } from "../support/http.ts";
import { publishCourse } from "../support/journey.ts";
import { startEmbedded } from "../support/process.ts";

interface Reply {
	/** Of the first answer; 0 where the connection ended without one. */
	status: number;
	headers: string;
	body: string;
	/** How many answers came. */
	answers: number;
	ms: number;
}

/**
 * Sends bytes as they are and takes what comes, until the server ends the connection. `ends`: this side ends its half
 * after the bytes.
 */
async function exchange(base: string, bytes: string | Buffer, ends = false): Promise<Reply> {
	const { hostname, port } = new URL(base);
	const start = performance.now();
	const socket = connect(Number(port), hostname);
	const chunks: Buffer[] = [];
	socket.on("data", chunk => chunks.push(chunk));
	socket.on("timeout", () => socket.destroy());
	socket.on("error", () => {});
	socket.setTimeout(30_000);
	await once(socket, "connect");
	socket.write(bytes);
	if (ends) socket.end();
	await new Promise(resolve => socket.once("close", resolve));
	const text = Buffer.concat(chunks).toString("latin1");
	const cut = text.indexOf("\r\n\r\n");
	return {
		status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0),
		headers: text.slice(0, cut).toLowerCase(),
		body: text.slice(cut + 4),
		answers: text.match(/HTTP\/1\.1 [2-5]\d\d /g)?.length ?? 0,
		ms: performance.now() - start,
	};
}

const percentile = (times: readonly number[], share: number): string =>
	`${(times.toSorted((a, b) => a - b)[Math.floor(times.length * share)] ?? 0).toFixed(1)} ms`;

const lines = (first: string, headers: readonly string[], body: string | Buffer = ""): Buffer =>
	Buffer.concat([
		Buffer.from([first, ...headers].join("\r\n"), "latin1"),
		Buffer.from("\r\n\r\n"),
		Buffer.from(body),
	]);

/** What stands on every answer, whoever gave it. */
function assertGuarded({ status, headers, body }: Reply, what: string): void {
	for (const header of [
		"content-security-policy: ",
		"x-content-type-options: nosniff",
		"strict-transport-security: ",
		"x-frame-options: ",
		"referrer-policy: no-referrer",
		"x-request-id: ",
	])
		assert.ok(headers.includes(`\r\n${header}`), `${what}: ${header} in\n${headers}`);
	assert.ok(!headers.includes("set-cookie"), what);
	assert.ok(!headers.includes("x-powered-by"), what);
	if (status < 400) return;
	assert.match(headers, /content-type: application\/problem\+json/, what);
	const problem = JSON.parse(body.replace(/^[0-9a-f]+\r\n|\r\n0\r\n\r\n$/g, ""));
	assert.equal(problem.status, status, what);
	assert.ok(headers.includes(`x-request-id: ${problem.requestId}`), what);
}

test("whatever a client sends", async t => {
	const product = await startEmbedded(t);
	const base = product.url;
	const { teacher, courseId } = await publishCourse(base);
	const host = "Host: x";
	const bearer = `Authorization: Bearer ${teacher.token}`;
	const json = "Content-Type: application/json";
	const length = (body: string | Buffer) => `Content-Length: ${Buffer.byteLength(body)}`;
	const post = (body: string | Buffer, headers: string[] = [json], target = "/api/courses") =>
		lines(
			`POST ${target} HTTP/1.1`,
			[host, bearer, ...headers, length(body), "Connection: close"],
			body,
		);
	const get = (target: string, headers: string[] = [host], version = "1.1") =>
		lines(`GET ${target} HTTP/${version}`, [...headers, "Connection: close"]);
	const titled = (json: string) => `{"title":${json},"description":"d"}`;

	const rows: [name: string, bytes: Buffer, status: number][] = [
		["a plain request", get("/api/courses"), 200],
		["HTTP/1.0", get("/api/courses", [], "1.0"), 200],
		["HTTP/1.1 without a host", get("/api/courses", []), 400],
		["two hosts", get("/api/courses", [host, "Host: y"]), 400],
		["HTTP/2.0", get("/api/courses", [host], "2.0"), 400],
		["HTTP/1.2", get("/api/courses", [host], "1.2"), 400],
		["an absolute target", get("http://x/api/courses"), 200],
		["an absolute target of /livez", get("http://x/livez"), 200],
		["no path in an absolute target", get("http://x?a=b"), 200],
		["a target without a slash", get("api/courses"), 400],
		["the target *", lines("OPTIONS * HTTP/1.1", [host, "Connection: close"]), 404],
		["OPTIONS", lines("OPTIONS /api/courses HTTP/1.1", [host, "Connection: close"]), 405],
		[
			"OPTIONS that names a method is no request by that method",
			lines(
				"OPTIONS /api/courses HTTP/1.1",
				[
					host,
					bearer,
					json,
					"Access-Control-Request-Method: POST",
					length(titled('"x"')),
					"Connection: close",
				],
				titled('"x"'),
			),
			405,
		],
		["TRACE", lines("TRACE /api/courses HTTP/1.1", [host, "Connection: close"]), 405],
		["a method nobody knows", lines("STEAL /api/courses HTTP/1.1", [host]), 400],
		["a method in lower case", lines("get /api/courses HTTP/1.1", [host]), 400],
		["Expect: something", get("/api/courses", [host, "Expect: 200-maybe"]), 200],
		["an upgrade", get("/api/courses", [host, "Upgrade: websocket", "Connection: upgrade"]), 200],
		["two authorizations", get("/api/courses", [host, bearer, bearer]), 400],
		["two content types", post("{}", [json, "Content-Type: text/plain"]), 400],
		["a line feed in a header's name", get("/", [host, "a\nb c: d"]), 400],
		["a NUL in a header", get("/", [host, "a: b\0c"]), 400],
		["a folded header", get("/", [host, "a: b\r\n c"]), 400],
		["a space before a colon", get("/", [host, "a : b"]), 400],

		["encoded slashes and dots in an id", get("/api/courses/..%2f..%2fmetrics"), 404],
		["dots in a path", get("/api/../metrics"), 404],
		["encoded dots in a path", get("/api/%2e%2e/metrics"), 404],
		["a backslash", get("/api\\courses"), 404],
		["a NUL in an id", get("/api/courses/%00"), 404],
		["a lone surrogate in a path", get("/api/courses/%ed%a0%80"), 400],
		["half an escape", get("/api/courses/%f"), 400],
		["bytes past ASCII in a path", get("/api/courses/\xff\xfe"), 400],
		["a NUL in a query", get("/api/courses?q=%00"), 422],
		["a lone surrogate in a query is no text", get("/api/courses?q=%ed%a0%80"), 200],
		["a prototype's key in a query", get("/api/courses?__proto__=1"), 400],
		["operators in a query", get("/api/courses?q[$ne]=1&$where=1"), 200],
		["a page past all numbers", get("/api/courses?page=1e400"), 422],
		["a page that is none", get("/api/courses?page=-1"), 422],
		["8 KiB of target", get(`/api/courses?q=${"a".repeat(8_192)}`), 414],

		["20 KB of headers", get("/api/courses", [host, `a: ${"b".repeat(20_000)}`]), 431],
		["200 headers", get("/api/courses", [host, ...Array(200).fill("a: b")]), 431],
		["5,000 headers", get("/api/courses", [host, ...Array(5_000).fill("a: b")]), 431],

		["a good body", post(titled('"x"')), 201],
		["an empty body", post(""), 422],
		["a body of blanks", post("  "), 400],
		["null", post("null"), 422],
		["half a body, whole in length", post('{"title":'), 400],
		["two bodies", post("{}{}"), 400],
		["single quotes", post("{'title':'x'}"), 400],
		["NaN", post('{"title":"x","price":NaN}'), 400],
		["a price past all numbers", post('{"title":"x","price":1e400}'), 422],
		["a price below all numbers", post('{"title":"x","price":-1e400}'), 422],
		["a price past all minor units", post('{"title":"x","price":1e300}'), 422],
		["the same key twice: the last", post('{"title":1,"title":"x","description":"d"}'), 201],
		["a byte order mark", post(`\ufeff${titled('"x"')}`), 201],
		["a NUL in a text", post(titled('"a\\u0000b"')), 422],
		["a raw NUL in a text", post(titled('"a\0b"')), 400],
		["a lone surrogate", post(titled('"\\ud800"')), 422],
		["surrogates the wrong way round", post(titled('"\\udc00\\ud800"')), 422],
		["a NUL in a key", post('{"title":"x","a\\u0000":1}'), 400],
		["bytes that are no UTF-8", post(Buffer.from(titled('"\xff"'), "latin1")), 400],
		["a surrogate in UTF-8", post(Buffer.from(titled('"\xed\xa0\x80"'), "latin1")), 400],
		["__proto__", post('{"title":"x","__proto__":{"isAdmin":true}}'), 400],
		["__proto__ by escapes", post('{"title":"x","\\u005f_proto__":{"a":1}}'), 400],
		["constructor", post('{"constructor":{"prototype":{"a":1}},"title":"x"}'), 400],
		["an operator for a text", post('{"title":{"$ne":null}}'), 422],
		["an operator in a text", post(titled('"$where: sleep(1)"')), 201],
		[
			"an operator for a password",
			post(`{"email":"${teacher.email}","password":{"$ne":""}}`, [json], "/api/auth/login"),
			422,
		],
		[
			"an operator for a token",
			post('{"refreshToken":{"$gt":""}}', [json], "/api/auth/refresh"),
			422,
		],
		["100,000 deep", post(titled(`${"[".repeat(100_000)}${"]".repeat(100_000)}`)), 400],
		["120,000 objects deep, unclosed", post('{"a":'.repeat(50_000)), 400],
		["20 MB", post(titled(`"${"x".repeat(20_000_000)}"`)), 413],
		[
			"20 MB in chunks",
			lines(
				"POST /api/courses HTTP/1.1",
				[host, bearer, json, "Transfer-Encoding: chunked"],
				`10000\r\n${"x".repeat(65_536)}\r\n`.repeat(305),
			),
			413,
		],
		["text", post("title=x", ["Content-Type: text/plain"]), 415],
		["no type", post("{}", []), 415],
		["a form", post("a=b", ["Content-Type: application/x-www-form-urlencoded"]), 415],
		["gzip", post(gzipSync("{}"), [json, "Content-Encoding: gzip"]), 415],
		["a made-up encoding", post("{}", [json, "Content-Encoding: zeolite"]), 415],
		["UTF-16", post(Buffer.from(titled('"x"'), "utf16le"), [`${json}; charset=utf-16le`]), 415],
		[
			"UTF-16 that is deep where nobody looks",
			post(Buffer.from(`"∢"${"[".repeat(60_000)}`, "utf16le"), [`${json}; charset=utf-16le`]),
			415,
		],
		["UTF-7", post("{}", [`${json}; charset=utf-7`]), 415],
		["latin1", post("{}", [`${json}; charset=iso-8859-1`]), 415],
		[
			"a body on GET",
			lines("GET /api/courses HTTP/1.1", [host, json, length("{}"), "Connection: close"], "{}"),
			200,
		],

		[
			"no number for a length",
			lines("POST /api/courses HTTP/1.1", [host, json, "Content-Length: x"]),
			400,
		],
		[
			"a length below 0",
			lines("POST /api/courses HTTP/1.1", [host, json, "Content-Length: -1"]),
			400,
		],
		[
			"two lengths",
			lines(
				"POST /api/courses HTTP/1.1",
				[host, json, "Content-Length: 2", "Content-Length: 3"],
				"{}",
			),
			400,
		],
		[
			"one length twice",
			lines(
				"POST /api/courses HTTP/1.1",
				[host, json, "Content-Length: 2", "Content-Length: 2"],
				"{}",
			),
			400,
		],
		[
			"a length past all numbers",
			lines("POST /api/courses HTTP/1.1", [host, json, `Content-Length: ${"9".repeat(40)}`]),
			400,
		],
		[
			"a length of 1 TB",
			lines("POST /api/courses HTTP/1.1", [host, bearer, json, "Content-Length: 1000000000000"]),
			413,
		],
		[
			"length and chunks",
			lines(
				"POST /api/courses HTTP/1.1",
				[host, json, "Content-Length: 5", "Transfer-Encoding: chunked"],
				"0\r\n\r\n",
			),
			400,
		],
		[
			"chunked, but not last",
			lines(
				"POST /api/courses HTTP/1.1",
				[host, json, "Transfer-Encoding: chunked, gzip"],
				"0\r\n\r\n",
			),
			400,
		],
		[
			"chunked by another spelling",
			lines("POST /api/courses HTTP/1.1", [host, json, "Transfer-Encoding: xchunked"], "0\r\n\r\n"),
			400,
		],
		[
			"a chunk's size that is none",
			lines(
				"POST /api/courses HTTP/1.1",
				[host, bearer, json, "Transfer-Encoding: chunked"],
				"zz\r\n",
			),
			400,
		],
		[
			"20 KB of chunk extensions",
			lines(
				"POST /api/courses HTTP/1.1",
				[host, bearer, json, "Transfer-Encoding: chunked"],
				`2;${"a".repeat(20_000)}\r\n{}\r\n0\r\n\r\n`,
			),
			413,
		],
		["TLS", Buffer.from("160301020001000001fc0303", "hex"), 400],
		["HTTP/2", Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 400],
		["random bytes", Buffer.from(Array.from({ length: 500 }, (_, i) => (i * 7919) % 251)), 400],
	];

	await t.test("has one right answer", async t => {
		for (const [name, bytes, status] of rows)
			await t.test(name, async () => {
				const reply = await exchange(base, bytes);
				assert.equal(reply.status, status, `${reply.headers}\n${reply.body}`);
				assert.equal(reply.answers, 1);
				assertGuarded(reply, name);
			});
	});

	await t.test("cut off at any byte, ends the connection and nothing else", async () => {
		const whole = post(titled('"cut"'));
		const replies = await Promise.all(
			Array.from(whole, (_, i) => exchange(base, whole.subarray(0, i), true)),
		);
		assert.deepEqual([...new Set(replies.map(({ status }) => status))].sort(), [0, 400]);
		for (const reply of replies.filter(({ status }) => status > 0)) assertGuarded(reply, "cut");
		assert.equal((await exchange(base, whole)).status, 201);
	});

	await t.test("after a good request in the same bytes, does not touch its answer", async () => {
		const good = lines("GET /api/courses HTTP/1.1", [host]);
		const { status, answers } = await exchange(
			base,
			Buffer.concat([good, Buffer.from("junk\r\n\r\n")]),
		);
		assert.deepEqual([status, answers], [200, 1]);
		const last = get("/api/courses");
		const hundred = await exchange(base, Buffer.concat([...Array(99).fill(good), last]));
		assert.deepEqual([hundred.status, hundred.answers], [200, 100]);
	});

	await t.test("cross-origin rights are nobody's, cookies are never set", async () => {
		const { headers } = await exchange(
			base,
			get("/api/courses", [host, "Origin: http://x", "Cookie: a=b"]),
		);
		assert.doesNotMatch(headers, /access-control|set-cookie/);
	});

	await t.test("200 slow clients leave room for a healthy one", async t => {
		const { hostname, port } = new URL(base);
		const head = [`POST /api/courses HTTP/1.1`, host, bearer, json, "Content-Length: 1000"];
		const slow: Socket[] = [];
		for (let i = 0; i < 200; i++) {
			const socket = connect(Number(port), hostname);
			socket.on("error", () => {}).resume();
			const kinds = [
				"",
				"POST /api/cou",
				`${head.join("\r\n")}\r\n`,
				`${head.join("\r\n")}\r\n\r\n{`,
			];
			socket.write(kinds[i % kinds.length] as string);
			slow.push(socket);
		}
		let ended = 0;
		for (const socket of slow) socket.once("close", () => ended++);
		const drip = setInterval(() => {
			for (const [i, socket] of slow.entries()) if (i % 4 === 2) socket.write("a");
		}, 1_000);
		const times: number[] = [];
		await eventually(
			async () => {
				const start = performance.now();
				assert.equal((await send(base, "GET", `/api/courses/${courseId}`)).status, 200);
				times.push(performance.now() - start);
				return ended;
			},
			count => count >= 150,
		);
		await pause(1_000);
		clearInterval(drip);
		t.diagnostic(
			`${times.length} requests: p50 ${percentile(times, 0.5)}, p99 ${percentile(times, 0.99)}`,
		);
		assert.equal(ended, 150, "whoever has not sent its headers in 10 s is gone, drop by drop too");
		for (const socket of slow) socket.destroy();
	});

	await t.test("does not end the process", async () => {
		assert.ok(product.isUp);
		assert.equal((await send(base, "GET", "/readyz")).body.status, "ready");
		const me = await send(base, "GET", "/api/auth/me", { token: teacher.token });
		assert.deepEqual([me.status, me.body.isAdmin], [200, undefined]);
	});
});
