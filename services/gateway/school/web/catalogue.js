import { get, queryOf } from "./api.js";
import { cover } from "./cover.js";
import { html, nothing } from "./lit-html.js";
import { bones, empty, icon, loading, stars, trouble } from "./parts.js";
import { rewrite } from "./router.js";
import { price, some } from "./words.js";

const pageSize = 12;
/** After the last key, ms. */
const typingMs = 250;

const sorts = [
	["", "Newest"],
	["popular", "Most popular"],
	["rating", "Best rated"],
	["price", "Price, low to high"],
	["-price", "Price, high to low"],
	["title", "A to Z"],
];
export const levels = [
	["", "Any level"],
	["beginner", "For beginners"],
	["intermediate", "Intermediate"],
	["advanced", "Advanced"],
	["all", "For everyone"],
];
const prices = [
	["", "Any price"],
	["true", "Free"],
	["false", "Paid"],
];

/** A course as it stands among others. */
export const courseCard = course => html`
	<li class="course-card">
		<a href="#/courses/${course.id}">
			<div class="picture">${cover(course.id)}</div>
			<div class="says">
				<h3>${course.title}</h3>
				${course.category ? html`<p class="fine">${course.category}</p>` : nothing}
				${stars(course.rating ?? 0, course.ratingCount ?? 0)}
				<p class="price-line">
					<strong>${price(course.price, course.currency)}</strong>
					${course.enrollmentCount > 0 ? html`<span class="fine">${some(course.enrollmentCount, "student")}</span>` : nothing}
				</p>
			</div>
		</a>
	</li>`;

const chooser = (name, label, options, value, onChange) => html`
	<label class="chooser"><span class="hidden">${label}</span>
		<select name=${name} @change=${onChange}>${options.map(
			([option, text]) =>
				html`<option value=${option} ?selected=${option === value}>${text}</option>`,
		)}</select>
	</label>`;

/** Courses to choose from. */
export async function cataloguePage(view) {
	const state = {
		wanted: {
			q: view.query.get("q") ?? "",
			sort: view.query.get("sort") ?? "",
			level: view.query.get("level") ?? "",
			free: view.query.get("free") ?? "",
		},
		items: [],
		total: 0,
		next: undefined,
		phase: "loading",
	};
	let asked = 0;

	const draw = () => view.draw(template());

	/** @param cursor of the next page; none: from the beginning */
	async function load(cursor) {
		const mine = ++asked;
		state.phase = "loading";
		draw();
		try {
			const query = queryOf({ ...state.wanted, pageSize, cursor });
			const page = await get(`/api/courses${query}`, { signal: view.signal });
			if (mine !== asked) return;
			state.items = cursor ? [...state.items, ...page.items] : page.items;
			state.total = page.total;
			state.next = page.nextCursor;
			state.phase = "ready";
		} catch (problem) {
			if (mine !== asked || view.signal.aborted) return;
			state.phase = "failed";
			state.problem = problem;
		}
		draw();
	}

	let timer;
	const want = (name, value, waitMs = 0) => {
		if (state.wanted[name] === value) return;
		state.wanted[name] = value;
		rewrite(`#/${queryOf(state.wanted)}`);
		clearTimeout(timer);
		timer = setTimeout(() => load(), waitMs);
	};
	const choose = ({ target }) => want(target.name, target.value);

	const isFiltered = () => Object.values(state.wanted).some(Boolean);
	const showAll = () => {
		state.wanted = { q: "", sort: "", level: "", free: "" };
		rewrite("#/");
		document.getElementById("q").value = "";
		void load();
	};

	const found = () => {
		if (state.phase === "loading" && state.items.length === 0)
			return html`${loading("Looking for courses")}${bones(6, "course-grid")}`;
		if (state.phase === "failed" && state.items.length === 0)
			return trouble(state.problem, () => load());
		if (state.items.length === 0)
			return isFiltered()
				? empty(
						"No course fits",
						"Try another word, or fewer filters.",
						html`<button type="button" @click=${showAll}>Show all courses</button>`,
					)
				: empty("No courses yet", "As soon as a teacher publishes one it will stand here.");
		return html`
			<ul class="course-grid" aria-busy=${state.phase === "loading"}>${state.items.map(courseCard)}</ul>
			${state.phase === "failed" ? trouble(state.problem, () => load(state.next)) : nothing}
			${
				state.next
					? html`<p class="more"><button type="button" ?disabled=${state.phase === "loading"} @click=${() => load(state.next)}>Show more</button></p>`
					: nothing
			}`;
	};

	const count = () => {
		if (state.phase !== "ready") return "";
		return isFiltered() ? `${some(state.total, "course")} found` : some(state.total, "course");
	};

	const template = () => html`
		<div class="hero">
			<h1>Learn it from somebody who does it.</h1>
			<p>Short courses to watch, step by step, with a certificate at the end.</p>
			<form class="search" role="search" @submit=${event => event.preventDefault()}>
				<label class="hidden" for="q">Search for courses</label>
				${icon("search")}
				<input id="q" name="q" type="search" maxlength="200" placeholder="What would you like to learn?" autocomplete="off" .value=${view.query.get("q") ?? ""}
					@input=${({ target }) => want("q", target.value.trim(), typingMs)}>
			</form>
		</div>
		<section aria-labelledby="courses-title">
			<div class="shelf-head">
				<h2 id="courses-title">Courses</h2>
				<p class="fine" role="status">${count()}</p>
				<div class="choosers">
					${chooser("level", "Level", levels, state.wanted.level, choose)}
					${chooser("free", "Price", prices, state.wanted.free, choose)}
					${chooser("sort", "Sort by", sorts, state.wanted.sort, choose)}
				</div>
			</div>
			${found()}
		</section>`;

	view.title("Courses");
	await load();
}
