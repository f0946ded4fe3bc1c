import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { type ActionContract, accessOf, statusesOf } from "../../kernel/contract.ts";
import { Contracts } from "../../kernel/contracts.ts";
import { platformProblems } from "../../kernel/errors.ts";
import { findServices } from "../../kernel/load.ts";
import { known, SchemaChecks } from "../../kernel/validator.ts";
import { slugOf } from "../../services/gateway/api/problems.ts";
import type { Actor, Request, School } from "./actors.ts";
import type { Answer } from "./http.ts";
import { ownersUnsubscribeToken, resetToken, verificationToken } from "./mailed.ts";
import { root } from "./node.ts";
import { announcedVideo, tinyVideo } from "./video.ts";

export type Json = Record<string, unknown>;

export const contracts = new Contracts((await findServices(root)).map(folder => folder.contract));
export const checks = new SchemaChecks(contracts);

/** Full name and face of every action that a contract of ours declares. */
export const actions: ReadonlyMap<string, ActionContract> = new Map(
	contracts.all.flatMap(({ name, actions }) =>
		Object.entries<ActionContract>(actions).map(([action, face]) => [`${name}.${action}`, face]),
	),
);

/** A value whose text in a body is not what JSON.stringify would make of it. */
export class Raw {
	readonly text: string;
	constructor(text: string) {
		this.text = text;
	}
}

/** JSON with `Raw` values as they are, and keys that objects do not take (`__proto__`). */
export function jsonOf(value: unknown): string {
	if (value instanceof Raw) return value.text;
	if (Array.isArray(value)) return `[${value.map(jsonOf).join(",")}]`;
	if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
	const members = Object.entries(value).filter(([, item]) => item !== undefined);
	return `{${members.map(([key, item]) => `${JSON.stringify(key)}:${jsonOf(item)}`).join(",")}}`;
}

/** Percent-encoded UTF-8; of a lone surrogate, which has none, its three bytes as if it had. */
const encoded = (text: string): string =>
	[...text]
		.map(char => {
			const code = char.codePointAt(0) as number;
			if (code < 0xd800 || code > 0xdfff) return encodeURIComponent(char);
			const bytes = [0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63)];
			return bytes.map(byte => `%${byte.toString(16)}`).join("");
		})
		.join("");

/** A body that is no JSON, of characters that are a byte each, under the key `body` of a stream's params. */
export class Bytes {
	readonly text: string;
	readonly contentType: string;
	constructor(text: string, contentType: string) {
		this.text = text;
		this.contentType = contentType;
	}
}

/** Whether an action's params come as JSON. */
export const takesJson = ({ accepts = "json" }: ActionContract): boolean => accepts === "json";

const inText = (value: unknown): string => (typeof value === "string" ? value : jsonOf(value));

/** Whether a method's params come in its query. */
export const isQueried = (alias: string): boolean => /^(GET|DELETE) /.test(alias);

/** Names of the params in an alias' path. */
export const pathParams = (alias: string): string[] =>
	[...alias.matchAll(/:([A-Za-z]+)/g)].map(match => match[1] as string);

/** A request to an alias; an empty param in its path would be another address, so it is a space. */
export function requestTo(alias: string, params: Json = {}): Request {
	const [method, template] = alias.split(" ") as [string, string];
	const inPath = new Set(pathParams(alias));
	const path = template.replace(/:([A-Za-z]+)/g, (_, key) => encoded(inText(params[key]) || " "));
	if (params.body instanceof Bytes) {
		const { text, contentType } = params.body;
		return { method, path, text, headers: { "content-type": contentType } };
	}
	const rest = Object.entries(params).filter(([key, v]) => !inPath.has(key) && v !== undefined);
	if (!isQueried(alias))
		return {
			method,
			path,
			...((rest.length > 0 || method !== "POST") && { text: jsonOf(Object.fromEntries(rest)) }),
		};
	const query = rest.map(([key, value]) => `${encoded(key)}=${encoded(inText(value))}`).join("&");
	return { method, path: query ? `${path}?${query}` : path };
}

/** Names of systems whose servers an action is open to. */
export const servicesOf = (face: ActionContract): readonly string[] =>
	accessOf(face).flatMap(rule =>
		typeof rule === "object" && "service" in rule ? rule.service : [],
	);

