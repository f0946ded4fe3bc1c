import { get, post } from "./api.js";
import { levels } from "./catalogue.js";
import { cover } from "./cover.js";
import { html, nothing } from "./lit-html.js";
import { icon, stars, trouble } from "./parts.js";
import { reviewList } from "./reviews.js";
import { go, signInFirst } from "./router.js";
import { user } from "./session.js";
import { toast } from "./shell.js";
import { length, price, some } from "./words.js";

/** The caller's enrollment in a course; none where nobody is signed in or it was dropped. */
export async function enrollmentOf(courseId, options) {
	if (!user()) return undefined;
	// A list has no answer of its own for none, which a browser would note as an error.
	const { items } = await get(`/api/enrollments?courseId=${courseId}&pageSize=1`, options);
	return items.find(({ userId, status }) => userId === user().id && status !== "dropped");
}

/** How many lectures a course has, and how long they are together, seconds. */
export function measure({ sections }) {
	const lectures = sections.flatMap(section => section.lectures);
	return {
		count: lectures.length,
		seconds: lectures.reduce((sum, { durationSeconds }) => sum + durationSeconds, 0),
	};
}

const lectureLine = (course, isEnrolled) => lecture => {
	const isOpen = isEnrolled || lecture.isPreview;
	const name = html`${icon(isOpen ? "play" : "lock")}<span class="grow">${lecture.title}</span>`;
	return html`<li>
		${
			isOpen
				? html`<a href="#/learn/${course.id}/${lecture.id}">${name}${lecture.isPreview && !isEnrolled ? html`<span class="tag" data-tone="good">Preview</span>` : nothing}</a>`
				: html`<span class="closed">${name}</span>`
		}
		${lecture.durationSeconds ? html`<span class="fine number">${length(lecture.durationSeconds)}</span>` : nothing}
	</li>`;
};

const outline = (course, isEnrolled) =>
	course.sections.length === 0
		? html`<p class="quiet">The teacher has not put anything in yet.</p>`
		: html`<div class="outline">${course.sections.map(
				(section, i) => html`
				<details ?open=${i === 0 || course.sections.length < 4}>
					<summary><h3>${section.title}</h3><span class="fine">${some(section.lectures.length, "lecture")}</span></summary>
					<ol>${section.lectures.map(lectureLine(course, isEnrolled))}</ol>
				</details>`,
			)}</div>`;

/** One course: what it is, what it costs, what is in it, what others say. */
export async function coursePage(view) {
	const { id } = view.params;
	const { signal } = view;
	const [course, enrollment] = await Promise.all([
		get(`/api/courses/${id}`, { signal }),
		enrollmentOf(id, { signal }),
	]);
	const isOwn = user()?.id === course.teacherId;
	let teacher;
	let problem;
	let isBusy = false;

	async function enroll() {
		if (!user()) return go(signInFirst());
		isBusy = true;
		problem = undefined;
		draw();
		try {
			await post("/api/enrollments", { courseId: id }, { key: crypto.randomUUID() });
			toast(`You are in: ${course.title}`);
			go(`#/learn/${id}`);
		} catch (failed) {
			isBusy = false;
			if (failed.code === "ALREADY_ENROLLED") return go(`#/learn/${id}`);
			problem = failed;
			draw();
		}
	}

	const way = () => {
		if (enrollment)
			return html`<a class="button main wide" href="#/learn/${id}">${enrollment.progressPercentage > 0 ? "Go on learning" : "Start learning"}</a>`;
		if (course.status !== "published")
			return html`<p class="notice" data-tone="warning">This course is not for sale at the moment.</p>`;
		return course.price > 0
			? html`<a class="button main wide" href="#/checkout/${id}">Buy this course</a>
				<p class="fine">Not for you? Within 30 days you get back what you have not used.</p>`
			: html`<button type="button" class="main wide" aria-busy=${isBusy} @click=${enroll}>Enroll for free</button>`;
	};

	const { count, seconds } = measure(course);
	const level = levels.find(([name]) => name && name === course.level)?.[1];
	const reviews = reviewList({ course, enrollment, isOwn, view, redraw: () => draw() });

	const template = () => html`
		<article class="course">
			<div class="course-head">
				<p class="fine"><a href="#/">Courses</a>${course.category ? html` · ${course.category}` : nothing}</p>
				<h1>${course.title}</h1>
				${stars(course.rating ?? 0, course.ratingCount ?? 0)}
				${teacher?.name ? html`<p class="quiet">By ${teacher.name}</p>` : nothing}
			</div>
			<aside class="offer card" aria-label="Get this course">
				<div class="picture">${cover(course.id)}</div>
				<p class="offer-price">${enrollment ? "You have this course" : price(course.price, course.currency)}</p>
				${problem ? trouble(problem) : nothing}
				${way()}
				${isOwn ? html`<a class="button wide" href="#/teach/${id}">Edit this course</a>` : nothing}
				<ul class="facts">
					<li>${icon("play")}${some(count, "lecture")}${seconds ? `, ${length(seconds)}` : ""}</li>
					${level ? html`<li>${icon("board")}${level}</li>` : nothing}
					${course.enrollmentCount > 0 ? html`<li>${icon("person")}${some(course.enrollmentCount, "student")}</li>` : nothing}
					<li>${icon("award")}Certificate at the end</li>
				</ul>
			</aside>
			<div class="course-body">
				${course.description ? html`<section><h2>About this course</h2><p class="prose">${course.description}</p></section>` : nothing}
				<section class="section"><h2>What is in it</h2>${outline(course, Boolean(enrollment) || isOwn)}</section>
				<section class="section"><h2>What students say</h2>${reviews.template()}</section>
			</div>
		</article>`;
	const draw = () => view.draw(template());

	view.title(course.title);
	draw();
	await Promise.all([
		reviews.load(),
		user() &&
			get(`/api/users/${course.teacherId}`, { signal })
				.then(found => {
					teacher = found;
					draw();
				})
				.catch(() => {}),
	]);
}
