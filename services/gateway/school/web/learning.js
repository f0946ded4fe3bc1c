import { all, get, post } from "./api.js";
import { cover } from "./cover.js";
import { html, nothing } from "./lit-html.js";
import { bones, empty, icon, loading, progressBar } from "./parts.js";
import { wordsOf } from "./problems.js";
import { toast } from "./shell.js";
import { percent } from "./words.js";

const card = ({ enrollment, course }) => {
	const { progressPercentage, status } = enrollment;
	const isCompleted = status === "completed";
	return html`<li class="course-card mine">
		<a href="#/learn/${enrollment.courseId}">
			<div class="picture">${cover(enrollment.courseId)}</div>
			<div class="says">
				<h3>${course?.title ?? "A course that is gone"}</h3>
				${progressBar(progressPercentage, "Progress")}
				<p class="price-line"><span class="fine number">${percent(progressPercentage)}</span>
					<strong>${isCompleted ? "Completed" : progressPercentage > 0 ? "Go on" : "Start"}</strong></p>
			</div>
		</a>
		${isCompleted ? html`<button type="button" class="plain small" @click=${() => openCertificate(enrollment.id)}>${icon("award")}Certificate</button>` : nothing}
	</li>`;
};

async function openCertificate(enrollmentId) {
	try {
		const { id } = await post(`/api/enrollments/${enrollmentId}/certificate`);
		location.assign(`/certificates/${id}`);
	} catch (problem) {
		toast(wordsOf(problem));
	}
}

/** What somebody is learning, what is nearest to its end first. */
export async function learningPage(view) {
	view.title("Learning");
	view.busy(
		html`${loading("Asking for your courses")}<div class="page-head"><h1>Your courses</h1></div>${bones(3, "course-grid")}`,
	);
	const enrollments = (await all("/api/enrollments", 200, { signal: view.signal })).filter(
		({ status }) => status !== "dropped",
	);
	const items = await Promise.all(
		enrollments.map(async enrollment => ({
			enrollment,
			course: await get(`/api/courses/${enrollment.courseId}`, { signal: view.signal }).catch(
				() => undefined,
			),
		})),
	);
	const open = items.filter(({ enrollment }) => enrollment.status === "active");
	const completed = items.filter(({ enrollment }) => enrollment.status === "completed");
	view.draw(html`
		<div class="page-head"><h1>Your courses</h1></div>
		${
			items.length === 0
				? empty(
						"You have no courses yet",
						"Choose one, and it will wait for you here, at the place where you stopped.",
						html`<a class="button main" href="#/">Look at the courses</a>`,
					)
				: nothing
		}
		${open.length > 0 ? html`<ul class="course-grid">${open.map(card)}</ul>` : nothing}
		${completed.length > 0 ? html`<section class="section"><h2>Completed</h2><ul class="course-grid">${completed.map(card)}</ul></section>` : nothing}`);
}
