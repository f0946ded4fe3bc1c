import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { type Answer, admitted, answerOf, eventually, uniqueEmail } from "./http.ts";
import { signed } from "./school.ts";
import { announcedVideo, putVideo } from "./video.ts";

/**
 * Everybody who may send a request. `owner`: whose the thing is (of a course: who bought it); `other`: has things of the
 * same kinds; `user`: has nothing; `colleague`: teaches something else; `service`: another system's server under a
 * name the route is open to; `wrongService`: one under a name it is not open to.
 */
export const actors = [
	"nobody",
	"user",
	"owner",
	"other",
	"teacher",
	"colleague",
	"admin",
	"service",
	"wrongService",
] as const;
export type Actor = (typeof actors)[number];
export type Person = Exclude<Actor, "nobody" | "service" | "wrongService">;

export interface Account {
	id: string;
	email: string;
	password: string;
	token: string;
	refreshToken: string;
}

/** A request as it goes out; `text` is its JSON. */
export interface Request {
	method: string;
	path: string;
	text?: string;
	headers?: Record<string, string>;
}

/** A course that somebody has paid for. */
export interface Bought {
	courseId: string;
	paymentId: string;
	/** The provider's id of the payment. */
	gatewayId: string;
	enrollmentId: string;
}

const isOf =
	({ paymentId }: Bought) =>
	(about: { paymentId?: string }): boolean =>
		about.paymentId === paymentId;

/** What stands in everything that is not for everybody: an answer to somebody else that has it is a leak. */
export const canary = "canary-7f3a";

const json = (body: unknown): Pick<Request, "text"> =>
	body === undefined ? {} : { text: JSON.stringify(body) };

/** Sends a request as somebody, from an address of its own; the body parsed where it is JSON. */
async function exchange(
	base: string,
	{ method, path, text, headers = {} }: Request,
): Promise<Answer> {
	const request = {
		method,
		headers: {
			"x-forwarded-for": `10.${randomInt(256)}.${randomInt(256)}.${randomInt(256)}`,
			...(text !== undefined && { "content-type": "application/json" }),
			...headers,
		},
		redirect: "manual",
		...(text !== undefined && { body: text }),
	} as const;
	const response = await admitted(() => fetch(`${base}${path}`, request));
	return answerOf(response, base, method, path);
}

type Call = (action: string, params: object) => Promise<unknown>;

const noNode: Call = action => Promise.reject(new Error(`there is no node to call ${action}`));

/** Somebody new, whose e-mail nobody else is to see. */
async function register(base: string, role?: string): Promise<Account> {
	const credentials = { email: `${canary}-${uniqueEmail()}`, password: "password123" };
	const account = json({ ...credentials, ...(role && { role }) });
	const request = { method: "POST", path: "/api/auth/register", ...account };
	const { status, body } = await exchange(base, request);
	assert.equal(status, 201, JSON.stringify(body));
	const { accessToken: token, refreshToken } = body;
	return { id: body.user.id, ...credentials, token, refreshToken };
}

/** What is there to be asked for, by what it is. */
export interface Things {
	/** Published, 99.99 USD, of `teacher`; bought by `owner`. */
	course: Bought & { sectionId: string; lectureId: string; previewId: string };
	/** Bought by `other`, of `colleague`. */
	others: Bought & { sectionId: string; lectureId: string };
	/** Never published, of `teacher`. */
	draft: { courseId: string; sectionId: string; lectureId: string };
	/** Published, then a draft again; `owner` is in it. */
	retracted: { courseId: string; enrollmentId: string };
	/** A draft that was archived. */
	shelved: { courseId: string };
	/** Published and free, of `teacher`; `owner` is in it and has reviewed it. */
	reviewed: { courseId: string; reviewId: string };
	/** Published and free, of `teacher`; completed by `owner`, with the certificate. */
	certified: { courseId: string; enrollmentId: string; certificateId: string };
	/** Published and free; nobody is in it. */
	free: { courseId: string };
	/** Published, 20 USD; nobody has it. */
	market: { courseId: string };
	/** Of `owner`: open. */
	open: { courseId: string; paymentId: string; gatewayId: string; secret: string };
	/** Of `owner`: given back. */
	refunded: Bought;
	/** Of `owner` and of `other`. */
	notificationId: string;
	othersNotificationId: string;
	othersSessionId: string;
	/** Someone whom admins may do anything to. */
	victim: Account;
	/** A provider's event, applied. */
	eventId: string;
	/** A lecture of `teacher` in the course that `owner` bought, with its video. */
	video: { lectureId: string; fileId: string };
	/** Files of `teacher`: uploaded, and to come in parts. */
	fileId: string;
	uploadId: string;
}

