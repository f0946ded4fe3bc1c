import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { type ActionContract, aliasesOf } from "../../kernel/contract.ts";
import { type Actor, canary, School } from "../support/actors.ts";
import {
	actions,
	callBy,
	caseOf,
	faultOf,
	isQueried,
	type Json,
	jsonOf,
	pathParams,
	requestTo,
	servicesOf,
	takesJson,
} from "../support/cases.ts";
import { type Answer, eventually } from "../support/http.ts";
import { startEmbedded } from "../support/process.ts";

type Kind =
	| "certificate"
	| "course"
	| "enrollment"
	| "event"
	| "file"
	| "gateway"
	| "lecture"
	| "notification"
	| "payment"
	| "review"
	| "section"
	| "session"
	| "user"
	| "word";

/** An id that a client sends, and what one gets that is not the client's. */
interface IdField {
	/** Who sends it. */
	by: Actor;
	kind: Kind;
	/** Ids of others' things, each with its status. */
	theirs?(school: School): readonly (readonly [id: string, status: number])[];
	/** Status for an id of nothing, of another kind, or of an odd form that the schema takes. */
	nothing: number;
	/** Params that the field is put into; those of the action's case where not given. */
	params?(school: School): Json;
}

const drafts = (status: number) => (school: School) =>
	[
		[school.things.draft.courseId, status],
		[school.things.shelved.courseId, status],
		[school.things.retracted.courseId, status],
	] as const;
const colleagues: Pick<IdField, "by" | "kind" | "nothing" | "theirs"> = {
	by: "colleague",
	kind: "course",
	theirs: school => [[school.things.course.courseId, 403], ...drafts(404)(school)],
	nothing: 404,
};
const sections: typeof colleagues = {
	by: "colleague",
	kind: "section",
	theirs: ({ things }) => [
		[things.course.sectionId, 403],
		[things.draft.sectionId, 404],
	],
	nothing: 404,
};
const lectures: typeof colleagues = {
	by: "colleague",
	kind: "lecture",
	theirs: ({ things }) => [
		[things.course.lectureId, 403],
		[things.draft.lectureId, 404],
	],
	nothing: 404,
};
const payments: typeof colleagues = {
	by: "other",
	kind: "payment",
	theirs: ({ things }) => [
		[things.course.paymentId, 404],
		[things.open.paymentId, 404],
		[things.refunded.paymentId, 404],
	],
	nothing: 404,
};
const seats: typeof colleagues = {
	by: "other",
	kind: "course",
	theirs: ({ things }) => [
		[things.course.courseId, 404],
		[things.retracted.courseId, 404],
	],
	nothing: 404,
};
const othersFile: typeof colleagues = {
	by: "colleague",
	kind: "file",
	theirs: ({ things }) => [[things.fileId, 404]],
	nothing: 404,
};
const othersUpload: typeof colleagues = {
	...othersFile,
	theirs: ({ things }) => [[things.uploadId, 404]],
};
const unreviewed: Omit<typeof colleagues, "by"> = {
	kind: "course",
	theirs: school => [[school.things.course.courseId, 403], ...drafts(404)(school)],
	nothing: 404,
};
const othersReview: typeof colleagues = {
	by: "colleague",
	kind: "review",
	theirs: ({ things }) => [[things.reviewed.reviewId, 403]],
	nothing: 404,
};
const enrollment: typeof colleagues = {
	by: "colleague",
	kind: "enrollment",
	theirs: ({ things }) => [[things.course.enrollmentId, 404]],
	nothing: 404,
};
const certificate: typeof colleagues = { by: "nobody", kind: "certificate", nothing: 404 };
const withSections = ({ things: { course } }: School): Json => ({
	id: course.courseId,
	sections: [{ id: course.sectionId, lectures: [course.lectureId] }],
});

