import assert from "node:assert/strict";
import { test } from "node:test";
import { clientAddress, networkOf, trustedProxies } from "../../../services/gateway/api/address.ts";

const none = trustedProxies([]);
const ours = trustedProxies(["10.0.0.0/8", "2001:db8::1"]);

test("without trusted proxies the peer is the client, whatever it says", () => {
	assert.equal(clientAddress("203.0.113.9", "1.2.3.4", none), "203.0.113.9");
	assert.equal(clientAddress("::ffff:203.0.113.9", undefined, none), "203.0.113.9");
});

test("behind trusted proxies the client is the last address that is none of them", () => {
	assert.equal(clientAddress("10.0.0.1", "1.2.3.4, 10.9.9.9", ours), "1.2.3.4");
	assert.equal(clientAddress("2001:db8::1", "6.6.6.6, 1.2.3.4", ours), "1.2.3.4");
	assert.equal(clientAddress("10.0.0.1", undefined, ours), "10.0.0.1");
});

test("a client cannot hide behind a made-up chain", () => {
	assert.equal(clientAddress("203.0.113.9", "10.0.0.1, 10.0.0.2", ours), "203.0.113.9");
	assert.equal(clientAddress("10.0.0.1", "nonsense", ours), "10.0.0.1");
});

for (const [address, network] of [
	["203.0.113.9", "203.0.113.9"],
	["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
	["2001:db8:1:2::1", "2001:db8:1:2::/64"],
	["2001:0DB8:1:2::ffff", "2001:db8:1:2::/64"],
	["2001:db8::1", "2001:db8:0:0::/64"],
	["::1", "0:0:0:0::/64"],
	["fe80::1%eth0", "fe80:0:0:0::/64"],
	["no address", "no address"],
] as const)
	test(`${address} counts as ${network}`, () => {
		assert.equal(networkOf(address), network);
	});
