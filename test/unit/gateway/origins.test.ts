import assert from "node:assert/strict";
import { test } from "node:test";
import { isAllowedOrigin } from "../../../services/gateway/realtime/origins.ts";

test("a page may open a socket from here, from where the product is reached, and from origins that are let in", () => {
	const allowed = ["https://app.example"];
	const ask = (origin: string | undefined, host = "10.0.0.5:3000") =>
		isAllowedOrigin({ origin, host }, allowed, "https://school.example");
	for (const origin of [
		undefined,
		"https://app.example",
		"https://school.example",
		"http://10.0.0.5:3000",
	])
		assert.equal(ask(origin), true, origin);
	for (const origin of [
		"https://app.example.evil.example",
		"https://evil.example",
		"http://app.example",
		"http://school.example",
		"https://10.0.0.5",
		"null",
		"",
		"javascript://10.0.0.5:3000",
	])
		assert.equal(ask(origin), false, origin);
});
