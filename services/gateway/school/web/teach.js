import { get } from "./api.js";
import { cover } from "./cover.js";
import { html, nothing } from "./lit-html.js";
import { bones, empty, icon, loading, stars, trouble } from "./parts.js";
import { revenuePlot } from "./plot.js";
import { daily } from "./series.js";
import { user } from "./session.js";
import { minor, percent, some } from "./words.js";

export const statusTag = status =>
	html`<span class="tag" data-tone=${status === "published" ? "good" : status === "draft" ? "warning" : nothing}>${
		{ published: "Published", draft: "Draft", archived: "Archived" }[status]
	}</span>`;

/** What was earned, by currency. */
const earned = money =>
	money.length === 0
		? "–"
		: money.map(({ netMinor, currency }) => minor(netMinor, currency)).join(" + ");

export const tiles = entries =>
	html`<dl class="tiles">${entries.map(([name, value]) => html`<div class="card"><dt>${name}</dt><dd class="number">${value}</dd></div>`)}</dl>`;

/** A plot for each currency that money came in. */
export const plots = ({ from, to, days, money }) => {
	const currencies = money.map(({ currency }) => currency);
	if (currencies.length === 0)
		return html`<p class="quiet">Nobody has paid for anything yet. What comes in will be drawn here, day by day.</p>`;
	return html`<div class="plots">${currencies.map(currency =>
		revenuePlot(
			daily(from, to, days, one => one.money.find(sum => sum.currency === currency)?.netMinor ?? 0),
			currency,
			currencies.length,
		),
	)}</div>`;
};

const row = course => html`
	<li class="card taught">
		<div class="picture">${cover(course.courseId)}</div>
		<div class="grow">
			<h3><a href="#/teach/${course.courseId}">${course.title}</a></h3>
			<p class="line">${statusTag(course.status)} ${stars(course.rating ?? 0, course.ratingCount)}</p>
			<p class="fine">${[
				some(course.students, "student"),
				`${percent(course.completionRate)} completed`,
				...(course.money.length > 0 ? [earned(course.money)] : []),
			].join(" · ")}</p>
		</div>
		<a class="button small" href="#/teach/${course.courseId}/students">Students</a>
	</li>`;

/** The teacher's courses, with what comes of them. */
export async function teachPage(view) {
	view.title("Teach");
	const head = html`<div class="page-head"><h1>Your teaching</h1><a class="button main" href="#/teach/new">${icon("plus")}New course</a></div>`;
	view.busy(html`${loading("Asking for your courses")}${head}${bones(3, "stack")}`);
	const { signal } = view;
	let problem;
	const figures = await get("/api/figures/teaching?pageSize=100", { signal }).catch(failed => {
		if (signal.aborted) throw failed;
		problem = failed;
	});
	// Figures are a service of their own: without them the courses are there all the same.
	const courses = figures
		? figures.items
		: (
				await get(`/api/courses?teacherId=${user().id}&status=all&pageSize=100`, { signal })
			).items.map(({ id, enrollmentCount, ...course }) => ({
				...course,
				courseId: id,
				students: enrollmentCount,
				completionRate: 0,
				money: [],
			}));
	const overview = () => {
		const { totals } = figures;
		return html`
			${tiles([
				["Students", totals.students.toLocaleString("en")],
				[
					"Completed",
					`${totals.completed.toLocaleString("en")} (${percent(totals.completionRate)})`,
				],
				["Earned", earned(totals.money)],
			])}
			<section class="card section" aria-labelledby="revenue-title"><h2 id="revenue-title">Revenue</h2>${plots({ ...figures, money: totals.money })}</section>`;
	};
	view.draw(html`
		${head}
		${problem ? trouble(problem) : nothing}
		${
			courses.length === 0
				? empty(
						"Your first course",
						"Begin with a title. You add sections, lectures and videos at your own pace, and publish it when it is ready.",
						html`<a class="button main" href="#/teach/new">Make a course</a>`,
					)
				: html`${figures ? overview() : nothing}
					<section class="section" aria-labelledby="own-title"><h2 id="own-title">Courses</h2><ul class="stack">${courses.map(row)}</ul></section>`
		}`);
}