/** Codes that the platform may answer with where an action declares none of its own, beside 5xx. */
function isPlatforms(face: ActionContract, code: string): boolean {
	const isOpen = accessOf(face).includes("public");
	switch (code) {
		case "VALIDATION_ERROR":
		case "BAD_REQUEST":
		case "MALFORMED_JSON":
		case "PAYLOAD_TOO_LARGE":
		case "URI_TOO_LONG":
		case "TOO_MANY_REQUESTS":
			return true;
		case "UNAUTHENTICATED":
			return !face.ignoresToken;
		case "FORBIDDEN":
			return !isOpen;
		case "SERVICE_SIGNATURE_INVALID":
			return servicesOf(face).length > 0;
		case "NOT_FOUND":
			return face.accepts === "raw";
		default:
			return false;
	}
}

/** What a result says that its schema does not, or the other way round; undefined where they agree. */
export function resultFault(face: ActionContract, result: unknown): string | undefined {
	const [error] = checks.errors(face.result, result);
	if (error) return `its result does not fit: ${error.path} ${error.message}`;
	if (!isDeepStrictEqual(known(result, face.result as never), result))
		return `its result has members its schema does not know: ${JSON.stringify(result)}`;
	return undefined;
}

function problemFault(face: ActionContract, { status, body }: Answer): string | undefined {
	const code = String(body?.code);
	const own = face.errors && Object.hasOwn(face.errors, code) ? face.errors[code] : undefined;
	const declared =
		own ??
		(isPlatforms(face, code) ? platformProblems[code as keyof typeof platformProblems] : undefined);
	if (!declared) return `it answers with a code it does not declare: ${status} ${code}`;
	if (declared.status !== status) return `${code} is ${declared.status}, not ${status}`;
	if (body.status !== status || body.type !== `/problems/${slugOf(code)}`)
		return `the document of ${code} says ${body.status} ${body.type}`;
	if (!body.requestId || !body.title || !body.detail)
		return `the document of ${code} lacks members`;
	if (code === "VALIDATION_ERROR" && !(body.errors?.length > 0))
		return "VALIDATION_ERROR names no field";
	const [error] = own?.data ? checks.errors(own.data, body) : [];
	return error && `the members of ${code} do not fit: ${error.path} ${error.message}`;
}

/** What an action's answer over HTTP says that its contract does not; undefined where they agree. */
export function faultOf(action: string, answer: Answer): string | undefined {
	const face = actions.get(action) as ActionContract;
	const { status, headers, body } = answer;
	const type = headers.get("content-type") ?? "";
	if (status >= 400 && status < 500 && !statusesOf(face).includes(status))
		return type === "application/problem+json"
			? problemFault(face, answer)
			: `${status} is no problem document but ${type}`;
	if (!statusesOf(face).includes(status)) return `it answers ${status}: ${JSON.stringify(body)}`;
	if (status === 204) return body === "" ? undefined : "204 with a body";
	if (face.answers && face.answers !== "json") return type ? undefined : "a file of no type";
	return type.startsWith("application/json") ? resultFault(face, body) : `a result in ${type}`;
}

/** One call of an action that succeeds. */
export interface Case {
	/** Who may make it. */
	by: Actor;
	/** Params, made anew for each call where it uses them up. */
	params?(school: School): Json | Promise<Json>;
}

