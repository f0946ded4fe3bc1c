import { get, lastWord, patch, post } from "./api.js";
import { enrollmentOf } from "./course.js";
import { html, nothing } from "./lit-html.js";
import { icon, loading, progressBar, trouble } from "./parts.js";
import { go } from "./router.js";
import { user } from "./session.js";
import { toast } from "./shell.js";
import { attach } from "./video.js";
import { Watched } from "./watched.js";
import { length, percent } from "./words.js";

/** While a video plays, what was watched is told this often, ms. */
const tellMs = 10_000;
/** So near to its end one begins anew, s. */
const endSeconds = 5;

/** What somebody ticked off by hand, for courses whose progress is reported. */
const doneOf = courseId => {
	const place = `zeolite.done.${user()?.id}.${courseId}`;
	const read = () => new Set(JSON.parse(localStorage.getItem(place) ?? "[]"));
	return {
		has: id => read().has(id),
		add: id => localStorage.setItem(place, JSON.stringify([...read().add(id)])),
		count: ids => ids.filter(id => read().has(id)).length,
	};
};

/** Where somebody goes on: the first lecture that is not completed. */
function nextLecture(lectures, enrollment, done) {
	const open = lectures.find(({ id }) => !enrollment?.lectures?.[id]?.completed && !done.has(id));
	return open ?? lectures[0];
}

const outlineLink = (course, current, isDone, isOpen) => lecture =>
	html`<li>
	<a class=${isOpen(lecture) ? "" : "closed"} href="#/learn/${course.id}/${lecture.id}" aria-current=${lecture.id === current ? "true" : nothing}>
		${icon(isDone(lecture.id) ? "check" : isOpen(lecture) ? "play" : "lock")}
		<span class="grow">${lecture.title}${isDone(lecture.id) ? html`<span class="hidden">, done</span>` : nothing}</span>
		${lecture.durationSeconds ? html`<span class="fine number">${length(lecture.durationSeconds)}</span>` : nothing}
	</a>
</li>`;

