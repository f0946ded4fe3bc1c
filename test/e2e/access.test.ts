import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { accessOf, aliasesOf } from "../../kernel/contract.ts";
import { type AccessLine, accessTable } from "../contract/access.ts";
import { type Actor, actors, type Person, type Request, School } from "../support/actors.ts";
import { actions, Bytes, caseOf, faultOf, type Json, requestTo } from "../support/cases.ts";
import { startEmbedded } from "../support/process.ts";

/** Names of all other systems whose servers may be known. */
const systems = ["course-service", "file-service", "payment-service", "user-service"];

/** Alias → full name of its action. */
const routes = new Map(
	[...actions].flatMap(([action, face]) => aliasesOf(face).map(alias => [alias, action] as const)),
);

/** What a contract says in the words of the table; its own mesh may call what is for services, too. */
const saidBy = (action: string): string[] =>
	accessOf(actions.get(action) as never)
		.flatMap(rule => {
			if (typeof rule === "string") return rule === "internal" ? [] : [rule];
			return "roles" in rule ? rule.roles : rule.service;
		})
		.toSorted();

const isForSystems = ({ access }: AccessLine): boolean =>
	access.some(name => systems.includes(name));

/** Roles of the actors. */
const rolesOf: Partial<Record<Actor, string>> = {
	user: "student",
	owner: "student",
	other: "student",
	teacher: "teacher",
	colleague: "teacher",
	admin: "admin",
};

/** What keeps an actor out before anybody looks at the thing; undefined where nothing does. */
function refusalAt(line: AccessLine, actor: Actor): number | undefined {
	const { access } = line;
	const role = rolesOf[actor];
	if (access.includes("public")) return undefined;
	if (isForSystems(line)) return actor === "service" ? undefined : actor === "nobody" ? 401 : 403;
	if (!role) return 401;
	return access.includes("user") || access.includes(role) ? undefined : 403;
}

test("every route has a line that says who may call it, and no line is of a route there is not", () => {
	const lines = new Map(accessTable.map(line => [`${line.route} ${line.variant}`, line]));
	assert.equal(lines.size, accessTable.length, "a line is there twice");
	assert.deepEqual(
		[...routes.keys()].filter(route => !accessTable.some(line => line.route === route)),
		[],
		"routes without a line",
	);
	for (const line of accessTable) {
		const action = routes.get(line.route);
		assert.ok(action, `${line.route} is no route`);
		assert.deepEqual(line.access, saidBy(action), `${line.route}: ${action} says something else`);
	}
});

test("every line holds what its access says for each actor", () => {
	for (const line of accessTable) {
		assert.equal(line.statuses.length, actors.length, line.route);
		actors.forEach((actor, index) => {
			const status = line.statuses[index];
			const refusal = refusalAt(line, actor);
			const what = `${line.route} ${line.variant}, ${actor}: ${status}`;
			if (refusal !== undefined) assert.equal(status, refusal, what);
			else assert.notEqual(status, 401, what);
		});
	}
});

type Params = (school: School) => Json | Promise<Json>;

