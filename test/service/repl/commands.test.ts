import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { type TestContext, test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import type { StockCall } from "../../../kernel/repl/call.ts";
import { Repl } from "../../../kernel/repl/commands.ts";
import { startNode } from "../../support/node.ts";

const { handler: stock } = createRequire(import.meta.url)(
	"moleculer-repl/src/commands/call.js",
) as { handler: StockCall };

const admin = { ADMIN_EMAIL: "root@example.com", ADMIN_PASSWORD: "correct horse battery" };

/** The prompt of a node of the whole repository, and what it says to a line. */
async function prompt(t: TestContext) {
	const clock = { at: Date.now(), now: () => clock.at };
	const node = await startNode(t, { env: admin, clock });
	let said: string[] = [];
	const print = (text: string) => {
		said.push(stripVTControlCharacters(text));
	};
	const repl = new Repl(node.broker, { signIn: "auth.signInAs", print });
	// moleculer-repl's call prints by itself.
	for (const way of ["log", "error"] as const)
		t.mock.method(console, way, (...texts: unknown[]) => print(texts.join(" ")));
	const heard = async (work: () => Promise<void>) => {
		said = [];
		await work();
		return said.join("\n");
	};
	return {
		node,
		repl,
		clock,
		heard,
		says(line: string) {
			const [name = "", ...args] = line.split(" ");
			return heard(() => repl.run(name, args));
		},
		calls(actionName: string, params: Record<string, unknown> | string = {}, options = {}) {
			const flags = typeof params === "string" ? {} : params;
			const typed = Object.entries(flags).map(([key, value]) => `--${key} ${value}`);
			const given = typeof params === "string" ? { jsonParams: params } : {};
			const rawCommand = given.jsonParams ?? typed.join(" ");
			const line = { actionName, options: { ...flags, ...options }, rawCommand, ...given };
			return heard(() => repl.call(line, stock));
		},
	};
}

test("as signs a user in, and every call is the user's until nobody", async t => {
	const { says, calls } = await prompt(t);
	assert.match(await says("whoami"), /^nobody/);
	assert.match(await calls("auth.me"), /401 UNAUTHENTICATED.*\n {2}`as <e-mail>` signs in$/);

	assert.match(await says("as ROOT@example.com"), /^root@example\.com usr_\S+ \(admin\)$/);
	assert.equal(await says("whoami"), await says("whoami"));
	assert.match(await says("whoami"), /^root@example\.com usr_\S+ \(admin\)$/);
	assert.match(await calls("auth.me"), /Response:\n(.*\n)*.*root@example\.com/);
	assert.match(await calls("users.list"), /Response:/);

	assert.match(await says("as nobody"), /^nobody/);
	assert.match(await calls("auth.me"), /401 UNAUTHENTICATED/);
});

test("as an unknown e-mail leaves the operator as it was", async t => {
	const { says } = await prompt(t);
	await says("as root@example.com");
	assert.equal(await says("as nobody@example.com"), "404 USER_NOT_FOUND: There is no such user");
	assert.match(await says("whoami"), /^root@example\.com/);
});

test("as service opens what is for that service, and no user's", async t => {
	const { says, calls } = await prompt(t);
	const params = { userId: "usr_1", courseId: "crs_1", paymentId: "pay_1" };
	assert.match(await calls("enrollments.complete", params), /401 UNAUTHENTICATED/);
	assert.equal(await says("as service payment-service"), "the service payment-service");
	assert.equal(await says("whoami"), "the service payment-service");
	assert.match(await calls("enrollments.complete", params), /409 PAYMENT_NOT_CAPTURED/);
	assert.match(await calls("auth.me"), /403 FORBIDDEN/);
	assert.equal(await says("as service file-service"), "the service file-service");
	assert.match(await calls("enrollments.complete", params), /403 FORBIDDEN/);

	assert.match(await says("as service paymnt-service"), /Did you mean payment-service\?$/);
	assert.match(await says("as service"), /^As which service\? One of .*payment-service/);
	assert.equal(await says("whoami"), "the service file-service");
});

test("a token that expired or was revoked is renewed", async t => {
	const { node, says, calls, clock } = await prompt(t);
	await says("as root@example.com");
	clock.at += 3_600_000;
	assert.match(await calls("auth.me"), /Response:/);
	assert.match(await calls("auth.logout"), /Response:/);
	await node.platform.tokens.refreshRevoked();
	assert.match(await calls("auth.me"), /401 UNAUTHENTICATED/);
	assert.match(await calls("auth.me"), /Response:/);
});

test("a console's session is told apart from a browser's", async t => {
	const { says, calls } = await prompt(t);
	await says("as root@example.com");
	assert.match(await calls("auth.sessions"), /Zeolite REPL/);
});

test("the node's own calls do not carry the operator", async t => {
	const { node, says } = await prompt(t);
	await says("as root@example.com");
	await assert.rejects(node.broker.call("auth.me", {}), { type: "UNAUTHENTICATED" });
});

test("flags are sent as the contract types them, JSON as it is", async t => {
	const { says, calls } = await prompt(t);
	await says("as root@example.com");
	assert.match(await calls("courses.create", { title: 2024, price: 5 }), /title: .*'2024'/);
	assert.match(
		await calls("courses.create", '{"title": 2024 }'),
		/422 VALIDATION_ERROR.*\n {2}\/title TYPE: must be string$/,
	);
});

test("errors take a line or two, and never a stack", async t => {
	const { says, calls } = await prompt(t);
	await says("as root@example.com");
	const told = (text: string) => text.split("\n").slice(1).join("\n");
	assert.equal(
		told(await calls("courses.get", { id: "crs_1" })),
		"404 COURSE_NOT_FOUND: There is no such course",
	);
	assert.equal(
		told(await calls("courses.create", { title: "x", price: -5 })),
		"422 VALIDATION_ERROR: Parameters validation error!\n  /price MINIMUM: must be >= 0",
	);
	const paid = await calls("courses.create", { title: "Paid", price: 5 });
	const [courseId] = /crs_[0-9a-f-]+/.exec(stripVTControlCharacters(paid)) ?? [""];
	assert.equal(
		told(await calls("enrollments.enroll", { courseId })),
		`402 PAYMENT_REQUIRED: The course has a price\n  courseId: ${courseId}, amount: 5, amountMinor: 500, currency: USD`,
	);
});

test("wrong names are refused before anything is called", async t => {
	const { node, says, calls } = await prompt(t);
	await says("as root@example.com");
	const call = t.mock.method(node.broker, "call");
	assert.equal(
		await calls("courses.lst"),
		"There is no action courses.lst. Did you mean courses.list?",
	);
	assert.match(
		await calls("courses.create", { title: "x", prise: 5 }),
		/\ncourses\.create has no param prise\. Did you mean price\?$/,
	);
	assert.equal(
		await calls("users.get", "usr_1"),
		"usr_1 is not JSON; `sample users.get` shows how to call it",
	);
	assert.match(await says("contract courses.craete"), /Did you mean courses\.create\?$/);
	assert.match(await says("sample course.create"), /Did you mean courses\.create\?$/);
	assert.match(await says("try cources.list"), /Did you mean courses\.list\?$/);
	assert.match(await says("whoam"), /Did you mean whoami\?$/);
	assert.equal(call.mock.callCount(), 0);
});

test("moleculer's own actions can be called, and a node by its name", async t => {
	const { node, repl, heard, says, calls } = await prompt(t);
	assert.match(await calls("$node.list"), /Response:/);
	const { nodeID } = node.broker;
	const line = { actionName: "auth.me", nodeID, options: {}, rawCommand: "" };
	await says("as root@example.com");
	assert.match(await heard(() => repl.call(line, stock)), / on \S+ with.*\n(.*\n)*.*root@/);
});

test("a service that is away is told so", async t => {
	const { node, calls } = await prompt(t);
	await node.broker.destroyService("courses");
	assert.match(
		await calls("courses.list"),
		/404 SERVICE_NOT_AVAILABLE: .*\n {2}no node of this mesh serves it now$/,
	);
});

test("contract describes the mesh, a service and an action", async t => {
	const { says } = await prompt(t);
	assert.match(await says("contract"), /^courses +Courses with their sections and lectures$/m);
	const courses = await says("contract courses");
	assert.match(courses, /^courses: Courses with their sections and lectures$/m);
	assert.match(courses, /^ {2}courses\.create +teacher or admin +POST \/api\/courses$/m);
	assert.match(courses, /^ {2}courses\.facts\.parked +the mesh, admin$/m);
	assert.match(courses, /^ {2}consumes {2}course\.outline_changed, /m);
	const create = await says("contract courses.create");
	assert.match(create, /^ {4}title +text .*1\.\.200$/m);
	assert.match(create, /^ {4}call courses\.create --title "Test Course" --price 99\.99$/m);
	assert.match(await says("contract auth"), /^ {2}runs +purge PT1H$/m);
});

test("sample shows a line that try runs as the operator", async t => {
	const { says } = await prompt(t);
	const line = 'call courses.create --title "Test Course" --price 99.99';
	assert.equal(await says("sample courses.create"), line);
	assert.match(await says("try courses.create"), /Course.*\n401 UNAUTHENTICATED/);
	await says("as root@example.com");
	assert.match(
		stripVTControlCharacters(await says("try courses.create")),
		/^call courses\.create .*\n\{\n {2}id: 'crs_(.*\n)*.*priceMinor: 9999,/,
	);
});

test("lines are completed from the contracts", async t => {
	const { repl } = await prompt(t);
	assert.deepEqual(repl.complete("contract courses.cr"), ["contract courses.create"]);
	assert.deepEqual(repl.complete("try auth.log"), ["try auth.login", "try auth.logout"]);
	assert(repl.complete("contract cou")?.includes("contract courses"));
	assert.deepEqual(repl.complete("try courses.create x"), []);
	assert.deepEqual(repl.complete("as s"), ["as service"]);
	assert.deepEqual(repl.complete("as service pay"), ["as service payment-service"]);
	assert.deepEqual(repl.complete("facts p"), ["facts pending", "facts parked"]);
	assert.deepEqual(repl.complete("facts replay cour"), ["facts replay courses"]);
	assert.deepEqual(repl.complete("whoami "), []);
	assert.equal(repl.complete("call courses.cr"), undefined);
	assert.equal(repl.complete("contr"), undefined);
});

test("explain tells what happened to a payment, to whom may see it", async t => {
	const { says, calls } = await prompt(t);
	assert.match(await says("explain usr_1"), /an id that begins with one of: pay_…/);
	await says("as root@example.com");
	const idIn = (text: string, prefix: string) =>
		new RegExp(`id: '(${prefix}_[^']+)'`).exec(text)?.[1] ?? "";
	const courseId = idIn(await says("try courses.create"), "crs");
	const paid = await calls("payments.create", { courseId, paymentMethod: "stripe" });
	const id = idIn(paid, "pay");
	const told = await says(`explain ${id}`);
	assert.match(told, /^\$99\.99, requires action\n/);
	assert.match(told, / +payment +asked for \(admin usr_\S+\)\n/);
	await says("as nobody");
	assert.match(await says(`explain ${id}`), /401 UNAUTHENTICATED/);
});
