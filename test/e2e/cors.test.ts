import assert from "node:assert/strict";
import { test } from "node:test";
import { startEmbedded } from "../support/process.ts";

const ours = "https://app.example.com";

test("pages of the origins that are listed, letter by letter, may read answers", async t => {
	const { url } = await startEmbedded(t, { CORS_ORIGINS: ours });
	const ask = (origin: string, method: string, path = "/api/courses") =>
		fetch(`${url}${path}`, {
			method,
			headers: { origin, "access-control-request-method": "POST" },
		});
	const preflight = await ask(ours, "OPTIONS");
	assert.equal(preflight.status, 204);
	assert.match(preflight.headers.get("access-control-allow-headers") ?? "", /Idempotency-Key/);
	for (const path of ["/api/courses", "/api/nothing", "/api/auth/me"]) {
		const { headers } = await ask(ours, "GET", path);
		assert.equal(headers.get("access-control-allow-origin"), ours, path);
		assert.equal(headers.get("access-control-allow-credentials"), null);
		assert.match(headers.get("vary") ?? "", /origin/i);
		assert.equal(headers.get("x-content-type-options"), "nosniff");
	}
	for (const origin of [
		`${ours}.evil.example`,
		"https://evil-app.example.com",
		"https://app.example.co",
		"http://app.example.com",
		`${ours}:444`,
		`${ours}/`,
		"https://APP.example.com",
		"null",
	])
		for (const method of ["GET", "OPTIONS"]) {
			const { status, headers } = await ask(origin, method);
			assert.equal(headers.get("access-control-allow-origin"), null, origin);
			assert.match(headers.get("vary") ?? "", /origin/i);
			assert.equal(status, method === "GET" ? 200 : 405);
		}
});