/** What is asked for where a line is not about the first thing a caller would ask for. */
const variants: Readonly<Record<string, Params>> = {
	"GET /api/courses/:id draft": ({ things }) => ({ id: things.draft.courseId }),
	"GET /api/courses/:id retracted": ({ things }) => ({ id: things.retracted.courseId }),
	"GET /api/courses/:id shelved": ({ things }) => ({ id: things.shelved.courseId }),
	"PATCH /api/courses/:id draft": ({ things }) => ({ id: things.draft.courseId, price: 1 }),
	"PATCH /api/courses/:id retracted": ({ things }) => ({ id: things.retracted.courseId, price: 1 }),
	"DELETE /api/courses/:id draft": async school => ({
		id: await school.course("teacher", { status: "draft" }),
	}),
	"PUT /api/courses/:id/order draft": ({ things: { draft } }) => ({
		id: draft.courseId,
		sections: [],
	}),
	"POST /api/courses/:id/sections draft": ({ things }) => ({
		id: things.draft.courseId,
		title: "x",
	}),
	"PATCH /api/sections/:id draft": ({ things }) => ({ id: things.draft.sectionId, title: "x" }),
	"DELETE /api/sections/:id draft": async school => ({
		id: await school.section("teacher", school.things.draft.courseId),
	}),
	"POST /api/sections/:id/lectures draft": ({ things }) => ({
		id: things.draft.sectionId,
		title: "x",
	}),
	"GET /api/lectures/:id preview": ({ things }) => ({ id: things.course.previewId }),
	"GET /api/lectures/:id draft": ({ things }) => ({ id: things.draft.lectureId }),
	"PATCH /api/lectures/:id draft": ({ things }) => ({ id: things.draft.lectureId, title: "x" }),
	"DELETE /api/lectures/:id draft": async school => ({
		id: await school.lecture("teacher", school.things.draft.sectionId),
	}),
	"POST /api/lectures/:id/upload draft": async school => ({
		id: await school.lecture("teacher", school.things.draft.sectionId),
		fileName: "a.mp4",
		fileSize: 100,
		contentType: "video/mp4",
	}),
	"POST /api/lectures/:id/confirm-upload draft": ({ things }) => ({
		id: things.draft.lectureId,
		fileId: things.video.fileId,
	}),
	"GET /api/lectures/:id/status draft": ({ things }) => ({ id: things.draft.lectureId }),
	"POST /api/enrollments paid": ({ things }) => ({ courseId: things.course.courseId }),
	"POST /api/enrollments draft": ({ things }) => ({ courseId: things.draft.courseId }),
	"POST /api/enrollments/:id/certificate active": ({ things }) => ({
		id: things.course.enrollmentId,
	}),
	"GET /certificates/:id none": () => ({ id: "crt_none" }),
	"POST /api/payments .": ({ things }) => ({
		courseId: things.course.courseId,
		paymentMethod: "stripe",
	}),
	"POST /api/payments draft": ({ things }) => ({
		courseId: things.draft.courseId,
		paymentMethod: "stripe",
	}),
	"POST /api/payments/:id/refund amount": async school => ({
		id: (await school.buy("owner")).paymentId,
		amount: 1,
	}),
	"PUT /api/files/uploads/:ticket forged": () => ({
		ticket: "e30.forged",
		body: new Bytes("x", "video/mp4"),
	}),
	"GET /api/files/downloads/:ticket forged": () => ({ ticket: "e30.forged" }),
	"POST /api/reviews again": ({ things }) => ({
		courseId: things.reviewed.courseId,
		rating: 5,
	}),
	"POST /api/reviews draft": ({ things }) => ({ courseId: things.draft.courseId, rating: 5 }),
	"GET /api/figures/courses/:id draft": ({ things }) => ({ id: things.draft.courseId }),
	"GET /api/notifications/unsubscribe/:token forged": () => ({ token: "forged" }),
	"POST /api/notifications/unsubscribe/:token forged": () => ({ token: "forged" }),
	"POST /webhooks/:provider closed": () => ({ provider: "stripe" }),
	"POST /webhooks/mux closed": () => ({}),
	"GET /sandbox/checkout/:id wrong-secret": ({ things: { open } }) => ({
		id: open.paymentId,
		secret: `${open.secret.slice(0, -1)}${open.secret.endsWith("0") ? "1" : "0"}`,
	}),
	"POST /sandbox/checkout/:id wrong-secret": ({ things: { open } }) => ({
		id: open.paymentId,
		secret: "",
		outcome: "succeed",
	}),
};

/** The request of a line; a logout is out of a session that nothing else needs. */
async function requestOf(school: School, line: AccessLine, actor: Actor): Promise<Request> {
	const { route, variant } = line;
	const params = variants[`${route} ${variant}`] ?? caseOf(routes.get(route) as string).params;
	const request = requestTo(route, await params?.(school));
	if (route !== "POST /api/auth/logout" || !rolesOf[actor]) return request;
	const { token } = await school.signIn(school.people[actor as Person]);
	return { ...request, headers: { authorization: `Bearer ${token}` } };
}

/** The name an actor signs with: one that the line lists, or one that it does not. */
const systemOf = ({ access }: AccessLine, actor: Actor): string | undefined =>
	systems.find(name => access.includes(name) === (actor === "service"));

async function checkLine(t: TestContext, school: School, line: AccessLine): Promise<void> {
	await t.test(`${line.route} ${line.variant}`, async () => {
		const action = routes.get(line.route) as string;
		const answered: number[] = [];
		const faults: string[] = [];
		for (const actor of actors) {
			const request = await requestOf(school, line, actor);
			const answer = await school.ask(actor, request, systemOf(line, actor));
			answered.push(answer.status);
			const fault = faultOf(action, answer);
			if (fault) faults.push(`${actor}: ${fault}`);
		}
		const table = (statuses: readonly number[]) =>
			Object.fromEntries(actors.map((actor, index) => [actor, statuses[index]]));
		assert.deepEqual(table(answered), table(line.statuses));
		assert.deepEqual(faults, []);
	});
}

test("the running server answers every actor as the table says", async t => {
	const { url } = await startEmbedded(t, {
		SERVICE_SECRET_KEY: "a-secret-for-tests-0123456789abcdef",
		TRUSTED_PROXIES: "127.0.0.1",
	});
	const school = await School.open(url);
	for (const line of accessTable) await checkLine(t, school, line);
});