/** Every field of every route that takes an id: `<alias> <JSON pointer>`. */
const idFields: Readonly<Record<string, IdField>> = {
	"GET /docs/:file /file": { by: "nobody", kind: "word", nothing: 404 },
	"GET /docs/problems/:slug /slug": { by: "nobody", kind: "word", nothing: 404 },
	"GET /problems/:slug /slug": { by: "nobody", kind: "word", nothing: 404 },
	"DELETE /api/auth/sessions/:id /id": {
		by: "user",
		kind: "session",
		theirs: ({ things }) => [[things.othersSessionId, 404]],
		nothing: 404,
	},
	"GET /api/users/:id /id": {
		by: "user",
		kind: "user",
		theirs: ({ people }) => [[people.owner.id, 200]],
		nothing: 404,
	},
	"PUT /api/users/:id/roles /id": { by: "admin", kind: "user", nothing: 404 },
	"PUT /api/users/:id/approval /id": { by: "admin", kind: "user", nothing: 404 },
	"GET /api/courses /teacherId": { by: "nobody", kind: "user", nothing: 200 },
	"GET /api/courses/:id /id": { by: "user", kind: "course", theirs: drafts(404), nothing: 404 },
	"PATCH /api/courses/:id /id": colleagues,
	"DELETE /api/courses/:id /id": colleagues,
	"POST /api/courses/:id/sections /id": colleagues,
	"PUT /api/courses/:id/order /id": { ...colleagues, params: () => ({ sections: [] }) },
	"PUT /api/courses/:id/order /sections/0/id": {
		by: "teacher",
		kind: "section",
		theirs: ({ things }) => [
			[things.others.sectionId, 422],
			[things.draft.sectionId, 422],
		],
		nothing: 422,
		params: withSections,
	},
	"PUT /api/courses/:id/order /sections/0/lectures/0": {
		by: "teacher",
		kind: "lecture",
		theirs: ({ things }) => [
			[things.others.lectureId, 422],
			[things.draft.lectureId, 422],
		],
		nothing: 422,
		params: withSections,
	},
	"PATCH /api/sections/:id /id": sections,
	"DELETE /api/sections/:id /id": sections,
	"POST /api/sections/:id/lectures /id": sections,
	"GET /api/lectures/:id /id": { ...lectures, by: "user" },
	"PATCH /api/lectures/:id /id": lectures,
	"DELETE /api/lectures/:id /id": lectures,
	"GET /api/courses/internal/:id /id": { by: "service", kind: "course", nothing: 404 },
	"POST /api/enrollments /courseId": {
		by: "user",
		kind: "course",
		theirs: drafts(404),
		nothing: 404,
	},
	"POST /api/reviews /courseId": { ...unreviewed, by: "user" },
	"POST /api/reviews /subject/id": {
		...unreviewed,
		by: "user",
		params: ({ things }) => ({
			subject: { kind: "course", id: things.course.courseId },
			rating: 5,
		}),
	},
	"GET /api/reviews /courseId": { by: "nobody", kind: "course", nothing: 200 },
	"GET /api/reviews /subjectId": {
		by: "nobody",
		kind: "course",
		nothing: 200,
		params: ({ things }) => ({ kind: "course", subjectId: things.reviewed.courseId }),
	},
	"GET /api/reviews/mine /courseId": {
		by: "other",
		kind: "course",
		theirs: ({ things }) => [[things.reviewed.courseId, 200]],
		nothing: 200,
	},
	"PATCH /api/reviews/:id /id": othersReview,
	"DELETE /api/reviews/:id /id": othersReview,
	"POST /api/reviews/:id/reply /id": othersReview,
	"GET /api/figures/courses/:id /id": colleagues,
	"GET /api/enrollments /courseId": {
		by: "colleague",
		kind: "course",
		theirs: ({ things }) => [
			[things.course.courseId, 200],
			[things.retracted.courseId, 200],
		],
		nothing: 200,
	},
	"GET /api/enrollments/:id /id": {
		by: "colleague",
		kind: "enrollment",
		theirs: ({ things }) => [[things.course.enrollmentId, 404]],
		nothing: 404,
	},
	"GET /api/enrollments/course/:courseId /courseId": seats,
	"PATCH /api/enrollments/course/:courseId/progress /courseId": seats,
	"PATCH /api/enrollments/course/:courseId/progress /lectureId": {
		by: "owner",
		kind: "lecture",
		theirs: ({ things }) => [
			[things.others.lectureId, 404],
			[things.draft.lectureId, 404],
		],
		nothing: 404,
	},
	"GET /api/enrollments/:id/explain-progress /id": enrollment,
	"POST /api/enrollments/:id/certificate /id": enrollment,
	"GET /api/certificates/:id /id": certificate,
	"GET /api/certificates/:id/pdf /id": certificate,
	"GET /api/certificates/:id/jws /id": certificate,
	"GET /certificates/:id /id": certificate,
	"POST /api/enrollments/internal/complete /userId": {
		by: "service",
		kind: "user",
		theirs: ({ people }) => [[people.other.id, 409]],
		nothing: 409,
	},
	"POST /api/enrollments/internal/complete /courseId": {
		by: "service",
		kind: "course",
		theirs: ({ things }) => [[things.others.courseId, 409]],
		nothing: 409,
	},
	"POST /api/enrollments/internal/complete /paymentId": {
		by: "service",
		kind: "payment",
		theirs: ({ things }) => [
			[things.others.paymentId, 409],
			[things.open.paymentId, 409],
			[things.refunded.paymentId, 409],
		],
		nothing: 409,
	},
	"POST /api/enrollments/internal/drop /userId": {
		by: "service",
		kind: "user",
		theirs: ({ people }) => [[people.other.id, 404]],
		nothing: 404,
	},
	"POST /api/enrollments/internal/drop /courseId": {
		by: "service",
		kind: "course",
		theirs: ({ things }) => [[things.others.courseId, 404]],
		nothing: 404,
	},
	"POST /api/enrollments/internal/drop /paymentId": {
		by: "service",
		kind: "payment",
		theirs: ({ things }) => [[things.others.paymentId, 200]],
		nothing: 200,
	},
	"POST /api/payments /courseId": {
		by: "other",
		kind: "course",
		theirs: drafts(404),
		nothing: 404,
	},
	"POST /api/payments /payable/id": {
		by: "other",
		kind: "course",
		theirs: drafts(404),
		nothing: 404,
		params: ({ things }) => ({
			payable: { kind: "course", id: things.market.courseId },
			paymentMethod: "stripe",
		}),
	},
	"POST /api/payments/internal/create /userId": { by: "service", kind: "user", nothing: 201 },
	"POST /api/payments/internal/create /courseId": {
		by: "service",
		kind: "course",
		theirs: drafts(404),
		nothing: 404,
	},
	"GET /api/payments/:id /id": payments,
	"GET /api/payments/:id/explain /id": payments,
	"GET /api/payments/:id/refund-quote /id": payments,
	"POST /api/payments/:id/cancel /id": payments,
	"POST /api/payments/:id/verify /id": payments,
	"POST /api/payments/:id/verify /paymentGatewayId": {
		by: "owner",
		kind: "gateway",
		theirs: ({ things }) => [[things.open.gatewayId, 422]],
		nothing: 422,
	},
	"POST /api/payments/:id/refund /id": payments,
	"GET /api/payments/internal/:id /id": { by: "service", kind: "payment", nothing: 404 },
	"POST /api/payment-events/:id/replay /id": { by: "admin", kind: "event", nothing: 404 },
	"POST /api/lectures/:id/upload /id": lectures,
	"POST /api/lectures/:id/confirm-upload /id": lectures,
	"POST /api/lectures/:id/confirm-upload /fileId": {
		by: "teacher",
		kind: "file",
		theirs: ({ things }) => [[things.fileId, 404]],
		nothing: 404,
	},
	"GET /api/lectures/:id/status /id": lectures,
	"POST /webhooks/:provider /provider": { by: "nobody", kind: "word", nothing: 404 },
	"POST /api/sandbox/payments/:id/complete /id": payments,
	"GET /sandbox/checkout/:id /id": { ...payments, by: "nobody", theirs: others },
	"POST /sandbox/checkout/:id /id": { ...payments, by: "nobody", theirs: others },
	"POST /api/files/internal/presigned-url /ownerId": { by: "service", kind: "user", nothing: 201 },
	"POST /api/files/internal/presigned-url /subjectId": {
		by: "service",
		kind: "lecture",
		nothing: 201,
	},
	"POST /api/files/internal/confirm/:id /id": { by: "service", kind: "file", nothing: 404 },
	"POST /api/files/internal/confirm/:id /ownerId": {
		by: "service",
		kind: "user",
		theirs: ({ people }) => [[people.colleague.id, 404]],
		nothing: 404,
	},
	"GET /api/files/internal/:id /id": { by: "service", kind: "file", nothing: 404 },
	"DELETE /api/files/internal/:id /id": { by: "service", kind: "file", nothing: 404 },
	"GET /api/files/:id /id": othersFile,
	"POST /api/files/:id/parts /id": othersUpload,
	"GET /api/files/:id/parts /id": othersUpload,
	"GET /api/ledger/transfers /subjectId": { by: "admin", kind: "payment", nothing: 200 },
	"GET /school/:version/:file /file": { by: "nobody", kind: "word", nothing: 404 },
	"GET /ops/:file /file": { by: "nobody", kind: "word", nothing: 404 },
	"POST /api/ops/facts/:service/:factId/replay /factId": {
		by: "admin",
		kind: "event",
		nothing: 200,
	},
	"PATCH /api/notifications/:id/read /id": {
		by: "user",
		kind: "notification",
		theirs: ({ things }) => [[things.notificationId, 404]],
		nothing: 404,
	},
};