/** A deployment with everybody in it, and things that are theirs. */
export class School {
	readonly base: string;
	readonly people: Record<Person, Account>;
	/** Calls an action as a service of the mesh would; only where the test has a node of it. */
	readonly call: Call;
	readonly #signedInAt = new Map<Person, number>();
	#things: Things | undefined;

	private constructor(base: string, people: Record<Person, Account>, call: Call) {
		this.base = base;
		this.call = call;
		this.people = people;
		for (const person of Object.keys(people) as Person[]) this.#signedInAt.set(person, Date.now());
	}

	/** A school with everybody and everything; sandbox providers must serve. */
	static async open(base: string, call: Call = noNode): Promise<School> {
		const school = await School.enroll(base, call);
		await school.furnish();
		return school;
	}

	/** A school with everybody in it, and nothing yet. Needs the admin of `startEmbedded`. */
	static async enroll(base: string, call: Call = noNode): Promise<School> {
		const credentials = { email: "admin@zeolite.example", password: "admin-password" };
		const login = { method: "POST", path: "/api/auth/login", ...json(credentials) };
		const { body } = await eventually(
			() => exchange(base, login),
			({ status }) => status === 200,
		);
		const { accessToken: token, refreshToken } = body;
		const people = {
			user: await register(base),
			owner: await register(base),
			other: await register(base),
			teacher: await register(base, "teacher"),
			colleague: await register(base, "teacher"),
			admin: { id: body.user.id, ...credentials, token, refreshToken },
		};
		const school = new School(base, people, call);
		for (const { id } of [people.teacher, people.colleague])
			await school.must("admin", "PUT", `/api/users/${id}/approval`, { approved: true });
		return school;
	}

