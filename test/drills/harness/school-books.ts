import type { Excuses } from "./books.ts";
import type { Entry, Journal } from "./journal.ts";
import type { Raw, Stage } from "./stage.ts";

/** What is there of a school, read once. */
interface Found {
	/** By id. */
	lectures: ReadonlyMap<string, Raw>;
	files: readonly Raw[];
	/** Size of each file in the store, by its key, bytes. */
	objects: ReadonlyMap<string, number>;
	seats: readonly Raw[];
	certificates: readonly Raw[];
	/** How often users were told of each type and subject: `certificate.issued crt_1`. */
	told: ReadonlyMap<string, number>;
	notices: readonly Raw[];
	mails: readonly Raw[];
	reviews: readonly Raw[];
	courses: readonly Raw[];
	payments: readonly Raw[];
	figures: ReadonlyMap<string, Raw>;
	/** Attempts of teachers and students that were answered well. */
	done: readonly Entry[];
}

/** Holds files, certificates, reviews and figures against what teachers and students were answered. */
export async function schoolBooks(
	stage: Stage,
	journal: Journal,
	{ mayMiscount = false }: Pick<Excuses, "mayMiscount"> = {},
): Promise<{ broken: string[][]; counts: Record<string, number> }> {
	const found = await read(stage, journal);
	const of = (step: string) => found.done.filter(entry => entry.step === step).length;
	return {
		broken: [
			[...unready(found)],
			[...withoutObject(found)],
			[...uncertified(found)],
			[...untold(found)],
			[...unposted(found)],
			[...misrated(found)],
			mayMiscount ? [] : [...misreckoned(found)],
		],
		counts: {
			uploads: of("confirm"),
			certificates: found.certificates.filter(({ state }) => state === "issued").length,
			"certificates revoked": found.certificates.filter(({ state }) => state === "revoked").length,
			reviews: found.reviews.length,
			mails: found.mails.length,
		},
	};
}

async function read(stage: Stage, journal: Journal): Promise<Found> {
	const notices = await stage.records("notifications");
	const told = new Map<string, number>();
	for (const { type, data } of notices) {
		const subject = subjects[type]?.(data);
		if (subject) told.set(`${type} ${subject}`, (told.get(`${type} ${subject}`) ?? 0) + 1);
	}
	const byId = async (collection: string) =>
		new Map((await stage.records(collection)).map(doc => [doc._id, doc]));
	return {
		lectures: await byId("lectures"),
		files: await stage.records("files"),
		objects: await stage.objects(),
		seats: await stage.records("enrollments"),
		certificates: await stage.records("certificates"),
		told,
		notices,
		mails: await stage.records("mails"),
		reviews: await stage.records("reviews"),
		courses: await stage.records("courses"),
		payments: await stage.records("payments"),
		figures: await byId("figure_courses"),
		done: journal.entries.filter(({ status }) => status >= 200 && status < 300),
	};
}

/** What a notification of a type is about. */
const subjects: Readonly<Record<string, (data: Record<string, string>) => string | undefined>> = {
	"lecture.ready": ({ lectureId }) => lectureId,
	"enrollment.completed": ({ enrollmentId }) => enrollmentId,
	"certificate.issued": ({ certificateId }) => certificateId,
};

const statesOf = ({ uploads = {} }: Raw): string[] =>
	(Object.values(uploads) as { status: string }[]).map(({ status }) => status);

/** What was confirmed, or has come, can be watched. */
function* unready({ lectures, files, done }: Found) {
	for (const { step, subjectId = "" } of done) {
		if (step !== "confirm") continue;
		const states = statesOf(lectures.get(subjectId) ?? { _id: "" });
		if (!states.includes("ready"))
			yield `an upload for ${subjectId} was confirmed, and is ${states.join(", ") || "not there"}`;
	}
	for (const { _id, status, subjectId } of files) {
		const upload = lectures.get(subjectId)?.uploads?.[_id];
		if (status === "uploaded" && upload?.status !== "ready")
			yield `${_id} is uploaded, and for ${subjectId} it is ${upload?.status}`;
		if (status === "rejected") yield `${_id} of ${subjectId} is rejected`;
	}
}

/** What a file's record says to be there is there, all of it. */
function* withoutObject({ files, objects }: Found) {
	for (const { _id, status, key, fileSize } of files) {
		const size = objects.get(key);
		if (status === "uploaded" && size !== fileSize)
			yield `${_id} is uploaded, ${fileSize} bytes, and the store has ${size ?? "nothing"}`;
	}
}

/** One certificate for each who completed and asked for it, and it holds exactly while they have the course. */
function* uncertified({ seats, certificates, done }: Found) {
	const bySeat = Map.groupBy(certificates, ({ enrollmentId }) => enrollmentId as string);
	const given = new Set(done.flatMap(e => (e.step === "certificate" ? (e.subjectId ?? []) : [])));
	for (const { _id, status } of seats) {
		const own = bySeat.get(_id) ?? [];
		const valid = own.filter(({ state }) => state === "issued").length;
		if (own.length > 1) yield `${_id} has ${own.length} certificates`;
		if (status === "completed" && given.has(_id) && valid !== 1)
			yield `${_id} is completed and was given its certificate, and ${valid} of it are valid`;
		if (status !== "completed" && valid > 0)
			yield `${_id} is ${status}, and its certificate is valid`;
	}
}

