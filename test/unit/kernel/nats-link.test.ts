import assert from "node:assert/strict";
import { test } from "node:test";
import { natsLink } from "../../../kernel/nats-link.ts";

test("several servers, credentials decoded", () => {
	const link = natsLink("nats://us%40er:p%25w@a:4222,nats://b:4223", "node-1");
	assert.deepEqual(link.servers, ["a:4222", "b:4223"]);
	assert.deepEqual([link.name, link.user, link.pass], ["node-1", "us@er", "p%w"]);
	assert.equal("tls" in link, false);
});

test("tls:// demands TLS, and without credentials none are sent", () => {
	const link = natsLink("tls://a:4222", "node-1");
	assert.deepEqual(link.tls, {});
	assert.equal("user" in link, false);
});