	get things(): Things {
		assert.ok(this.#things);
		return this.#things;
	}

	/** Sends a request as somebody. @param service the name a service signs with. */
	async ask(actor: Actor, request: Request, service = "payment-service"): Promise<Answer> {
		return exchange(this.base, {
			...request,
			headers: { ...(await this.#proof(actor, request, service)), ...request.headers },
		});
	}

	/** What a person's request answers; it must succeed. */
	// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came
	async must(actor: Actor, method: string, path: string, body?: unknown): Promise<any> {
		const answer = await this.ask(actor, { method, path, ...json(body) });
		assert.ok(answer.status < 300, `${method} ${path}: ${JSON.stringify(answer.body)}`);
		return answer.body;
	}

	/** Signs everybody in again, where the time of the server was moved. */
	async signInAll(): Promise<void> {
		for (const account of Object.values(this.people))
			Object.assign(account, await this.signIn(account));
	}

	/** A new session of a person. */
	async signIn({ email, password }: Account): Promise<{ token: string; refreshToken: string }> {
		const body = await this.must("nobody", "POST", "/api/auth/login", { email, password });
		return { token: body.accessToken, refreshToken: body.refreshToken };
	}

	/** A new course, published where not said otherwise. */
	async course(by: "teacher" | "colleague", terms: object = {}): Promise<string> {
		const { id } = await this.must(by, "POST", "/api/courses", {
			title: "Pottery",
			description: canary,
			...terms,
		});
		return id;
	}

	async section(by: "teacher" | "colleague", courseId: string): Promise<string> {
		const path = `/api/courses/${courseId}/sections`;
		return (await this.must(by, "POST", path, { title: "Clay" })).id;
	}

	async lecture(
		by: "teacher" | "colleague",
		sectionId: string,
		isPreview = false,
	): Promise<string> {
		const path = `/api/sections/${sectionId}/lectures`;
		const lecture = { title: "Kiln", durationSeconds: 60, content: canary, isPreview };
		return (await this.must(by, "POST", path, lecture)).id;
	}

	/** A payment that is open. */
	async order(by: Person, courseId: string): Promise<Things["open"]> {
		const body = await this.must(by, "POST", "/api/payments", {
			courseId,
			paymentMethod: "stripe",
		});
		return {
			courseId,
			paymentId: body.id,
			gatewayId: body.paymentGatewayId,
			secret: body.clientSecret,
		};
	}

	/** A new course of somebody's that is paid for. */
	async buy(by: Person, from: "teacher" | "colleague" = "teacher"): Promise<Bought> {
		return this.pay(by, await this.course(from, { price: 99.99 }));
	}

	/** Pays for a course. */
	async pay(by: Person, courseId: string): Promise<Bought> {
		const { paymentId, gatewayId } = await this.order(by, courseId);
		const path = `/api/sandbox/payments/${paymentId}/complete`;
		await this.must(by, "POST", path, { outcome: "succeed" });
		const { enrollment } = await eventually(
			() => this.must(by, "POST", `/api/payments/${paymentId}/verify`, {}),
			body => body.enrollment !== null,
		);
		return { courseId, paymentId, gatewayId, enrollmentId: enrollment.id };
	}

	/** A new course of the teacher's that somebody is in. */
	async enrolled(by: Person): Promise<string> {
		const courseId = await this.course("teacher");
		await this.must(by, "POST", "/api/enrollments", { courseId });
		return courseId;
	}

	/** A new course that somebody is in, with their review. */
	async review(by: Person): Promise<Things["reviewed"]> {
		const courseId = await this.enrolled(by);
		const review = { courseId, rating: 5, text: "My bowls hold water now." };
		return { courseId, reviewId: (await this.must(by, "POST", "/api/reviews", review)).id };
	}

	/** A new course that somebody has completed, with the certificate. */
	async certify(by: Person): Promise<Things["certified"]> {
		const courseId = await this.enrolled(by);
		const report = { progressPercentage: 100, totalWatchTime: 60 };
		const path = `/api/enrollments/course/${courseId}/progress`;
		const { id: enrollmentId } = await this.must(by, "PATCH", path, report);
		const issue = `/api/enrollments/${enrollmentId}/certificate`;
		return { courseId, enrollmentId, certificateId: (await this.must(by, "POST", issue)).id };
	}

	/** An upload of somebody's, as another system's server begins it. */
	async upload(by: Person, inParts = false): Promise<{ fileId: string; uploadUrl: string }> {
		const { text } = json(announcedVideo(this.people[by].id, undefined, inParts));
		const path = "/api/files/internal/presigned-url";
		const begun = await this.ask("service", { method: "POST", path, text }, "course-service");
		assert.equal(begun.status, 201, JSON.stringify(begun.body));
		return begun.body;
	}

	/** A new lecture of the teacher's that can be watched. */
	async film(sectionId: string): Promise<Things["video"]> {
		const lectureId = await this.lecture("teacher", sectionId);
		const path = `/api/lectures/${lectureId}`;
		const { ownerId: _, purpose, subjectId, ...film } = announcedVideo("");
		const { fileId, uploadUrl } = await this.must("teacher", "POST", `${path}/upload`, film);
		await putVideo(this.#here(uploadUrl));
		await this.must("teacher", "POST", `${path}/confirm-upload`, { fileId });
		await eventually(
			() => this.must("teacher", "GET", `${path}/status`),
			({ status }) => status === "ready",
		);
		return { lectureId, fileId };
	}

	/** A file of somebody's that was uploaded. */
	async uploaded(by: Person): Promise<string> {
		const { fileId, uploadUrl } = await this.upload(by);
		await putVideo(this.#here(uploadUrl));
		const path = `/api/files/internal/confirm/${fileId}`;
		const request = { method: "POST", path, text: "{}" };
		const { body } = await this.ask("service", request, "course-service");
		assert.equal(body.status, "uploaded", JSON.stringify(body));
		return fileId;
	}

	/** An address of the gateway's as it is reached from here, whatever the deployment calls itself. */
	#here(url: string): string {
		const { pathname } = new URL(url);
		return pathname.startsWith("/api/") ? `${this.base}${pathname}` : url;
	}

	async #proof(
		actor: Actor,
		{ method, path, text = "" }: Request,
		service: string,
	): Promise<Record<string, string>> {
		if (actor === "nobody") return {};
		if (actor === "service" || actor === "wrongService") return signed(service, method, path, text);
		return { authorization: `Bearer ${await this.#token(actor)}` };
	}

	/** Access tokens live for 15 min. */
	async #token(person: Person): Promise<string> {
		const account = this.people[person];
		if (Date.now() - (this.#signedInAt.get(person) ?? 0) > 10 * 60_000) {
			Object.assign(account, await this.signIn(account));
			this.#signedInAt.set(person, Date.now());
		}
		return account.token;
	}

	/** Makes what is there to be asked for. */
	async furnish(): Promise<void> {
		const bought = await this.buy("owner");
		const sectionId = await this.section("teacher", bought.courseId);
		const lectureId = await this.lecture("teacher", sectionId);
		const others = await this.buy("other", "colleague");
		const othersSection = await this.section("colleague", others.courseId);
		const draft = await this.course("teacher", { status: "draft", title: canary });
		const draftSection = await this.section("teacher", draft);
		const retracted = await this.course("teacher", { title: canary });
		const seat = await this.must("owner", "POST", "/api/enrollments", { courseId: retracted });
		await this.must("teacher", "PATCH", `/api/courses/${retracted}`, { status: "draft" });
		const shelved = await this.course("teacher", { status: "draft", title: canary });
		await this.must("teacher", "DELETE", `/api/courses/${shelved}`);
		const refunded = await this.buy("owner");
		await this.must("owner", "POST", `/api/payments/${refunded.paymentId}/refund`, {});
		const told = async (person: Person, bought: Bought): Promise<string> => {
			const isTold = ({ type, data }: { type: string; data: { paymentId?: string } }) =>
				type === "payment.captured" && isOf(bought)(data);
			const { items } = await eventually(
				() => this.must(person, "GET", "/api/notifications"),
				({ items }) => items.some(isTold),
			);
			return items.find(isTold).id;
		};
		const { items: events } = await eventually(
			() => this.must("admin", "GET", "/api/payment-events?state=done"),
			({ items }) => items.some(isOf(bought)),
		);
		const { items: sessions } = await this.must("other", "GET", "/api/auth/sessions");
		this.#things = {
			course: {
				...bought,
				sectionId,
				lectureId,
				previewId: await this.lecture("teacher", sectionId, true),
			},
			others: {
				...others,
				sectionId: othersSection,
				lectureId: await this.lecture("colleague", othersSection),
			},
			draft: {
				courseId: draft,
				sectionId: draftSection,
				lectureId: await this.lecture("teacher", draftSection),
			},
			retracted: { courseId: retracted, enrollmentId: seat.id },
			shelved: { courseId: shelved },
			reviewed: await this.review("owner"),
			certified: await this.certify("owner"),
			free: { courseId: await this.course("teacher") },
			market: { courseId: await this.course("teacher", { price: 20 }) },
			open: await this.order("owner", await this.course("teacher", { price: 30 })),
			refunded,
			notificationId: await told("owner", bought),
			othersNotificationId: await told("other", others),
			othersSessionId: sessions[0].id,
			victim: await register(this.base),
			eventId: events.find(isOf(bought)).id,
			video: await this.film(sectionId),
			fileId: await this.uploaded("teacher"),
			uploadId: (await this.upload("teacher", true)).fileId,
		};
	}
}