/** A lecture of a course, with what is next. */
export async function playerPage(view) {
	const { id } = view.params;
	const { signal } = view;
	const [course, found] = await Promise.all([
		get(`/api/courses/${id}`, { signal }),
		enrollmentOf(id, { signal }),
	]);
	let enrollment = found;
	const lectures = course.sections.flatMap(section => section.lectures);
	const done = doneOf(id);
	const isOwn = user()?.id === course.teacherId;
	if (lectures.length === 0) {
		view.title(course.title);
		return view.draw(html`<div class="empty"><h1>${course.title}</h1><p>The teacher has not put anything in yet. You will find it under Learning.</p>
			<a class="button main" href="#/learning">To your courses</a></div>`);
	}
	if (!view.params.lecture)
		return go(`#/learn/${id}/${nextLecture(lectures, enrollment, done).id}`, { replace: true });
	const at = lectures.findIndex(lecture => lecture.id === view.params.lecture);
	const next = lectures[at + 1];
	const before = lectures[at - 1];
	const askLecture = () => get(`/api/lectures/${view.params.lecture}`, { signal });
	let lecture;
	let closed;
	try {
		lecture = await askLecture();
	} catch (problem) {
		if (problem.code !== "ENROLLMENT_REQUIRED") throw problem;
		closed = problem;
		lecture = lectures[at];
	}

	let problem;
	let isBroken = false;
	let certificate;
	const isReported = course.completionRule !== "watched";
	const isDone = lectureId =>
		Boolean(enrollment?.lectures?.[lectureId]?.completed) || done.has(lectureId);
	const isOpen = ({ isPreview }) => Boolean(enrollment) || isOwn || isPreview;
	const path = `/api/enrollments/course/${id}/progress`;

	function learn(answer) {
		const wasOpen = enrollment.status === "active";
		const wasDone = isDone(lecture.id);
		enrollment = { ...enrollment, ...answer };
		if (wasOpen && enrollment.status === "completed") toast("You have completed this course.");
		else if (!wasDone && isDone(lecture.id)) toast("Lecture completed.");
		draw();
	}

	const watched = new Watched();
	let telling;
	/** The stretch that one is in comes last: there one goes on another time. */
	const report = intervals => {
		const at = video()?.currentTime ?? 0;
		const apart = ([from, to]) => Math.max(from - at, at - to, 0);
		return { lectureId: lecture.id, intervals: intervals.toSorted((a, b) => apart(b) - apart(a)) };
	};
	const video = () => document.querySelector("#video");

	/** Tells what was watched, one thing after the other. */
	async function tell() {
		if (!enrollment || telling) return;
		const intervals = watched.take();
		if (intervals.length === 0) return;
		telling = patch(path, report(intervals));
		try {
			learn(await telling);
			problem = undefined;
			const told = enrollment.lectures?.[lecture.id];
			if (told && !told.completed) watched.counted(told.watchedSeconds);
		} catch (failed) {
			watched.giveBack(intervals);
			// It is told again with the next; only what will not go away is shown.
			if (failed.status === 409) problem = failed;
			draw();
		}
		telling = undefined;
	}

	/** The page goes away: what was watched goes out with it. */
	function tellLast() {
		const element = video();
		if (element && !element.paused) watched.look(element.currentTime, element.playbackRate);
		const intervals = enrollment ? watched.take() : [];
		if (intervals.length > 0) lastWord("PATCH", path, report(intervals));
	}

	async function tickOff() {
		done.add(lecture.id);
		const share = (done.count(lectures.map(({ id }) => id)) / lectures.length) * 100;
		try {
			const { totalWatchTime } = enrollment;
			learn(
				await patch(path, { progressPercentage: Math.floor(share * 100) / 100, totalWatchTime }),
			);
			if (next && enrollment.status !== "completed") go(`#/learn/${id}/${next.id}`);
		} catch (failed) {
			problem = failed;
			draw();
		}
	}

	async function getCertificate() {
		try {
			certificate = await post(`/api/enrollments/${enrollment.id}/certificate`);
			problem = undefined;
		} catch (failed) {
			problem = failed;
		}
		draw();
	}

	const stage = () => {
		if (closed)
			return html`<div class="stage closed"><div>${icon("lock")}<p>This lecture is for those who have the course.</p>
				<a class="button main" href="#/courses/${id}">To the course</a></div></div>`;
		if (lecture.videoUrl && !isBroken)
			return html`<div class="stage"><video id="video" controls playsinline preload="metadata" aria-label=${lecture.title}></video></div>`;
		if (isBroken)
			return html`<div class="stage closed"><div><p>This video cannot be played at the moment.</p>
				<button type="button" @click=${() => location.reload()}>Try again</button></div></div>`;
		if (lecture.content) return nothing;
		return html`<div class="stage closed"><div><p>${isOwn ? "There is no video yet. Upload one on the course's page." : "The video is not there yet."}</p>
			${isOwn ? html`<a class="button" href="#/teach/${id}">Edit this course</a>` : nothing}</div></div>`;
	};

	const finished = () => html`
		<div class="notice finished">
			<h2>You have completed this course</h2>
			${
				certificate
					? html`<p>Your certificate is ready, ${certificate.studentName || "well done"}.</p>
						<div class="buttons"><a class="button main" href="/certificates/${certificate.id}">Open the certificate</a>
						<a class="button" href="/api/certificates/${certificate.id}/pdf">As PDF</a></div>`
					: html`<p>Well done. There is a certificate with your name on it.</p>
						<button type="button" class="main" @click=${getCertificate}>${icon("award")}Get the certificate</button>`
			}
		</div>`;

	const steps = () => html`
		<nav class="steps" aria-label="Lectures">
			${before ? html`<a class="button" href="#/learn/${id}/${before.id}">${icon("back")}Back</a>` : html`<span></span>`}
			${
				enrollment?.status === "active" && isReported && !isDone(lecture.id) && !closed
					? html`<button type="button" class="main" @click=${tickOff}>${icon("check")}${next ? "Done, go on" : "Done"}</button>`
					: next
						? html`<a class="button main" href="#/learn/${id}/${next.id}">Next${icon("next")}</a>`
						: html`<a class="button" href="#/courses/${id}">To the course</a>`
			}
		</nav>`;

	const current = view.params.lecture;
	const template = () => html`
		<div class="player">
			<div class="lecture">
				${stage()}
				<p class="fine crumbs"><a href="#/courses/${id}">${course.title}</a></p>
				<h1>${lecture.title}</h1>
				${problem ? trouble(problem) : nothing}
				${enrollment?.status === "completed" ? finished() : nothing}
				${lecture.content ? html`<p class="prose content">${lecture.content}</p>` : nothing}
				${steps()}
			</div>
			<aside class="contents card" aria-labelledby="contents-title">
				<h2 id="contents-title">Contents</h2>
				${
					enrollment
						? html`<div class="how-far">${progressBar(enrollment.progressPercentage, "Progress in this course")}
							<p class="fine number" role="status">${percent(enrollment.progressPercentage)} done</p></div>`
						: nothing
				}
				${course.sections.map(
					section =>
						html`<h3>${section.title}</h3><ol>${section.lectures.map(outlineLink(course, current, isDone, isOpen))}</ol>`,
				)}
			</aside>
		</div>`;
	const draw = () => view.draw(template());

	view.title(`${lecture.title}, ${course.title}`);
	view.busy(loading());
	draw();
	const element = video();
	if (!element) return;

	attach(element, lecture, {
		ask: askLecture,
		signal,
		onTrouble: () => {
			isBroken = true;
			draw();
		},
	});
	const listen = (name, listener) => element.addEventListener(name, listener, { signal });
	listen("loadedmetadata", () => {
		const from = enrollment?.lectures?.[lecture.id]?.lastPosition ?? 0;
		if (element.currentTime === 0 && from > 0 && from < element.duration - endSeconds)
			element.currentTime = from;
	});
	const look = () => !element.seeking && watched.look(element.currentTime, element.playbackRate);
	listen("timeupdate", () => !element.paused && look());
	listen("playing", () => {
		watched.cut();
		look();
	});
	listen("seeking", () => watched.cut());
	listen("pause", () => {
		look();
		watched.cut();
		void tell();
	});
	listen("ended", () => void tell());
	const timer = setInterval(() => void tell(), tellMs);
	addEventListener("pagehide", tellLast, { signal });
	document.addEventListener("visibilitychange", () => document.hidden && void tell(), { signal });
	signal.addEventListener("abort", () => {
		clearInterval(timer);
		tellLast();
	});
}
