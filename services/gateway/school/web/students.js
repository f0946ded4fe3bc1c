import { all, get } from "./api.js";
import { html, nothing } from "./lit-html.js";
import { bones, empty, loading, progressBar } from "./parts.js";
import { plots, tiles } from "./teach.js";
import { day, initials, percent } from "./words.js";

const shown = 200;

/** Who is in a course, how far they are, and what they paid. */
export async function studentsPage(view) {
	const { id } = view.params;
	const { signal } = view;
	view.title("Students");
	view.busy(
		html`${loading("Asking for the students")}<div class="page-head"><h1>Students</h1></div>${bones(4, "stack")}`,
	);
	const [course, enrollments, figures] = await Promise.all([
		get(`/api/courses/${id}`, { signal }),
		all(`/api/enrollments?courseId=${id}`, shown, { signal }),
		get(`/api/figures/courses/${id}`, { signal }).catch(() => undefined),
	]);
	const there = enrollments.filter(({ status }) => status !== "dropped");
	const names = new Map(
		await Promise.all(
			there.map(async ({ userId }) => [
				userId,
				(await get(`/api/users/${userId}`, { signal }).catch(() => undefined))?.name || "A student",
			]),
		),
	);
	const row = ({ userId, progressPercentage, status, enrolledAt }) => html`
		<tr>
			<th scope="row"><span class="avatar" aria-hidden="true">${initials(names.get(userId))}</span>${names.get(userId)}</th>
			<td class="how-far">${progressBar(progressPercentage, `Progress of ${names.get(userId)}`)}</td>
			<td class="number">${status === "completed" ? "Completed" : percent(progressPercentage)}</td>
			<td class="number since">${day(enrolledAt)}</td>
		</tr>`;
	view.draw(html`
		<p class="fine crumbs"><a href="#/teach">Your teaching</a> · <a href="#/teach/${id}">${course.title}</a></p>
		<div class="page-head"><h1>Students</h1></div>
		${
			figures
				? html`${tiles([
						["Students", figures.students],
						["Completed", `${figures.completed} (${percent(figures.completionRate)})`],
						["Rating", figures.ratingCount ? `${figures.rating} of 5` : "–"],
					])}<section class="card section" aria-labelledby="revenue-title"><h2 id="revenue-title">Revenue</h2>${plots(figures)}</section>`
				: nothing
		}
		<section class="section" aria-labelledby="who-title"><h2 id="who-title">Who is in it</h2>
		${
			there.length === 0
				? empty("Nobody yet", "Who enrolls will stand here, with how far they are.")
				: html`<div class="card"><table class="students"><thead><tr><th scope="col">Name</th><th scope="col"><span class="hidden">Bar</span></th><th scope="col" class="number">Progress</th><th scope="col" class="number since">Since</th></tr></thead>
					<tbody>${there.map(row)}</tbody></table></div>
					${enrollments.length >= shown ? html`<p class="fine">The newest ${shown} are shown.</p>` : nothing}`
		}</section>`);
}