/** Payments that the secret of the open one does not open. */
function others({ things }: School) {
	return [
		[things.course.paymentId, 404],
		[things.others.paymentId, 404],
	] as const;
}

interface Schema {
	type?: string;
	properties?: Record<string, Schema>;
	items?: Schema;
}

/** JSON pointers of all that is in params, those of an array's items under 0. */
function pointers(schema: Schema, at = ""): string[] {
	if (schema.properties)
		return Object.entries(schema.properties).flatMap(([key, inner]) =>
			pointers(inner, `${at}/${key}`),
		);
	return schema.items ? pointers(schema.items, `${at}/0`) : [at];
}

const isId = (pointer: string): boolean =>
	/(^|\/)(id|file|slug|provider|\w+Id)$|\/lectures\/0$/.test(pointer);

const routed = [...actions].flatMap(([action, face]) =>
	aliasesOf(face).map(alias => ({ action, face, alias })),
);

test("every id that a route takes is in the list, and nothing else is", () => {
	const found = routed.flatMap(({ face, alias }) =>
		pointers((face.params ?? {}) as Schema)
			.filter(isId)
			.map(pointer => `${alias} ${pointer}`),
	);
	assert.deepEqual(Object.keys(idFields).sort(), found.sort());
});

/** A copy of params with another value at a pointer. */
function withValue(params: unknown, pointer: string, value: unknown): unknown {
	if (pointer === "") return value;
	const [, key = "", ...rest] = pointer.split("/");
	const inner = rest.length > 0 ? `/${rest.join("/")}` : "";
	if (Array.isArray(params))
		return params.map((item, index) =>
			String(index) === key ? withValue(item, inner, value) : item,
		);
	const { [key]: old, ...others } = params as Json;
	return { ...others, [key]: withValue(old, inner, value) };
}

