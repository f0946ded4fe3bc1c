import { setTimeout as pause } from "node:timers/promises";
import { admin } from "../../support/journey.ts";
import { mp4 } from "../../support/media.ts";
import type { Run } from "../drill.ts";
import { type Buyers, make, type Purchase, price, times } from "./buyers.ts";
import type { Answered, Asked, Asker } from "./client.ts";
import { every } from "./faults.ts";
import type { Journal } from "./journal.ts";
import type { Stage } from "./stage.ts";

const seconds = 1;
const film = new Uint8Array(mp4(seconds));
const contentType = "video/mp4";
const patienceMs = 120_000;
const lookMs = 250;
/** Of so many who buy a course one goes to it. */
const ofSoMany = 2;
const uploadMs = 10_000;
/** As long as it takes to watch the film at the double speed that counts, and a little more. */
const watchMs = 600;

interface Studio {
	courseId: string;
	sectionId: string;
}

/** What a student does with a course, by the number of the purchase. */
const ways = [
	"completes",
	"reviews",
	"gives back",
	"completes",
	"is given it back",
	"reviews",
	"is given it back at once",
] as const;

/**
 * What a course is bought for: its teacher uploads films to lectures of another one, and who has bought watches, completes,
 * takes the certificate, and reviews or is given the money back. All as real clients do it: again until there is an answer,
 * under the same `Idempotency-Key`.
 */
export class School {
	readonly #journal: Journal;
	readonly #buyers: Buyers;
	readonly #seed: number;
	readonly #admin: Asker;
	/** Where the teacher adds a lecture for each film. */
	readonly #studio: Studio;
	/** The lecture of each course that is bought, by course. */
	readonly #lectures: ReadonlyMap<string, string>;
	readonly #running = new Set<Promise<void>>();
	#uploads = 0;
	#bought = 0;
	#isOpen = true;

	private constructor(
		run: Run,
		journal: Journal,
		buyers: Buyers,
		prepared: { admin: Asker; studio: Studio; lectures: ReadonlyMap<string, string> },
	) {
		this.#journal = journal;
		this.#buyers = buyers;
		this.#seed = run.seed;
		this.#admin = prepared.admin;
		this.#studio = prepared.studio;
		this.#lectures = prepared.lectures;
	}

	/** Each course gets a lecture; from now on who has bought one goes to it. */
	static async open(run: Run, stage: Stage, journal: Journal, buyers: Buyers): Promise<School> {
		const made = (path: string, body: object) => make(stage, buyers.teacher, path, body);
		const section = (courseId: string) =>
			made(`/api/courses/${courseId}/sections`, { title: "Films" });
		const courseId = await made("/api/courses", { title: "Studio" });
		const studio = { courseId, sectionId: await section(courseId) };
		const lectures = await times(buyers.courses.length, async i => {
			const id = buyers.courses[i] as string;
			const path = `/api/sections/${await section(id)}/lectures`;
			return [id, await made(path, { title: "Wheel", durationSeconds: seconds })] as const;
		});
		const token = await admin(stage.gateways.next());
		const school = new School(run, journal, buyers, {
			admin: { id: "admin", refreshToken: "", ...stage.admin, token },
			studio,
			lectures: new Map(lectures),
		});
		buyers.onEnrolled = purchase => school.#attend(purchase);
		return school;
	}