/** Each thing is told once: a lecture that is ready, a course that is completed, a certificate that was issued. */
function* untold({ lectures, seats, certificates, told }: Found) {
	const times = function* (type: string, ids: Iterable<string>) {
		for (const id of ids) {
			const count = told.get(`${type} ${id}`) ?? 0;
			if (count !== 1) yield `${id}: ${count} notices of ${type}`;
		}
	};
	const ids = (docs: Iterable<Raw>, holds: (doc: Raw) => boolean) =>
		[...docs].filter(holds).map(({ _id }) => _id);
	yield* times(
		"lecture.ready",
		ids(lectures.values(), l => statesOf(l).includes("ready")),
	);
	yield* times(
		"enrollment.completed",
		ids(seats, ({ completedAt }) => completedAt),
	);
	yield* times(
		"certificate.issued",
		ids(certificates, ({ state }) => state !== "pending"),
	);
}

/** So many notifications a day go by mail to who has not confirmed the address, as nobody here has. */
const mailsPerDay = 10;

/** One mail for each notification that goes out by mail, and it is sent, as far as its reader gets so many. */
function* unposted({ notices, mails }: Found) {
	const byKey = Map.groupBy(mails, ({ key }) => key as string);
	for (const { _id, type, mailAt } of notices) {
		const own = byKey.get(_id) ?? [];
		const wanted = mailAt === undefined ? 0 : 1;
		if (own.length !== wanted) yield `${_id} of ${type}: ${own.length} mails, not ${wanted}`;
	}
	const sent = Map.groupBy(
		mails.filter(mail => mail.state === "sent" && mail.template === "notification"),
		({ userId }) => userId as string,
	);
	for (const { _id, state, userId, lastError } of mails) {
		const isSpared = state === "dropped" && (sent.get(userId)?.length ?? 0) >= mailsPerDay;
		if (state !== "sent" && !isSpared) yield `the mail ${_id} is ${state}: ${lastError}`;
	}
}

/** A review that was given is there, one of each student, and counts while they have the course; so do the courses' stars. */
function* misrated({ reviews, seats, courses, done }: Found) {
	const byPair = Map.groupBy(reviews, ({ userId, subject }) => `${userId} ${subject.id}`);
	for (const { step, buyer, courseId } of done)
		if (step === "review" && !byPair.has(`${buyer} ${courseId}`))
			yield `${buyer} reviewed ${courseId}, and no review is there`;
	for (const [pair, same] of byPair) if (same.length > 1) yield `${same.length} reviews of ${pair}`;
	const taken = new Set(
		seats.filter(s => s.status !== "dropped").map(s => `${s.userId} ${s.courseId}`),
	);
	const counted = reviews.filter(({ userId, subject }) => taken.has(`${userId} ${subject.id}`));
	const byCourse = Map.groupBy(counted, ({ subject }) => subject.id as string);
	for (const { _id, rating, ratingCount = 0 } of courses) {
		const stars = (byCourse.get(_id) ?? []).map(review => review.rating as number);
		const sum = stars.reduce((s, star) => s + star, 0);
		const mean = stars.length > 0 ? Math.round((10 * sum) / stars.length) / 10 : undefined;
		if (ratingCount !== stars.length || rating !== mean)
			yield `${_id} shows ${rating} of ${ratingCount} reviews, and has ${mean} of ${stars.length}`;
	}
}

/** What a teacher is told of a course is what its seats and payments come to. */
function* misreckoned({ courses, seats, payments, figures }: Found) {
	const byCourse = Map.groupBy(seats, ({ courseId }) => courseId as string);
	const paid = Map.groupBy(payments, ({ payable }) => payable.id as string);
	for (const { _id } of courses) {
		const there = (byCourse.get(_id) ?? []).filter(({ status }) => status !== "dropped");
		const completed = there.filter(({ status }) => status === "completed").length;
		const own = paid.get(_id) ?? [];
		const sum = (of: (payment: Raw) => number) => own.reduce((s, p) => s + of(p), 0);
		const revenue = sum(p => (p.capturedAt ? p.amountMinor : 0));
		const refunded = sum(p => (p.capturedAt ? (p.refundedMinor ?? 0) : 0));
		const { students = 0, completed: done = 0, money = {} }: Partial<Raw> = figures.get(_id) ?? {};
		const { revenueMinor = 0, refundedMinor = 0 } = money.USD ?? {};
		const shown = [students, done, revenueMinor, refundedMinor].join(", ");
		const right = [there.length, completed, revenue, refunded].join(", ");
		if (shown !== right)
			yield `the figures of ${_id} (students, completed, revenue, refunded) are ${shown}, not ${right}`;
	}
}
