// npm run demo [-- <address>]: fills a running server with a small school, as a client would. Once or many times.
import { setTimeout as pause } from "node:timers/promises";
import { film } from "./demo/film.ts";
import { type CoursePlan, courses, students, teachers } from "./demo/school.ts";

const base = (process.argv[2] ?? "http://127.0.0.1:3000").replace(/\/$/, "");
const password = "zeolite-demo";
/** How long a purchase or a video may take, ms. */
const patienceMs = 30_000;

interface Person {
	id: string;
	email: string;
	token: string;
}
// biome-ignore lint/suspicious/noExplicitAny: what the API answers, by its own contract
type Json = any;

class Refused extends Error {
	readonly status: number;
	readonly code: string;
	constructor(what: string, status: number, { code = "", detail = "" }: Json) {
		super(`${what}: ${status} ${code} ${detail}`);
		this.status = status;
		this.code = code;
	}
}

/** Asks the API; waits where it says that it was asked too often. @throws Refused */
async function ask(method: string, path: string, who?: Person, body?: unknown): Promise<Json> {
	for (;;) {
		const response = await fetch(`${base}${path}`, {
			method,
			headers: {
				...(body !== undefined && { "content-type": "application/json" }),
				...(who && { authorization: `Bearer ${who.token}` }),
			},
			...(body !== undefined && { body: JSON.stringify(body) }),
		});
		if (response.status === 429) {
			await pause(Number(response.headers.get("retry-after") ?? 1) * 1_000);
			continue;
		}
		const answer: Json = response.status === 204 ? {} : await response.json().catch(() => ({}));
		if (!response.ok) throw new Refused(`${method} ${path}`, response.status, answer);
		return answer;
	}
}

/** What was there before is as good as what is made now. */
async function unless(code: string, work: Promise<Json>): Promise<Json> {
	try {
		return await work;
	} catch (error) {
		if (error instanceof Refused && error.code === code) return undefined;
		throw error;
	}
}

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
	const end = Date.now() + patienceMs;
	while (Date.now() < end) {
		const found = await look();
		if (found) return found;
		await pause(150);
	}
	throw new Error(`${what} takes longer than ${patienceMs / 1_000} s`);
}

const emailOf = (name: string): string => {
	const plain = name.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
	return `${plain.replace(/\W+/g, ".")}@demo.zeolite.example`;
};

async function person(name: string, role: string): Promise<Person> {
	const email = emailOf(name);
	const made = await unless(
		"EMAIL_TAKEN",
		ask("POST", "/api/auth/register", undefined, { email, password, name, role }),
	);
	const { user, accessToken } =
		made ?? (await ask("POST", "/api/auth/login", undefined, { email, password }));
	return { id: user.id, email, token: accessToken };
}

/** Uploads the video of a lecture, unless it has one. */
async function upload(
	teacher: Person,
	lectureId: string,
	title: string,
	plan: CoursePlan,
	slides: readonly string[],
) {
	const there = await unless(
		"LECTURE_HAS_NO_VIDEO",
		ask("GET", `/api/lectures/${lectureId}/status`, teacher),
	);
	if (there && !["awaiting_upload", "failed"].includes(there.status)) return;
	const hue = (courses.indexOf(plan) * 67 + 160) % 360;
	const bytes = film({ title, slides, secondsPerSlide: 6, hue });
	const { fileId, uploadUrl } = await ask("POST", `/api/lectures/${lectureId}/upload`, teacher, {
		fileName: `${title.toLowerCase().replace(/\W+/g, "-")}.mp4`,
		fileSize: bytes.length,
		contentType: "video/mp4",
	});
	const sent = await fetch(uploadUrl, {
		method: "PUT",
		headers: { "content-type": "video/mp4" },
		body: new Uint8Array(bytes),
	});
	if (!sent.ok) throw new Refused(`PUT ${uploadUrl}`, sent.status, {});
	await ask("POST", `/api/lectures/${lectureId}/confirm-upload`, teacher, { fileId });
	await until(`The video of ${title}`, async () => {
		const { status, detail } = await ask("GET", `/api/lectures/${lectureId}/status`, teacher);
		if (status === "failed") throw new Error(`The video of ${title} failed: ${detail}`);
		return status === "ready" || undefined;
	});
}

