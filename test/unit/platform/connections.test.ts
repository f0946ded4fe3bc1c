import assert from "node:assert/strict";
import { test } from "node:test";
import { type Advisory, Connections } from "../../../services/platform/sentinel/connections.ts";

const of = (id: number, name?: string, server = "A"): Advisory => ({
	server: { id: server },
	client: { id, ...(name && { name }) },
});

test("the end of a connection that was never seen to open is an end", () => {
	assert.equal(new Connections().disconnected(of(1, "node-1")), "node-1");
});

test("an old connection that ends after a new one opened is none", () => {
	const connections = new Connections();
	connections.connected(of(1, "node-1"));
	connections.connected(of(2, "node-1"));
	assert.equal(connections.disconnected(of(1, "node-1")), undefined);
	assert.equal(connections.disconnected(of(2, "node-1")), "node-1");
});

test("the same number at another server is another connection", () => {
	const connections = new Connections();
	connections.connected(of(1, "node-1", "B"));
	assert.equal(connections.disconnected(of(1, "node-1", "A")), undefined);
});

test("whatever was seen before advisories were missed does not hold a node alive", () => {
	const connections = new Connections();
	connections.connected(of(1, "node-1"));
	connections.forget();
	assert.equal(connections.disconnected(of(7, "node-1")), "node-1");
});

test("a connection without a name is nobody's", () => {
	const connections = new Connections();
	connections.connected(of(1));
	assert.equal(connections.disconnected(of(1)), undefined);
});