/** One id of each kind. */
const idsOf = ({ people, things }: School): Record<Kind, string> => ({
	certificate: things.certified.certificateId,
	course: things.course.courseId,
	enrollment: things.course.enrollmentId,
	event: things.eventId,
	file: things.fileId,
	gateway: things.open.gatewayId,
	lecture: things.course.lectureId,
	notification: things.notificationId,
	payment: things.course.paymentId,
	review: things.reviewed.reviewId,
	section: things.course.sectionId,
	session: things.othersSessionId,
	user: people.owner.id,
	word: "no_word",
});

const nothings = ["crs_0190f3c2-0000-7000-8000-000000000000", "0", "nobody"];
/** Forms of an id that a schema of 1 to 64 characters takes. `id` is one that is there. */
const oddForms = (id: string): string[] => [
	" ",
	`${id} `,
	` ${id}`,
	`${id}\n`,
	id.toUpperCase(),
	id.replace("_", "_-"),
	"../../x",
	"__proto__",
	"constructor",
	"toString",
	"$ne",
	'{"$gt":""}',
	"[object Object]",
	"null",
	"undefined",
	"-1",
	"NaN",
	"' OR 1=1 --",
	"*",
	"^.*$",
	"\u202e\ufeff",
	"🙂".repeat(32),
	"a".repeat(64),
];
const tooLong = ["a".repeat(65), "a".repeat(2_000)];
const noStrings = [5, true, null, [], ["x"], {}, { $gt: "" }, { $ne: null }, { $in: ["x"] }];

interface Ask {
	school: School;
	action: string;
	alias: string;
	field: IdField;
	pointer: string;
	params: Json;
}

