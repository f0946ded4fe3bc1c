import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { Broker } from "../../../kernel/contract.ts";
import type { StoredFact } from "../../../kernel/facts/contract.ts";
import type { Node } from "../../../kernel/node.ts";
import { platformOf } from "../../../kernel/platform.ts";
import type { Collection } from "../../../kernel/store/collection.ts";
import type { Doc } from "../../../kernel/store/model.ts";
import { type Answer, eventually, send } from "../../support/http.ts";
import { type SignedUp, signUp } from "../../support/identity.ts";
import { mp4 } from "../../support/media.ts";
import { startNode } from "../../support/node.ts";
import { freePort } from "../../support/ports.ts";

const services = "gateway,identity,learning,content,commerce,engagement,money";

export interface Studio {
	node: Node;
	base: string;
	call: Broker["call"];
	/** Does something so much later, ms: sessions of now would have ended. */
	later<T>(ms: number, act: () => Promise<T>): Promise<T>;
	teacher: SignedUp;
	/** Enrolled in nothing. */
	stranger: SignedUp;
	/** Enrolled in the course. */
	student: SignedUp;
	courseId: string;
	get(path: string, who?: SignedUp): Promise<Answer>;
	post(path: string, body: object, who?: SignedUp): Promise<Answer>;
	/** A lecture of the course, for who is enrolled. */
	lecture(more?: object): Promise<string>;
	/** Announces and uploads a video; not confirmed yet. */
	bring(lectureId: string, bytes?: Buffer, contentType?: string): Promise<string>;
	confirm(lectureId: string, fileId: string): Promise<Answer>;
	/** A video, uploaded and confirmed. */
	upload(lectureId: string, bytes?: Buffer, contentType?: string): Promise<string>;
	/** The state of a lecture's newest upload once it is this. */
	until(lectureId: string, status: string): Promise<Answer["body"]>;
	/** Waits until every fact was handled by all who consume it. */
	settled(): Promise<void>;
	told(name: string, fileId: string): StoredFact[];
	store<T extends Doc>(service: string, collection: string): Collection<T>;
}

/** A node with a school by HTTP: a teacher with a course, a student in it, and files on disk. */
export async function openStudio(
	t: TestContext,
	env: Record<string, string> = {},
): Promise<Studio> {
	const clock = { aheadMs: 0, now: () => Date.now() + clock.aheadMs };
	const port = String(await freePort());
	const node = await startNode(t, {
		env: { PORT: port, SERVICES: services, MESH: services, ...env },
		clock,
	});
	const { pipe } = node.platform;
	const facts = new Map<string, StoredFact>();
	const publish = pipe.publish.bind(pipe);
	t.mock.method(pipe, "publish", (fact: StoredFact, messageId: string) => {
		facts.set(fact.id, fact);
		return publish(fact, messageId);
	});
	const base = platformOf(node.broker).env.publicUrl;
	const broker = node.broker as unknown as Broker;
	const call: Broker["call"] = broker.call.bind(broker);
	const [teacher, student, stranger] = await Promise.all([
		signUp(node, { role: "teacher" }),
		signUp(node),
		signUp(node),
	]);
	const get: Studio["get"] = (path, who) =>
		send(base, "GET", path, who ? { token: who.token } : {});
	const post: Studio["post"] = (path, body, who = teacher) =>
		send(base, "POST", path, { token: who.token, body });
	const { id: courseId } = (await post("/api/courses", { title: "Pottery" })).body;
	const { id: sectionId } = (await post(`/api/courses/${courseId}/sections`, { title: "Clay" }))
		.body;
	assert.equal((await post("/api/enrollments", { courseId }, student)).status, 201);
	const sweep = (service: string): Promise<{ pending: number }> =>
		node.broker.call(`${service}.facts.sweep`, {});

	const studio: Studio = {
		node,
		base,
		call,
		async later(ms, act) {
			clock.aheadMs += ms;
			try {
				return await act();
			} finally {
				clock.aheadMs -= ms;
			}
		},
		teacher,
		stranger,
		student,
		courseId,
		get,
		post,
		async lecture(more = {}) {
			const made = await post(`/api/sections/${sectionId}/lectures`, { title: "Wheel", ...more });
			assert.equal(made.status, 201);
			return made.body.id;
		},
		async bring(lectureId, bytes = mp4(7.5), contentType = "video/mp4") {
			const wanted = { fileName: "lesson1.mp4", fileSize: bytes.length, contentType };
			const begun = await post(`/api/lectures/${lectureId}/upload`, wanted);
			assert.equal(begun.status, 201, JSON.stringify(begun.body));
			const { fileId, uploadUrl } = begun.body;
			const headers = { "content-type": contentType };
			const put = await fetch(uploadUrl, { method: "PUT", headers, body: new Uint8Array(bytes) });
			assert.ok(put.ok, `${put.status} ${await put.text()}`);
			return fileId;
		},
		confirm: (lectureId, fileId) => post(`/api/lectures/${lectureId}/confirm-upload`, { fileId }),
		async upload(lectureId, bytes, contentType) {
			const fileId = await studio.bring(lectureId, bytes, contentType);
			const confirmed = await studio.confirm(lectureId, fileId);
			assert.ok([200, 202].includes(confirmed.status), JSON.stringify(confirmed.body));
			return fileId;
		},
		async until(lectureId, status) {
			const answer = await eventually(
				() => get(`/api/lectures/${lectureId}/status`, teacher),
				({ body }) => body.status === status,
			);
			return answer.body;
		},
		async settled() {
			await eventually(
				() => Promise.all(["files", "videos", "courses"].map(sweep)),
				sweeps => sweeps.every(({ pending }) => pending === 0),
			);
		},
		told: (name, fileId) =>
			[...facts.values()].filter(fact => fact.name === name && fact.data.fileId === fileId),
		store: (service, collection) =>
			(node.broker.getLocalService(service) as unknown as Record<string, never>)[
				collection
			] as never,
	};
	return studio;
}
