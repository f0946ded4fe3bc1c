import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { codeOf } from "../../kernel/errors.ts";
import type { Node } from "../../kernel/node.ts";
import {
	type Actor,
	asking,
	type Journey,
	type Memory,
	newActor,
	newCourse,
	type Place,
	type Raw,
	type Records,
	settled,
} from "./crash-journey.ts";
import { type Buyer, isRefunded, notTwice, pay, purchased, told } from "./crash-purchase.ts";
import { mp4 } from "./media.ts";
import { putVideo } from "./video.ts";

/** A course with one lecture, which is still to be filmed, and a student who has paid for it. */
interface Class {
	admin: string;
	teacher: Actor;
	student: Buyer;
	lectureId: string;
}

const seconds = 2;
const film = mp4(seconds);
/** How long after somebody enrolled the whole film can have been watched, ms. */
const watchedMs = 1_500;

/** What the page of a teacher knows of its upload. */
interface Ticket {
	fileId: string;
	isSent?: true;
}

/**
 * A page that uploads the film in parts, and tries whatever was not answered again: what it remembers it goes on with,
 * else it begins anew.
 */
async function* upload(node: Node, { teacher, lectureId }: Class, memory: Memory) {
	const me = asking(node, teacher.token);
	const id = lectureId;
	let ticket: Ticket | undefined = memory.load();
	if (!ticket) {
		const { fileId } = await me("courses.uploadLecture", {
			id,
			fileName: "lesson1.mp4",
			fileSize: film.length,
			contentType: "video/mp4",
			multipart: true,
		});
		ticket = { fileId };
		memory.keep(ticket);
	}
	yield "unready";
	const { fileId } = ticket;
	if (!ticket.isSent) {
		const { parts: there } = await me("files.parts", { id: fileId });
		if (there.length === 0) {
			const { parts } = await me("files.signParts", { id: fileId, numbers: [1] });
			await putVideo(parts[0].url, new Uint8Array(film));
		}
		memory.keep({ fileId, isSent: true });
	}
	await me("courses.confirmUpload", { id, fileId });
}

/** How the newest upload of the lecture stands, for its teacher. */
async function lectureStatus(node: Node, { teacher, lectureId: id }: Class): Promise<string> {
	try {
		return (await asking(node, teacher.token)("courses.lectureVideo", { id })).status;
	} catch (error) {
		assert.equal(codeOf(error as Error), "LECTURE_HAS_NO_VIDEO");
		return "none";
	}
}

/** Sees the film in two sittings, asks for the certificate and says what it was like. */
async function* learn(node: Node, { student, lectureId }: Class) {
	const me = asking(node, student.token);
	const { courseId } = student;
	const { id, enrolledAt } = await me("enrollments.getByCourse", { courseId });
	await pause(Math.max(0, Date.parse(enrolledAt) + watchedMs - Date.now()));
	const sittings = [
		["watching", [0, 1]],
		["completed", [1, 2]],
	] as const;
	for (const [stage, interval] of sittings) {
		await me("enrollments.progress", { courseId, lectureId, intervals: [interval] });
		yield stage;
	}
	await me("certificates.issue", { id });
	yield "certified";
	await me("reviews.create", { courseId, rating: 4, text: "Clear." }).catch(error =>
		assert.equal(codeOf(error), "ALREADY_REVIEWED"),
	);
	yield "reviewed";
}

/** Whether what plays is what was uploaded. */
async function playsFilm(node: Node, { teacher, lectureId: id }: Class): Promise<boolean> {
	const { videoUrl } = await asking(node, teacher.token)("courses.getLecture", { id });
	if (!videoUrl) return false;
	const answer = await fetch(videoUrl);
	return film.equals(Buffer.from(await answer.arrayBuffer()));
}

/** Not an upload that came to nothing: of such a one nothing may be left in the store. */
const isOpen = (state: string): boolean => !["rejected expired", "deleted"].includes(state);

const stateOf = ({ status, reason }: Raw): string => [status, reason].filter(Boolean).join(" ");

/** What was uploaded for the lecture, all that became of it, and what lies in the store. */
async function filmed(place: Place, of: Class) {
	const { node, records } = place;
	const isMine = ({ subjectId }: Raw) => subjectId === of.lectureId;
	const files = await records("files");
	const byId = new Map(files.map(file => [file._id, file]));
	const [lecture] = (await records("lectures")).filter(({ _id }) => _id === of.lectureId);
	const { uploads = {}, durationSeconds } = lecture as Raw;
	const stored = (await place.stored()).map(id => byId.get(id));
	return {
		files: files.filter(isMine).map(stateOf).filter(isOpen).sort(),
		stored: stored.flatMap(file => (!file ? "nobody's" : isMine(file) ? stateOf(file) : [])).sort(),
		videos: (await records("videos"))
			.filter(({ lectureId }) => lectureId === of.lectureId)
			.map(stateOf)
			.filter(isOpen),
		uploads: Object.values(uploads as object).map(stateOf),
		status: await lectureStatus(node, of),
		durationSeconds,
		plays: await playsFilm(node, of),
	};
}