/** Sends an id; whatever comes back is what the contract declares, and says nothing of others. */
async function sendId(ask: Ask, value: unknown): Promise<{ status: number; words: string }> {
	const { school, action, alias, field, pointer, params } = ask;
	const sent = withValue(params, pointer, value) as Json;
	const { status, headers, body } = await callBy(school, field.by, action, alias, sent);
	const what = `${alias} ${pointer} ${JSON.stringify(value).slice(0, 80)}: ${JSON.stringify(body)}`;
	assert.equal(faultOf(action, { status, headers, body }), undefined, what);
	assert.ok(!JSON.stringify(body).includes(canary), `a leak: ${what}`);
	const { requestId: _, ...words } = body as Json;
	return { status, words: JSON.stringify(words) };
}

async function checkField(t: TestContext, ask: Ask): Promise<void> {
	const { school, alias, field, pointer } = ask;
	const inPath = pathParams(alias).includes(pointer.slice(1));
	const { kind, nothing, theirs } = field;
	await t.test(`${alias} ${pointer}`, async () => {
		const ids = idsOf(school);
		const otherKinds = Object.entries(ids).filter(([name]) => name !== kind);
		const strange = [...nothings, ...otherKinds.map(([, id]) => id), ...oddForms(ids[kind])];
		const opened = new Set([nothing, ...(nothing === 201 ? [200] : [])]);
		let missing: string | undefined;
		for (const value of strange) {
			const { status, words } = await sendId(ask, value);
			assert.ok(opened.has(status), `${JSON.stringify(value)}: ${status} ${words}`);
			missing ??= words;
		}
		const refused = inPath ? nothing : 422;
		const isGateway = kind === "gateway";
		for (const value of isGateway ? [] : tooLong)
			assert.equal((await sendId(ask, value)).status, refused, `${value.length} characters`);
		for (const value of ["\0", `${ids[kind]}\0`])
			assert.equal((await sendId(ask, value)).status, refused, "NUL");
		const halfStatus = inPath ? 400 : isQueried(alias) ? nothing : 422;
		assert.equal((await sendId(ask, "\ud800")).status, halfStatus, "half a character");
		if (!inPath && !isQueried(alias))
			for (const value of noStrings)
				assert.equal((await sendId(ask, value)).status, 422, JSON.stringify(value));
		for (const [id, status] of theirs?.(school) ?? []) {
			const answer = await sendId(ask, id);
			assert.equal(answer.status, status, `${id}: ${answer.words}`);
			if (status === 404) assert.equal(answer.words, missing, "tells that it is there");
			if (status === 200 && isQueried(alias) && !inPath)
				assert.doesNotMatch(answer.words, new RegExp(school.people.owner.id));
		}
	});
}

const secrets = {
	SERVICE_SECRET_KEY: "a-secret-for-tests-0123456789abcdef",
	TRUSTED_PROXIES: "127.0.0.1",
};

test("an id that is not the caller's gets what the description says, and tells nothing", async t => {
	const { url } = await startEmbedded(t, secrets);
	const school = await School.open(url);
	for (const [name, field] of Object.entries(idFields)) {
		const [method, path, pointer] = name.split(" ") as [string, string, string];
		const alias = `${method} ${path}`;
		const { action } = routed.find(route => route.alias === alias) as { action: string };
		const params = await (field.params ?? caseOf(action).params)?.(school);
		await checkField(t, { school, action, alias, field, pointer, params: params ?? {} });
	}

	await t.test("operators in the name of a query's key widen nothing", async () => {
		const own = await school.must("colleague", "GET", "/api/enrollments");
		for (const key of [
			"courseId[$ne]",
			"courseId[]",
			"courseId.$gt",
			"userId",
			"userId[$ne]",
			"$or",
		])
			assert.deepEqual(
				await school.must("colleague", "GET", `/api/enrollments?${encodeURIComponent(key)}=x`),
				own,
				key,
			);
	});
});

