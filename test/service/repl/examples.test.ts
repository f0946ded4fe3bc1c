import assert from "node:assert/strict";
import { test } from "node:test";
import { type Access, accessOf } from "../../../kernel/contract.ts";
import { codeOf } from "../../../kernel/errors.ts";
import { findServices } from "../../../kernel/load.ts";
import { Repl } from "../../../kernel/repl/commands.ts";
import { root, startNode } from "../../support/node.ts";

const password = "correct horse battery";
const emailOf = (role: string) => `${role}@example.com`;

/** The `as` arguments of somebody whom this rule lets in. */
function callerFor(rule: Access): string[] {
	if (rule === "public" || rule === "internal") return ["nobody"];
	if (rule === "user") return [emailOf("student")];
	if ("roles" in rule) return [emailOf(rule.roles[0] as string)];
	return ["service", rule.service[0] as string];
}

test("every example runs at the prompt, for each who may call it", async t => {
	const folders = await findServices(root);
	const node = await startNode(t, {
		folders,
		env: { ADMIN_EMAIL: emailOf("admin"), ADMIN_PASSWORD: password },
	});
	for (const role of ["student", "teacher", "factory"])
		await node.broker.call("auth.register", { email: emailOf(role), password, role });
	const { actions } = node.platform.contracts;
	const said: string[] = [];
	const repl = new Repl(node.broker, { signIn: "auth.signInAs", print: text => said.push(text) });
	const outcome: { calls: number; error?: unknown } = { calls: 0 };
	const call = repl.operator.call.bind(repl.operator);
	t.mock.method(repl.operator, "call", async (...args: Parameters<typeof call>) => {
		outcome.calls++;
		try {
			return await call(...args);
		} catch (error) {
			outcome.error = error;
			throw error;
		}
	});

	for (const { contract } of folders)
		for (const name of Object.keys(contract.actions))
			await t.test(`${contract.name}.${name}`, async () => {
				const action = `${contract.name}.${name}`;
				const face = actions.get(action);
				assert(face, "the sandbox is on here, so that every action exists");
				assert(face.example || face.accepts === "raw", "it has no example");
				if (!face.example) return;
				for (const rule of accessOf(face)) {
					const who = callerFor(rule);
					await repl.run("as", who);
					Object.assign(outcome, { calls: 0, error: undefined });
					said.length = 0;
					await repl.run("try", [action]);
					assert.equal(outcome.calls, 1, `as ${who.join(" ")}: ${said.join("\n")}`);
					assert(said[0]?.startsWith(`call ${action}`), said[0]);
					if (outcome.error === undefined) continue;
					const declared = Object.keys(face.errors ?? {});
					const code = codeOf(outcome.error);
					assert(code && declared.includes(code), `as ${who.join(" ")}: ${said.join("\n")}`);
				}
			});
});