/** What the course shows of its students, to everybody and to its teacher. */
async function shown({ node }: Place, { teacher, student: { courseId } }: Class) {
	const me = asking(node, teacher.token);
	const course = await me("courses.get", { id: courseId });
	const reviews = await me("reviews.list", { courseId });
	const figures = await me("figures.course", { id: courseId });
	return {
		completionRule: course.completionRule,
		students: [course.enrollmentCount, figures.students],
		completed: figures.completed,
		ratings: [course.rating, figures.rating],
		ratingCounts: [course.ratingCount, reviews.ratingCount, figures.ratingCount],
		reviews: reviews.items.length,
		net: figures.money.map((m: { netMinor: number }) => m.netMinor),
	};
}

/** Everybody's certificates of the course. */
async function certificatesOf({ node, records }: Place, { student: { courseId } }: Class) {
	const all = await records("certificates");
	const issued = all.filter(found => found.courseId === courseId && found.state !== "pending");
	return Promise.all(
		issued.map(async ({ _id, state }) => {
			const { revokedAt } = await asking(node)("certificates.get", { id: _id });
			return `${state} ${revokedAt ? "revoked" : "valid"}`;
		}),
	);
}

async function taught(place: Place, of: Class, admin: string) {
	return {
		lecture: await filmed(place, of),
		course: await shown(place, of),
		certificates: await certificatesOf(place, of),
		teacher: await told(place.node, of.teacher),
		student: await purchased(place, of.student, admin),
	};
}

type Taught = Awaited<ReturnType<typeof taught>>;

/**
 * A teacher uploads the film of a lecture; a student watches it, which completes the course, gets the certificate and
 * reviews the course; an admin gives the money back. Long after, what never came of an upload is swept.
 */
export const lecture: Journey<Class, Taught> = {
	stages: ["unready", "ready", "watching", "completed", "certified", "reviewed", "refunded"],

	async cast(node, admin) {
		const teacher = await newActor(node, "teacher");
		const ask = asking(node, teacher.token);
		await ask("notifications.setPreferences", { types: { "lecture.ready": { email: true } } });
		const courseId = await newCourse(node, teacher);
		const { id } = await ask("courses.addSection", { id: courseId, title: "Clay" });
		const { id: lectureId } = await ask("courses.addLecture", { id, title: "Wheel" });
		const student = { ...(await newActor(node, "student")), courseId };
		for await (const _ of pay(node, student)) await settled(node);
		return { admin, teacher, student, lectureId };
	},

	async *steps({ node, age }, of, memory) {
		const { admin, student } = of;
		if ((await lectureStatus(node, of)) !== "ready") yield* upload(node, of, memory);
		yield "ready";
		const [{ id, refunds = [] }] = (await asking(node, student.token)("payments.list")).items;
		if (refunds.length === 0) yield* learn(node, of);
		const order = { id, amount: 99.99, reason: "a complaint" };
		const refund = asking(node, admin)("payments.refund", order);
		await (refunds.length > 0 ? notTwice(refund) : refund);
		yield "refunded";
		await age();
		await asking(node)("files.sweep");
		yield "swept";
	},

	async stageOf(records: Records, { lectureId, student: { userId } }) {
		const mine = async (name: string) => (await records(name)).filter(d => d.userId === userId);
		const [seat] = await mine("enrollments");
		const files = (await records("files")).filter(({ subjectId }) => subjectId === lectureId);
		if (isRefunded({ payments: await mine("payments") })) return "refunded";
		if ((await mine("reviews")).length > 0) return "reviewed";
		if ((await mine("certificates")).some(({ state }) => state === "issued")) return "certified";
		if (seat?.status === "completed") return "completed";
		if ((seat?.progress as number) > 0) return "watching";
		return files.some(({ status }) => status === "uploaded") ? "ready" : "unready";
	},

	outcome: taught,

	/** An upload may be announced or not; all that counts is that nothing came of it. */
	atFirst({ lecture: { files, stored, uploads, status, ...lecture }, ...rest }) {
		assert.ok(files.length <= 1 && stored.length <= 1 && uploads.length <= files.length);
		for (const state of [...files, ...stored, ...uploads]) assert.equal(state, "awaiting_upload");
		assert.equal(status, uploads[0] ?? "none");
		return { lecture, ...rest };
	},
};