const evil = "evil-9c1e";
/** Everything that documents and tokens have and no client may set, with what one would like it to be. */
const wishes = ({ people, things }: School): Json => ({
	id: things.others.courseId,
	_id: evil,
	$set: { roles: ["admin"], status: evil },
	userId: people.other.id,
	ownerId: people.other.id,
	teacherId: people.colleague.id,
	courseId: things.others.courseId,
	sectionId: things.others.sectionId,
	lectureId: things.others.lectureId,
	paymentId: things.others.paymentId,
	enrollmentId: things.others.enrollmentId,
	subjectId: things.others.paymentId,
	user: { id: people.admin.id, roles: ["admin"] },
	caller: { id: people.admin.id, roles: ["admin"] },
	locals: { user: { id: people.admin.id, roles: ["admin"] }, service: "payment-service" },
	meta: { user: { id: people.admin.id, roles: ["admin"] }, $statusCode: 418 },
	headers: { token: people.admin.token, service: "payment-service", seed: evil },
	service: "payment-service",
	sid: evil,
	seed: evil,
	run: evil,
	role: "admin",
	roles: ["admin"],
	isAdmin: true,
	approved: true,
	email: "evil-9c1e@example.com",
	emailVerified: true,
	password: "evil-9c1e-password",
	passwordHash: evil,
	name: evil,
	pictureUrl: `https://${evil}.example.com`,
	title: evil,
	description: evil,
	content: evil,
	words: { evil: true },
	titleKey: evil,
	price: 0.01,
	priceMinor: 1,
	amount: 0.01,
	amountMinor: 1,
	currency: "JPY",
	feeMinor: 1,
	status: "captured",
	state: "done",
	outcome: "succeed",
	completionRule: "watched",
	isPreview: true,
	durationSeconds: 9_876,
	refundable: true,
	refundableMinor: 987_654,
	refundedAmount: 9_876.54,
	refundedAmountMinor: 987_654,
	refundedMinor: 987_654,
	refunds: { evil: { id: evil, status: "succeeded", amountMinor: 1 } },
	disputes: {},
	payments: { [evil]: "bought" },
	payable: { kind: "course", id: things.others.courseId },
	provider: "stripe",
	method: "razorpay",
	sandbox: false,
	gatewayId: evil,
	paymentGatewayId: evil,
	chargeId: evil,
	clientSecret: evil,
	checkoutUrl: `https://${evil}.example.com`,
	secret: evil,
	signature: evil,
	capturedAt: "1999-01-01T00:00:00.000Z",
	expiresAt: "1999-01-01T00:00:00.000Z",
	createdAt: "1999-01-01T00:00:00.000Z",
	updatedAt: "1999-01-01T00:00:00.000Z",
	publishedAt: "1999-01-01T00:00:00.000Z",
	completedAt: "1999-01-01T00:00:00.000Z",
	enrolledAt: "1999-01-01T00:00:00.000Z",
	issuedAt: "1999-01-01T00:00:00.000Z",
	readAt: "1999-01-01T00:00:00.000Z",
	enrollmentCount: 987_654,
	progress: 9_999,
	progressPercentage: 99.99,
	totalWatchTime: 987_654,
	heldBy: evil,
	unread: 0,
	review: evil,
	lastError: { code: evil },
	facts: [{ name: "payment.captured" }],
	outbox: [{ name: "payment.captured" }],
	version: 9_876,
	outline: [],
	sections: [],
	lectures: [],
	signInAs: evil,
	now: true,
	page: 1,
});

const wishedHeaders = ({ people }: School): Record<string, string> => ({
	"x-user-id": people.admin.id,
	"x-user-roles": "admin",
	"x-user": JSON.stringify({ id: people.admin.id, roles: ["admin"] }),
	"x-roles": "admin",
	"x-http-method-override": "DELETE",
	"x-original-url": "/api/ledger/accounts",
});

/** A copy of params with every wish that the schema does not take, in each object of it. */
function wishful(value: unknown, schema: Schema, wanted: Json): unknown {
	if (Array.isArray(value)) return value.map(item => wishful(item, schema.items ?? {}, wanted));
	const { properties } = schema;
	if (!properties || typeof value !== "object" || value === null) return value;
	const extra = Object.entries(wanted).filter(([key]) => !Object.hasOwn(properties, key));
	const given = Object.entries(value).map(([key, inner]) => [
		key,
		wishful(inner, properties[key] as Schema, wanted),
	]);
	return { ...Object.fromEntries(extra), ...Object.fromEntries(given) };
}

/** What differs between two runs by itself: ids, times, tokens and secrets of what is new. */
const shapeOf = (value: unknown): unknown => {
	if (typeof value === "string") {
		if (/^1999/.test(value) || value.includes(evil)) return value;
		return value
			.replace(/[a-z]+(_sandbox)?_[0-9a-f-]{32,36}(_secret_\w+)?/g, "<id>")
			.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<time>")
			.replace(/n[a-z0-9]{8,}@example\.com/g, "<e-mail>")
			.replace(/^eyJ.*/, "<token>")
			.replace(/eyJ[\w-]+\.[\w-]+/g, "<ticket>")
			.replace(/^<id>\..*/, "<token>");
	}
	if (Array.isArray(value)) return value.map(shapeOf);
	if (typeof value !== "object" || value === null) return value;
	return Object.fromEntries(
		Object.entries(value)
			.filter(([key]) => key !== "requestId")
			.map(([key, inner]) => [key, shapeOf(inner)]),
	);
};