/** Makes what a plan has and the course has not yet; its id. */
async function teach(teacher: Person, plan: CoursePlan): Promise<string> {
	const { sections, students: _, teacher: __, ...said } = plan;
	const own = await ask(
		"GET",
		`/api/courses?teacherId=${teacher.id}&status=all&pageSize=100`,
		teacher,
	);
	const found = own.items.find(({ title }: { title: string }) => title === plan.title);
	const { id } =
		found ?? (await ask("POST", "/api/courses", teacher, { ...said, status: "draft" }));
	for (const { title, lectures } of sections) {
		const course = await ask("GET", `/api/courses/${id}`, teacher);
		const section =
			course.sections.find((one: Json) => one.title === title) ??
			(await ask("POST", `/api/courses/${id}/sections`, teacher, { title }));
		for (const { slides, ...lecture } of lectures) {
			const made =
				section.lectures.find((one: Json) => one.title === lecture.title) ??
				(await ask("POST", `/api/sections/${section.id}/lectures`, teacher, lecture));
			if (slides) await upload(teacher, made.id, lecture.title, plan, slides);
		}
	}
	await ask("PATCH", `/api/courses/${id}`, teacher, { status: "published" });
	return id;
}

/** Gets a student into a course: for nothing, or through the sandbox. */
async function enroll(student: Person, courseId: string, { price }: CoursePlan): Promise<boolean> {
	const there = await unless(
		"ENROLLMENT_NOT_FOUND",
		ask("GET", `/api/enrollments/course/${courseId}`, student),
	);
	if (there && there.status !== "dropped") return true;
	if (price === 0) {
		await ask("POST", "/api/enrollments", student, { courseId });
		return true;
	}
	const payment = await ask("POST", "/api/payments", student, {
		courseId,
		paymentMethod: "stripe",
	});
	if (!payment.sandbox) return false;
	await ask("POST", `/api/sandbox/payments/${payment.id}/complete`, student, {
		outcome: "succeed",
	});
	await until(`A seat for ${student.email}`, async () =>
		unless("ENROLLMENT_NOT_FOUND", ask("GET", `/api/enrollments/course/${courseId}`, student)),
	);
	return true;
}

async function learn(
	student: Person,
	courseId: string,
	{ progress, rating, text }: CoursePlan["students"][string],
) {
	await ask("PATCH", `/api/enrollments/course/${courseId}/progress`, student, {
		progressPercentage: progress,
		totalWatchTime: progress * 12,
	});
	if (rating === undefined) return;
	const review = { courseId, rating, ...(text && { text }) };
	await unless("ALREADY_REVIEWED", ask("POST", "/api/reviews", student, review));
}

async function demo(): Promise<void> {
	if (!/^https?:\/\/(127\.\d+\.\d+\.\d+|localhost|\[::1\])(:\d+)?$/.test(base))
		throw new Error(
			"The demo's accounts have a known password: it fills servers on this machine only",
		);
	const people = new Map<string, Person>();
	for (const name of teachers) people.set(name, await person(name, "teacher"));
	for (const name of students) people.set(name, await person(name, "student"));
	const known = (name: string): Person => people.get(name) as Person;
	for (const plan of courses) {
		const courseId = await teach(known(plan.teacher), plan);
		let isSold = true;
		for (const [name, seat] of Object.entries(plan.students)) {
			isSold = await enroll(known(name), courseId, plan);
			if (!isSold) break;
			await learn(known(name), courseId, seat);
		}
		console.log(
			`${plan.title}${isSold ? "" : ": without students, for no sandbox takes payments here"}`,
		);
	}
	console.log(`\n${base}/school  password of all: ${password}`);
	for (const name of [...teachers, ...students.slice(0, 2)]) console.log(`  ${emailOf(name)}`);
}

try {
	await demo();
} catch (error) {
	const { message, cause } = error as Error;
	console.error(cause ? `${base} does not answer. Start it first: npm start` : message);
	process.exitCode = 1;
}
