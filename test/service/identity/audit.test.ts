import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { AuditRecord } from "../../../kernel/audit.ts";
import type { StoredFact } from "../../../kernel/facts/contract.ts";
import { send } from "../../support/http.ts";
import { signUp } from "../../support/identity.ts";
import { freePort } from "../../support/ports.ts";
import { as, identityNode } from "./node.ts";

const canary = "C4n4ry";

/** A node with a gateway, an admin, a user whose every word is a canary, and what is told of them. */
async function open(t: TestContext) {
	const port = await freePort();
	const services = "identity,gateway";
	const env = { PORT: String(port), SERVICES: services, MESH: services };
	const { node, call } = await identityNode(t, { env });
	const facts = new Map<string, StoredFact>();
	const { pipe } = node.platform;
	const publish = pipe.publish.bind(pipe);
	t.mock.method(pipe, "publish", (fact: StoredFact, messageId: string) => {
		facts.set(fact.id, fact);
		return publish(fact, messageId);
	});
	const admin = await signUp(node, { role: "admin", name: `${canary} Admin` });
	const ada = await signUp(node, { name: `${canary} Ada` });
	const pictureUrl = `https://example.com/${canary}.png`;
	await call("users.updateMe", { pictureUrl }, as(ada.token));
	const records = () =>
		[...facts.values()]
			.filter(({ name }) => name === "user.audited")
			.map(({ data }) => data as AuditRecord);
	return { base: `http://127.0.0.1:${port}`, call, admin, ada, records };
}

test("an admin who changes roles by HTTP leaves one record: who, what, on whom, before and after", async t => {
	const { base, admin, ada, records } = await open(t);
	const answer = await send(base, "PUT", `/api/users/${ada.user.id}/roles`, {
		token: admin.token,
		body: { roles: ["teacher", "admin"] },
		headers: { "x-request-id": "req_of-a-test" },
	});
	assert.equal(answer.status, 200);
	assert.deepEqual(records(), [
		{
			action: "users.setRoles",
			by: { userId: admin.user.id, roles: ["admin"] },
			requestId: "req_of-a-test",
			on: { collection: "users", id: ada.user.id },
			changes: [{ path: "roles", before: ["student"], after: ["teacher", "admin"] }],
		},
	]);
});

test("an approval is told; what is not audited, refused or the same already is not", async t => {
	const { call, admin, ada, records } = await open(t);
	const { id } = ada.user;
	const approve = (approved: boolean) =>
		call("users.setApproval", { id, approved }, as(admin.token));
	for (const approved of [true, true, false]) await approve(approved);
	await call("users.updateMe", { name: `${canary} Eve` }, as(ada.token));
	const roles: "admin"[] = ["admin"];
	await assert.rejects(call("users.setRoles", { id, roles }, as(ada.token)), { type: "FORBIDDEN" });
	await assert.rejects(call("users.setRoles", { id: "usr_none", roles }, as(admin.token)), {
		type: "USER_NOT_FOUND",
	});
	await call("users.setRoles", { id, roles: ["student"] }, as(admin.token));
	assert.deepEqual(
		records().map(({ action, changes }) => [action, changes]),
		[
			["users.setApproval", [{ path: "approved", after: true }]],
			["users.setApproval", [{ path: "approved", before: true, after: false }]],
		],
	);
	assert.ok(!JSON.stringify(records()).includes(canary));
});