/** How everything stands that a wish could have changed. */
async function everything(school: School): Promise<unknown> {
	const { course, others, free, market, open, victim } = school.things;
	const seen: unknown[] = [];
	for (const person of ["user", "owner", "other", "teacher", "colleague"] as const)
		seen.push(await school.must(person, "GET", "/api/users/me"));
	seen.push(await school.must("admin", "GET", `/api/users?email=${victim.email}`));
	for (const { courseId } of [course, others, free, market])
		seen.push(await school.must("teacher", "GET", `/api/courses/${courseId}`));
	for (const { paymentId } of [course, others, open])
		seen.push(await school.must("admin", "GET", `/api/payments/${paymentId}`));
	seen.push(await school.must("owner", "GET", `/api/enrollments/${course.enrollmentId}`));
	seen.push(await school.must("other", "GET", `/api/enrollments/${others.enrollmentId}`));
	return seen;
}

/** What an added section or lecture leaves as it was. */
const withoutSections = (seen: unknown): unknown =>
	(shapeOf(seen) as object[]).map(({ sections: _, ...rest }: { sections?: unknown }) => rest);

/** Of what one could wish, what a route does take in its body or query. A line more is a door more. */
const takes: Readonly<Record<string, readonly string[]>> = {
	"POST /api/auth/register": ["email", "name", "password", "role"],
	"POST /api/auth/login": ["email", "password"],
	"POST /api/auth/password/forgot": ["email"],
	"POST /api/auth/password/reset": ["password"],
	"PATCH /api/users/me": ["name", "pictureUrl"],
	"GET /api/users": ["email", "page"],
	"PUT /api/users/:id/roles": ["roles"],
	"PUT /api/users/:id/approval": ["approved"],
	"GET /api/courses": ["currency", "page", "status", "teacherId"],
	"POST /api/courses": ["completionRule", "currency", "description", "price", "status", "title"],
	"PATCH /api/courses/:id": [
		"completionRule",
		"currency",
		"description",
		"price",
		"status",
		"title",
	],
	"PUT /api/courses/:id/order": ["sections"],
	"POST /api/courses/:id/sections": ["title"],
	"PATCH /api/sections/:id": ["title"],
	"POST /api/sections/:id/lectures": ["content", "durationSeconds", "isPreview", "title"],
	"PATCH /api/lectures/:id": ["content", "durationSeconds", "isPreview", "title"],
	"POST /api/enrollments": ["courseId"],
	"GET /api/enrollments": ["courseId", "page"],
	"PATCH /api/enrollments/course/:courseId/progress": [
		"lectureId",
		"progressPercentage",
		"totalWatchTime",
	],
	"POST /api/enrollments/internal/complete": ["courseId", "paymentId", "userId"],
	"POST /api/enrollments/internal/drop": ["courseId", "paymentId", "userId"],
	"POST /api/reviews": ["courseId"],
	"GET /api/reviews": ["courseId", "page", "subjectId"],
	"GET /api/reviews/mine": ["courseId", "page"],
	"GET /api/figures/teaching": ["page"],
	"POST /api/payments": ["amount", "courseId", "currency", "payable"],
	"POST /api/payments/internal/create": ["courseId", "userId"],
	"GET /api/payments": ["page"],
	"POST /api/payments/:id/verify": ["paymentGatewayId", "signature"],
	"POST /api/payments/:id/refund": ["amount"],
	"GET /api/payment-events": ["page", "state"],
	"POST /api/files/internal/presigned-url": ["ownerId", "subjectId"],
	"POST /api/files/internal/confirm/:id": ["ownerId"],
	"POST /api/sandbox/payments/:id/complete": ["outcome"],
	"POST /sandbox/checkout/:id": ["outcome", "secret"],
	"GET /sandbox/checkout/:id": ["secret"],
	"GET /school/checkout": ["method"],
	"GET /api/sandbox/mails": ["page"],
	"GET /api/ledger/accounts": ["page"],
	"GET /api/ledger/transfers": ["page", "subjectId"],
	"GET /api/notifications": ["page"],
	"GET /api/ops/calls": ["service"],
};