const newlyPaid = async (school: School): Promise<Json> => ({
	id: (await school.buy("owner")).paymentId,
});
const newlyOpen = async (school: School): Promise<Json> => {
	const courseId = await school.course("teacher", { price: 5 });
	return { id: (await school.order("owner", courseId)).paymentId };
};
const openIntent = async (school: School): Promise<Json> => {
	const courseId = await school.course("teacher", { price: 5 });
	return { id: (await school.order("owner", courseId)).gatewayId };
};
const paidIntent = async (school: School): Promise<Json> => ({
	id: (await school.buy("owner")).gatewayId,
});
const newlyReviewed = async (school: School): Promise<Json> => ({
	id: (await school.review("owner")).reviewId,
});
const pendingRefund = async (school: School): Promise<Json> => {
	const { paymentId, gatewayId: id } = await school.buy("owner");
	await school.call("sandbox.behave", { id, refunds: "pending" });
	await school.must("owner", "POST", `/api/payments/${paymentId}/refund`, {});
	const { refunds } = (await school.call("sandbox.find", { id })) as {
		refunds: { id: string }[];
	};
	return { id, refundId: refunds[0]?.id };
};
const seat = ({ people, things: { course } }: School) => ({
	userId: people.owner.id,
	courseId: course.courseId,
	paymentId: course.paymentId,
});
const payable = (school: School) => {
	const { courseId: id, ...rest } = seat(school);
	return { id, ...rest };
};
const pages = () => ({ page: 1, pageSize: 20 });
const own = ({ things }: School) => ({ id: things.course.paymentId });
const gateway = (school: School) => ({ id: school.things.open.gatewayId });
const victim = ({ things }: School) => ({ id: things.victim.id });
const certificate = ({ things }: School) => ({ id: things.certified.certificateId });
const inCourse = ({ things }: School) => ({ id: things.course.courseId });
const freshSection = async (school: School) => ({
	id: await school.section("teacher", school.things.course.courseId),
});
const freshLecture = async (school: School) => ({
	id: await school.lecture("teacher", school.things.course.sectionId),
});
const newUser = () => ({ email: `n${Math.random().toString(36).slice(2)}@example.com` });

const ticketOf = (url: string) => ({ ticket: url.slice(url.lastIndexOf("/") + 1) });
const newUpload = async (school: School) => ({ id: (await school.upload("teacher")).fileId });
const ofVideo = ({ things }: School) => ({ fileId: things.video.fileId });
const ownFile = ({ things }: School) => ({ id: things.fileId });
const inParts = ({ things }: School) => ({ id: things.uploadId });