	/** Uploads one film after the other until stopped. @param restMs from the end of one to the next. */
	teach(restMs: number, stop: AbortSignal): Promise<void> {
		return every(restMs, stop, () => this.#track(this.#upload(this.#uploads++)));
	}

	/** Who buys from now on does not go to the course. */
	close(): void {
		this.#isOpen = false;
	}

	/** Resolves when all that was begun has ended. */
	async ended(): Promise<void> {
		while (this.#running.size > 0) await Promise.all(this.#running);
	}

	#track(work: Promise<void>): Promise<void> {
		const one = work.finally(() => this.#running.delete(one));
		this.#running.add(one);
		return one;
	}

	/** A lecture, its film, and the confirmation; then a look at how it stands. */
	async #upload(i: number): Promise<void> {
		const until = Date.now() + patienceMs;
		const { courseId, sectionId } = this.#studio;
		const person = this.#buyers.teacher;
		const ask = (step: string, path: string, more: Partial<Asked>) =>
			this.#buyers.client.insist({ step, person, courseId, method: "POST", path, ...more }, until);
		const made = await ask("make lecture", `/api/sections/${sectionId}/lectures`, {
			body: { title: `Film ${i}` },
			key: `lecture-${this.#seed}-${i}`,
		});
		if (made.status !== 201) return this.#gaveUp(made);
		const subjectId = made.body.id as string;
		const path = `/api/lectures/${subjectId}`;
		const begun = await ask("upload", `${path}/upload`, {
			body: { fileName: `film-${i}.mp4`, fileSize: film.length, contentType },
			key: `upload-${this.#seed}-${i}`,
			subjectId,
		});
		if (begun.status !== 201) return this.#gaveUp(begun);
		const { fileId, uploadUrl } = begun.body;
		await put(uploadUrl, until);
		const confirmed = await ask("confirm", `${path}/confirm-upload`, {
			body: { fileId },
			subjectId,
		});
		if (confirmed.status >= 300) return this.#gaveUp(confirmed);
		await ask("lecture status", `${path}/status`, { method: "GET", subjectId });
	}

	#attend(purchase: Purchase): void {
		const i = this.#bought++;
		if (this.#isOpen && i % ofSoMany === 0) void this.#track(this.#play(purchase, i / ofSoMany));
	}

	/** From the first look at the lecture to what the student wants of it. */
	async #play({ person, courseId, paymentId }: Purchase, i: number): Promise<void> {
		const until = Date.now() + patienceMs;
		const way = ways[i % ways.length];
		const ask = (step: string, method: string, path: string, more: Partial<Asked> = {}) =>
			this.#buyers.client.insist({ step, person, courseId, method, path, ...more }, until);
		const lectureId = this.#lectures.get(courseId) as string;
		const watch = (end: number) =>
			ask("progress", "PATCH", `/api/enrollments/course/${courseId}/progress`, {
				body: { lectureId, intervals: [[0, end]] },
			});
		const refund = async (by: Asker, body: object) => {
			const answer = await ask("refund", "POST", `/api/payments/${paymentId}/refund`, {
				person: by,
				body,
				key: `class-refund-${this.#seed}-${i}`,
				...(paymentId && { paymentId }),
			});
			if (answer.status >= 300) this.#gaveUp(answer);
		};

		await ask("lecture", "GET", `/api/lectures/${lectureId}`);
		await pause(watchMs);
		if (way === "gives back") {
			await watch(seconds / 2);
			return refund(person, {});
		}
		let seat = await watch(seconds);
		while (seat.body?.status === "active" && Date.now() < until) {
			await pause(watchMs);
			seat = await watch(seconds);
		}
		if (seat.body?.status !== "completed") return this.#gaveUp(seat);
		const subjectId = seat.body.id as string;
		const certify = (more: Partial<Asked> = {}) =>
			ask("certificate", "POST", `/api/enrollments/${subjectId}/certificate`, {
				subjectId,
				...more,
			});
		const giveBack = () => refund(this.#admin, { amount: price });
		if (way === "is given it back at once") {
			await Promise.all([certify({ fine: 409 }), giveBack()]);
			return;
		}
		const certificate = await certify();
		if (certificate.status !== 201) return this.#gaveUp(certificate);
		if (way !== "completes") {
			const review = await ask("review", "POST", "/api/reviews", {
				body: { courseId, rating: 1 + (i % 5), text: "Clear." },
				key: `review-${this.#seed}-${i}`,
			});
			if (review.status !== 201) return this.#gaveUp(review);
		}
		if (way === "is given it back") await giveBack();
	}

	#gaveUp({ status, entry }: Answered): void {
		const { step, code = "" } = entry;
		const why = `${step}: ${status} ${code}`.trim();
		this.#journal.write({ ...entry, step: "gave up", outcome: "failed", code: why });
	}
}

/** What a browser does with a film, again until it is taken or `until` (ms) has come. */
async function put(url: string, until: number): Promise<void> {
	while (Date.now() < until) {
		const signal = AbortSignal.timeout(uploadMs);
		const headers = { "content-type": contentType };
		const isTaken = await fetch(url, { method: "PUT", headers, body: film, signal }).then(
			async answer => {
				await answer.arrayBuffer();
				return answer.ok;
			},
			() => false,
		);
		if (isTaken) return;
		await pause(lookMs);
	}
}