/** What tells how the mesh is at that moment. */
const isLive = (action: string): boolean => action.startsWith("ops.");

/** What answers with an address that is signed anew each time. */
const isSigned = (action: string): boolean => action === "courses.lectureVideo";

/** What counts something that the first of two calls changes. */
const differs = new Set(["figures.rebuild", "ledger.audit", "notifications.readAll"]);

interface Wish {
	school: School;
	action: string;
	alias: string;
	wanted: Json;
}

/** A call of the action's case; with wishes in every place that a request has. */
async function callOf({ school, action, alias, wanted }: Wish, isWishful: boolean) {
	const { by, params: make } = caseOf(action);
	const face = actions.get(action) as ActionContract;
	const [service = "payment-service"] = servicesOf(face);
	const usual = (await make?.(school)) ?? {};
	if (!isWishful) return school.ask(by, requestTo(alias, usual), service);
	const schema = (face.params ?? { properties: {} }) as Schema;
	const sent = requestTo(alias, wishful(usual, schema, wanted) as Json);
	const query = new URLSearchParams(
		Object.entries(wanted).map(([key, value]) => [key, String(value)]),
	);
	if (!isQueried(alias)) {
		const fromPath = pathParams(alias).map(key => [key, wanted[key]]);
		sent.path += `?${query}`;
		sent.text = jsonOf({ ...JSON.parse(sent.text ?? "{}"), ...Object.fromEntries(fromPath) });
	} else if (sent.method === "DELETE") sent.text = JSON.stringify(wanted);
	return school.ask(by, { ...sent, headers: wishedHeaders(school) }, service);
}

/** A read answers the same, as soon as nothing else is under way. */
async function checkRead(wish: Wish): Promise<void> {
	await eventually(
		async () => {
			const [clean, wishful] = [await callOf(wish, false), await callOf(wish, true)];
			const seen = ({ status, body }: Answer) => ({
				status,
				...(!isLive(wish.action) && { body: isSigned(wish.action) ? shapeOf(body) : body }),
			});
			return { clean: seen(clean), wishful: seen(wishful) };
		},
		({ clean, wishful }) => clean.status < 300 && isDeepStrictEqual(clean, wishful),
		2_000,
	);
}

/** A write answers as without the wishes, and nothing that is there is another. */
async function checkWrite(wish: Wish): Promise<void> {
	const { school, action } = wish;
	const clean = await callOf(wish, false);
	assert.ok(clean.status < 300, JSON.stringify(clean.body));
	const before = await everything(school);
	const answer = await callOf(wish, true);
	assert.equal(answer.status, clean.status, JSON.stringify(answer.body));
	assert.equal(faultOf(action, answer), undefined);
	if (!differs.has(action)) assert.deepEqual(shapeOf(answer.body), shapeOf(clean.body));
	assert.ok(!JSON.stringify(answer.body).includes(evil), JSON.stringify(answer.body));
	const told = action.startsWith("courses.add") ? withoutSections : shapeOf;
	assert.deepEqual(told(await everything(school)), told(before));
}

test("a field that a client must not set changes nothing, wherever it is sent", async t => {
	const { url } = await startEmbedded(t, secrets);
	const school = await School.open(url);
	await eventually(
		() => school.must("nobody", "GET", `/api/courses/${school.things.others.courseId}`),
		body => body.enrollmentCount === 1,
	);
	const wanted = wishes(school);
	await t.test("no route takes more of it than it must", () => {
		const taken = routed
			.filter(({ face }) => takesJson(face))
			.map(({ face, alias }): [string, string[]] => {
				const keys = Object.keys((face.params as Schema | undefined)?.properties ?? {});
				const inPath = pathParams(alias);
				return [alias, keys.filter(key => key in wanted && !inPath.includes(key)).sort()];
			})
			.filter(([, keys]) => keys.length > 0);
		assert.deepEqual(Object.fromEntries(taken), takes);
	});
	for (const { action, face, alias } of routed) {
		const isJson = takesJson(face) && (face.answers ?? "json") === "json";
		if (action === "auth.logout" || !isJson) continue;
		const check = alias.startsWith("GET ") ? checkRead : checkWrite;
		await t.test(alias, () => check({ school, action, alias, wanted }));
	}
});