/** For each action, by its full name, a call that succeeds; those without one take no params and are anybody's. */
export const cases: Readonly<Record<string, Case>> = {
	"api.docsFile": { by: "nobody", params: () => ({ file: "docs.css" }) },
	"api.docsProblem": { by: "nobody", params: () => ({ slug: "validation-error" }) },
	"api.problem": { by: "nobody", params: () => ({ slug: "validation-error" }) },
	"users.me": { by: "user" },
	"users.updateMe": {
		by: "user",
		params: () => ({ name: "Ada", pictureUrl: "https://example.com/a.png" }),
	},
	"users.get": { by: "user", params: ({ people }) => ({ id: people.owner.id }) },
	"users.list": {
		by: "admin",
		params: ({ people }) => ({ ...pages(), email: people.owner.email }),
	},
	"users.setRoles": {
		by: "admin",
		params: school => ({ ...victim(school), roles: ["student"] }),
	},
	"users.setApproval": { by: "admin", params: school => ({ ...victim(school), approved: true }) },
	"users.describe": { by: "service", params: victim },
	"users.names": { by: "service", params: ({ people }) => ({ ids: [people.owner.id] }) },
	"users.findByEmail": {
		by: "service",
		params: ({ things }) => ({ email: things.victim.email }),
	},
	"users.create": {
		by: "service",
		params: ({ things: { victim } }) => ({
			id: victim.id,
			email: victim.email,
			name: "Ada",
			roles: ["student"],
		}),
	},
	"users.claim": {
		by: "service",
		params: school => ({ ...victim(school), name: "Ada", roles: ["student"] }),
	},
	"auth.register": {
		by: "nobody",
		params: () => ({ ...newUser(), password: "password123", name: "Ada", role: "student" }),
	},
	"auth.login": {
		by: "nobody",
		params: ({ things: { victim } }) => ({ email: victim.email, password: victim.password }),
	},
	"auth.refresh": {
		by: "nobody",
		params: async school => ({
			refreshToken: (await school.signIn(school.things.victim)).refreshToken,
		}),
	},
	"auth.forgotPassword": { by: "nobody", params: () => newUser() },
	"auth.resetPassword": {
		by: "nobody",
		params: async school => ({ token: await resetToken(school), password: "password456" }),
	},
	"auth.verifyEmail": {
		by: "nobody",
		params: async school => ({ token: await verificationToken(school) }),
	},
	"auth.resendVerification": { by: "other" },
	"auth.mailLink": {
		by: "service",
		params: ({ people }) => ({ purpose: "reset", userId: people.owner.id, id: "lnk_none" }),
	},
	"users.verifyEmail": { by: "service", params: victim },
	"auth.logout": { by: "user" },
	"auth.me": { by: "user" },
	"auth.verify": {
		by: "nobody",
		params: ({ people }) => ({ token: people.user.token }),
	},
	"auth.sessions": { by: "user" },
	"auth.revokeSession": {
		by: "owner",
		params: async school => ({ id: await anotherSession(school) }),
	},
	"auth.rotateKeys": { by: "service", params: () => ({ atOnce: false }) },
	"auth.revokeUser": {
		by: "service",
		params: ({ things }) => ({ userId: things.victim.id, before: "2020-01-01T00:00:00.000Z" }),
	},
	"auth.signInAs": { by: "service", params: ({ things }) => ({ email: things.victim.email }) },
	"courses.list": {
		by: "nobody",
		params: ({ people }) => ({
			...pages(),
			q: "pot",
			teacherId: people.teacher.id,
			status: "published",
			free: false,
			minPrice: 0,
			maxPrice: 1_000,
			currency: "USD",
			minRating: 1,
			category: "Crafts",
			level: "beginner",
			language: "en",
			sort: "title",
		}),
	},
	"courses.get": { by: "nobody", params: inCourse },
	"courses.create": {
		by: "teacher",
		params: () => ({
			title: "Pottery",
			description: "Clay",
			price: 9.5,
			currency: "USD",
			status: "published",
			completionRule: "reported",
		}),
	},
	"courses.update": {
		by: "teacher",
		params: ({ things }) => ({
			id: things.free.courseId,
			title: "Pottery",
			description: "Clay",
			price: 0,
			currency: "USD",
			status: "published",
			completionRule: "reported",
		}),
	},
	"courses.archive": {
		by: "teacher",
		params: async school => ({ id: await school.course("teacher") }),
	},
	"courses.order": {
		by: "teacher",
		params: ({ things: { course } }) => ({
			id: course.courseId,
			sections: [{ id: course.sectionId, lectures: [course.previewId, course.lectureId] }],
		}),
	},
	"courses.addSection": {
		by: "teacher",
		params: school => ({ ...inCourse(school), title: "Clay" }),
	},
	"courses.updateSection": {
		by: "teacher",
		params: ({ things }) => ({ id: things.course.sectionId, title: "Clay" }),
	},
	"courses.removeSection": { by: "teacher", params: freshSection },
	"courses.addLecture": {
		by: "teacher",
		params: ({ things }) => ({
			id: things.course.sectionId,
			title: "Kiln",
			durationSeconds: 90,
			isPreview: false,
			content: "Fire",
		}),
	},
	"courses.getLecture": { by: "owner", params: ({ things }) => ({ id: things.course.lectureId }) },
	"courses.updateLecture": {
		by: "teacher",
		params: ({ things }) => ({
			id: things.course.lectureId,
			title: "Kiln",
			durationSeconds: 90,
			isPreview: false,
			content: "Fire",
		}),
	},
	"courses.removeLecture": { by: "teacher", params: freshLecture },
	"courses.uploadLecture": {
		by: "teacher",
		params: ({ things }) => ({
			id: things.course.lectureId,
			fileName: "lesson1.mp4",
			fileSize: 100,
			contentType: "video/mp4",
			multipart: true,
		}),
	},
	"courses.confirmUpload": {
		by: "teacher",
		params: ({ things: { video } }) => ({ id: video.lectureId, fileId: video.fileId }),
	},
	"courses.lectureVideo": {
		by: "teacher",
		params: ({ things }) => ({ id: things.video.lectureId }),
	},
	"videos.available": { by: "service" },
	"videos.find": { by: "service", params: ofVideo },
	"videos.play": {
		by: "service",
		params: school => ({ ...ofVideo(school), userId: school.people.owner.id, seconds: 600 }),
	},
	"videos.events": { by: "service", params: ofVideo },
	"videos.replayEvent": { by: "service", params: () => ({ id: "mux:none" }) },
	"videos.reconcile": { by: "service", params: () => ({ now: false }) },
	"courses.describe": { by: "service", params: inCourse },
	"courses.completion": { by: "service", params: inCourse },
	"courses.outline": { by: "service", params: inCourse },
	"courses.reviewing": {
		by: "service",
		params: school => ({ ...inCourse(school), userId: school.people.owner.id }),
	},
	"reviews.create": {
		by: "owner",
		params: async school => ({
			courseId: await school.enrolled("owner"),
			rating: 5,
			text: "My bowls hold water now.",
		}),
	},
	"reviews.list": {
		by: "nobody",
		params: ({ things }) => ({ ...pages(), courseId: things.reviewed.courseId, sort: "-rating" }),
	},
	"reviews.mine": {
		by: "owner",
		params: ({ things }) => ({ ...pages(), courseId: things.reviewed.courseId }),
	},
	"reviews.update": {
		by: "owner",
		params: ({ things }) => ({ id: things.reviewed.reviewId, rating: 4, text: "Most of them." }),
	},
	"reviews.remove": { by: "owner", params: newlyReviewed },
	"reviews.reply": {
		by: "teacher",
		params: async school => ({ ...(await newlyReviewed(school)), text: "Thank you." }),
	},
	"reviews.summary": {
		by: "service",
		params: ({ things }) => ({ subject: { kind: "course", id: things.reviewed.courseId } }),
	},
	"figures.course": {
		by: "teacher",
		params: school => ({ ...inCourse(school), from: "2026-01-01", to: "2026-12-31" }),
	},
	"figures.teaching": {
		by: "teacher",
		params: () => ({ ...pages(), from: "2026-01-01", to: "2026-12-31" }),
	},
	"figures.rebuild": { by: "admin" },
	"enrollments.enroll": {
		by: "user",
		params: async school => ({ courseId: await school.course("teacher") }),
	},
	"enrollments.list": {
		by: "teacher",
		params: ({ things }) => ({ ...pages(), courseId: things.course.courseId }),
	},
	"enrollments.get": { by: "owner", params: ({ things }) => ({ id: things.course.enrollmentId }) },
	"enrollments.getByCourse": {
		by: "owner",
		params: ({ things }) => ({ courseId: things.course.courseId }),
	},
	"enrollments.progress": {
		by: "owner",
		params: ({ things }) => ({
			courseId: things.course.courseId,
			progressPercentage: 1,
			totalWatchTime: 60,
			lectureId: things.course.lectureId,
			intervals: [[0, 1]],
		}),
	},
	"enrollments.explainProgress": {
		by: "owner",
		params: ({ things }) => ({ id: things.course.enrollmentId }),
	},
	"enrollments.settle": {
		by: "service",
		params: ({ things }) => ({ id: things.course.enrollmentId }),
	},
	"certificates.issue": {
		by: "owner",
		params: ({ things }) => ({ id: things.certified.enrollmentId }),
	},
	"certificates.get": { by: "nobody", params: certificate },
	"certificates.pdf": { by: "nobody", params: certificate },
	"certificates.jws": { by: "nobody", params: certificate },
	"certificates.page": { by: "nobody", params: certificate },
	"certificates.rotateKey": { by: "service", params: () => ({ lost: false }) },
	"enrollments.complete": { by: "service", params: seat },
	"enrollments.drop": {
		by: "service",
		params: ({ people, things }) => ({
			userId: people.owner.id,
			courseId: things.retracted.courseId,
			reason: "asked for",
		}),
	},
	"enrollments.quote": {
		by: "service",
		params: ({ people, things }) => ({ id: things.market.courseId, userId: people.user.id }),
	},
	"enrollments.fulfilment": { by: "service", params: payable },
	"enrollments.usage": { by: "service", params: payable },
	"enrollments.hold": {
		by: "service",
		params: async ({ people, things }) => ({
			id: things.refunded.courseId,
			userId: people.owner.id,
			paymentId: things.refunded.paymentId,
			refundId: "rfd_1",
		}),
	},
	"enrollments.release": {
		by: "service",
		params: async ({ people, things }) => ({
			id: things.refunded.courseId,
			userId: people.owner.id,
			paymentId: things.refunded.paymentId,
			refundId: "rfd_1",
		}),
	},
	"enrollments.isEnrolled": {
		by: "service",
		params: ({ people, things }) => ({
			userId: people.owner.id,
			courseId: things.course.courseId,
		}),
	},
	"enrollments.records": {
		by: "service",
		params: ({ things }) => ({ after: "", ids: [things.course.enrollmentId] }),
	},
	"enrollments.count": {
		by: "service",
		params: ({ things }) => ({ courseId: things.course.courseId }),
	},
	"payments.create": {
		by: "user",
		params: async school => ({
			courseId: await school.course("teacher", { price: 20 }),
			amount: 20,
			currency: "USD",
			paymentMethod: "stripe",
		}),
	},
	"payments.createFor": {
		by: "service",
		params: async school => ({
			userId: school.people.other.id,
			courseId: await school.course("teacher", { price: 20 }),
			paymentMethod: "razorpay",
		}),
	},
	"payments.cancel": { by: "owner", params: newlyOpen },
	"payments.verify": { by: "owner", params: own },
	"payments.list": { by: "owner", params: pages },
	"payments.get": { by: "owner", params: own },
	"payments.describe": { by: "service", params: own },
	"payments.explain": { by: "owner", params: own },
	"payments.refundQuote": { by: "owner", params: own },
	"payments.refund": {
		by: "owner",
		params: async school => ({ ...(await newlyPaid(school)), reason: "Not for me" }),
	},
	"payments.giveBack": {
		by: "service",
		params: ({ things }) => ({ id: things.refunded.paymentId, reason: "nothing bought" }),
	},
	"payments.movements": {
		by: "service",
		params: ({ things }) => ({ after: "", ids: [things.course.paymentId] }),
	},
	"payments.statement": { by: "service", params: () => ({ provider: "sandbox", after: "" }) },
	"payments.settle": { by: "service", params: own },
	"payments.reconcile": { by: "service", params: () => ({ now: false }) },
	"payments.webhook": { by: "nobody", params: () => ({ provider: "sandbox" }) },
	"payments.events": { by: "admin", params: () => ({ ...pages(), state: "done" }) },
	"payments.replayEvent": { by: "admin", params: ({ things }) => ({ id: things.eventId }) },
	"sandbox.complete": {
		by: "owner",
		params: school => ({ ...own(school), outcome: "succeed" }),
	},
	"sandbox.pay": {
		by: "nobody",
		params: ({ things: { open } }) => ({
			id: open.paymentId,
			secret: open.secret,
			outcome: "decline",
		}),
	},
	"sandbox.checkout": {
		by: "nobody",
		params: ({ things: { open } }) => ({ id: open.paymentId, secret: open.secret }),
	},
	"sandbox.open": {
		by: "service",
		params: () => ({
			key: "key",
			method: "stripe",
			amountMinor: 100,
			currency: "USD",
			title: "Clay",
		}),
	},
	"sandbox.find": { by: "service", params: gateway },
	"sandbox.cancel": { by: "service", params: openIntent },
	"sandbox.refund": {
		by: "service",
		params: async school => ({ ...(await paidIntent(school)), key: "rfd", amountMinor: 1 }),
	},
	"sandbox.statement": { by: "service", params: () => ({ after: "" }) },
	"sandbox.behave": {
		by: "service",
		params: school => ({ ...gateway(school), refunds: "succeed", feeMinor: 3 }),
	},
	"sandbox.process": { by: "service", params: openIntent },
	"sandbox.settleRefund": {
		by: "service",
		params: async school => ({ ...(await pendingRefund(school)), status: "succeeded" }),
	},
	"sandbox.refundByHand": {
		by: "service",
		params: async school => ({ ...(await paidIntent(school)), amountMinor: 1 }),
	},
	"sandbox.dispute": {
		by: "service",
		params: async school => ({
			...(await paidIntent(school)),
			status: "open",
			amountMinor: 1,
		}),
	},
	"ledger.accounts": { by: "admin", params: pages },
	"ledger.transfers": {
		by: "admin",
		params: ({ things }) => ({ ...pages(), subjectId: things.course.paymentId }),
	},
	"ledger.entries": {
		by: "service",
		params: ({ things }) => ({ subjectId: things.course.paymentId }),
	},
	"ledger.audit": { by: "admin" },

	"files.begin": {
		by: "service",
		params: ({ people }) => announcedVideo(people.teacher.id, undefined, true),
	},
	"files.confirm": {
		by: "service",
		params: school => ({ ...ownFile(school), ownerId: school.people.teacher.id }),
	},
	"files.find": { by: "service", params: ownFile },
	"files.remove": { by: "service", params: newUpload },
	"files.link": {
		by: "service",
		params: school => ({ ...ownFile(school), seconds: 60, disposition: "attachment" }),
	},
	"files.get": { by: "teacher", params: ownFile },
	"files.signParts": { by: "teacher", params: school => ({ ...inParts(school), numbers: [1] }) },
	"files.parts": { by: "teacher", params: inParts },
	"files.receive": {
		by: "nobody",
		params: async school => ({
			...ticketOf((await school.upload("teacher")).uploadUrl),
			body: new Bytes(tinyVideo, "video/mp4"),
		}),
	},
	"files.serve": {
		by: "nobody",
		params: async school =>
			ticketOf((await school.must("teacher", "GET", `/api/files/${school.things.fileId}`)).url),
	},

	"sentinel.watch": { by: "admin" },
	"school.home": { by: "nobody" },
	"school.page": { by: "nobody" },
	"school.checkout": { by: "nobody", params: () => ({ method: "stripe" }) },
	"school.file": { by: "nobody", params: () => ({ version: "now", file: "base.css" }) },
	"ops.file": { by: "nobody", params: () => ({ file: "ops.css" }) },
	"ops.mesh": { by: "admin" },
	"ops.calls": { by: "admin", params: () => ({ service: "courses" }) },
	"ops.errors": { by: "admin" },
	"ops.facts": { by: "admin" },
	"ops.parked": { by: "admin", params: () => ({ service: "ledger" }) },
	"ops.replay": {
		by: "admin",
		params: () => ({ service: "ledger", factId: "fct_0190f3c2-0000-7000-8000-000000000000" }),
	},
	"notifications.list": { by: "owner", params: pages },
	"notifications.read": { by: "owner", params: ({ things }) => ({ id: things.notificationId }) },
	"notifications.readAll": { by: "owner" },
	"notifications.preferences": { by: "owner" },
	"notifications.setPreferences": {
		by: "owner",
		params: () => ({
			types: { "payment.captured": { email: false } },
			quietHours: { from: "22:00", to: "07:00", timeZone: "Europe/Berlin" },
		}),
	},
	"notifications.unsubscribePage": {
		by: "nobody",
		params: school => ({ token: ownersUnsubscribeToken(school) }),
	},
	"notifications.unsubscribe": {
		by: "nobody",
		params: school => ({ token: ownersUnsubscribeToken(school) }),
	},
	"mail.send": {
		by: "service",
		params: ({ people }) => ({
			key: `key ${Math.random()}`,
			userId: people.owner.id,
			to: people.owner.email,
			template: "notification",
			data: { title: "Clay", body: "It is here", path: "/school", id: "lnk_none" },
			notBefore: "2026-01-01T00:00:00.000Z",
			unsubscribeUrl: "https://school.example/u",
		}),
	},
	"mail.retry": {
		by: "service",
		params: async ({ call, people }) => {
			const data = { title: "Clay", body: "It is here" };
			const mail = { key: "kept", userId: people.owner.id, template: "notification", data };
			return { id: ((await call("mail.send", mail)) as { id: string }).id };
		},
	},
	"mail.shown": { by: "owner", params: pages },
};

/** A session of the owner's that no test signs in with. */
export async function anotherSession(school: School): Promise<string> {
	const { token } = await school.signIn(school.people.owner);
	const { status, body } = await school.ask("nobody", {
		method: "GET",
		path: "/api/auth/sessions",
		headers: { authorization: `Bearer ${token}` },
	});
	assert.equal(status, 200, JSON.stringify(body));
	return body.items.find((session: { current: boolean }) => session.current).id;
}

/** The case of an action. */
export const caseOf = (action: string): Case => cases[action] ?? { by: "nobody" };

/** Somebody's call over HTTP. */
export const callBy = (
	school: School,
	actor: Actor,
	action: string,
	alias: string,
	params: Json,
): Promise<Answer> => {
	const face = actions.get(action) as ActionContract;
	const [service = "payment-service"] = servicesOf(face);
	return school.ask(actor, requestTo(alias, params), service);
};
