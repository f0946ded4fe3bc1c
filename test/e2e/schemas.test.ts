import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { type TestContext, test } from "node:test";
import type { Broker } from "../../kernel/contract.ts";
import type { Node } from "../../kernel/node.ts";
import { platformOf } from "../../kernel/platform.ts";
import { School } from "../support/actors.ts";
import { actions } from "../support/cases.ts";
import { provoke, provokeErrors, type Stage } from "../support/cases-errors.ts";
import { fuzz } from "../support/cases-fuzz.ts";
import { startNode } from "../support/node.ts";
import { freePort } from "../support/ports.ts";

// FUZZ_CASES (2,000), FUZZ_SEED, FUZZ_ACTION and FUZZ_PATH, as a failure prints them; `npm run fuzz` sends 20,000.
const cases = Number(process.env.FUZZ_CASES ?? 2_000);
const seed = Number(process.env.FUZZ_SEED ?? randomInt(2 ** 31));
const { FUZZ_ACTION: only, FUZZ_PATH: path } = process.env;

/** After this long a node asks for a key that it does not know. */
const keysAreNewsMs = 10_000;

/** Codes that an action declares with others and cannot answer with itself. */
const outOfReach: Readonly<Record<string, string>> = {
	"payments.createFor AMOUNT_MISMATCH": "it takes no amount",
	"files.begin FILE_STORE_MISSING": "one process always has its disk",
	"files.confirm FILE_STORE_MISSING": "one process always has its disk",
	"files.link FILE_STORE_MISSING": "one process always has its disk",
	"files.signParts FILE_STORE_MISSING": "one process always has its disk",
	"files.parts FILE_STORE_MISSING": "one process always has its disk",
	"courses.uploadLecture FILE_STORE_MISSING": "one process always has its disk",
	"courses.confirmUpload FILE_STORE_MISSING": "one process always has its disk",
	"videos.webhook SIGNATURE_INVALID": "Mux is not set up in the sandbox",
	"files.receive UPLOAD_CUT": "nobody is there any more to be answered",
};

interface Opened {
	node: Node;
	clock: { aheadMs: number };
	school: School;
}

/** A school without things, in this process, so that the mesh can be asked too. */
async function openNode(t: TestContext, variables: Record<string, string> = {}): Promise<Opened> {
	const clock = { aheadMs: 0, now: () => Date.now() + clock.aheadMs };
	const node = await startNode(t, {
		env: {
			PORT: String(await freePort()),
			ADMIN_EMAIL: "admin@zeolite.example",
			ADMIN_PASSWORD: "admin-password",
			TEACHER_APPROVAL: "on",
			TRUSTED_PROXIES: "127.0.0.1",
			...variables,
		},
		clock,
	});
	const broker = node.broker as unknown as Broker;
	const call = broker.call.bind(broker) as (action: string, params: object) => Promise<unknown>;
	const school = await School.enroll(platformOf(node.broker).env.publicUrl, call);
	return { node, clock, school };
}

/** Where no provider is set up, nothing with a price can be paid. */
async function provokeUnavailable(t: TestContext, reached: Set<string>): Promise<void> {
	const { node, clock, school } = await openNode(t, { SANDBOX: "off" });
	const stage: Stage = { school, node, clock, reached };
	const courseId = await school.course("teacher", { price: 5 });
	const order = { courseId, paymentMethod: "stripe" };
	await provoke(stage, "user", "payments.create", order);
	const { id: userId } = school.people.user;
	await provoke(stage, "service", "payments.createFor", { ...order, userId });
	const sectionId = await school.section("teacher", courseId);
	await provoke(stage, "teacher", "courses.uploadLecture", {
		id: await school.lecture("teacher", sectionId),
		fileName: "a.mp4",
		fileSize: 100,
		contentType: "video/mp4",
	});
}

test("every action answers what fits and what does not as its contract says", async t => {
	const { node, clock, school } = await openNode(t);
	await school.furnish();
	const reached = new Set<string>();
	// A lost key ends every token: last.
	const isLast = (action: string) => Number(action === "auth.rotateKeys");
	const chosen = [...actions.keys()]
		.filter(action => !only || action === only)
		.sort((a, b) => isLast(a) - isLast(b));
	const withParams = chosen.filter(action => actions.get(action)?.params);
	t.diagnostic(`FUZZ_SEED=${seed}`);
	const failures: string[] = [];
	let sent = 0;
	for (const action of chosen) {
		const runs = withParams.includes(action) ? Math.ceil(cases / withParams.length) : 3;
		const report = await fuzz(school, action, { runs, seed, ...(path && { path }) });
		sent += report.runs;
		for (const code of report.codes) reached.add(`${action} ${code}`);
		if (report.failure) failures.push(report.failure);
	}
	t.diagnostic(`${sent} inputs to ${chosen.length} actions`);
	assert.equal(failures.length, 0, `\n${failures.join("\n")}`);
	if (only) return;

	await t.test("every action was answered with success by something", () => {
		const never = chosen.filter(action => !reached.has(`${action} ok`));
		assert.deepEqual(never.sort(), [
			"files.receive",
			"payments.webhook",
			"videos.replayEvent",
			"videos.webhook",
		]);
	});

	await t.test("every error that a contract declares was reached", async () => {
		const stage: Stage = { school, node, clock, reached };
		clock.aheadMs += keysAreNewsMs;
		await school.signInAll();
		// What was sent before may have left it a draft, which is not there for who may not change it.
		const { courseId } = school.things.free;
		await school.must("teacher", "PATCH", `/api/courses/${courseId}`, { status: "published" });
		await provokeErrors(stage);
		await provokeUnavailable(t, reached);
		const declared = [...actions].flatMap(([action, { errors = {} }]) =>
			Object.keys(errors).map(code => `${action} ${code}`),
		);
		const missed = declared.filter(pair => !reached.has(pair));
		assert.deepEqual(missed.sort(), Object.keys(outOfReach).sort());
	});
});
