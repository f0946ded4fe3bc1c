import { html, nothing, svg } from "./lit-html.js";
import { wordsOf } from "./problems.js";
import { some } from "./words.js";

const strokes = {
	bell: "M6 9a6 6 0 0 1 12 0c0 6 2.5 7 2.5 7h-17S6 15 6 9M10 20a2 2 0 0 0 4 0",
	book: "M4 5.5A2.5 2.5 0 0 1 6.5 3H20v15H6.5A2.5 2.5 0 0 0 4 20.5zM4 20.5A2.5 2.5 0 0 0 6.5 21H20v-3",
	play: "M8 5.5v13l10.5-6.5z",
	person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8M4.5 20.5a7.5 7.5 0 0 1 15 0",
	board: "M3 4h18v12H3zM8 21l4-5 4 5",
	check: "M5 12.5l4.5 4.5L19 7.5",
	lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
	up: "M12 19V5M6 11l6-6 6 6",
	down: "M12 5v14M6 13l6 6 6-6",
	bin: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
	pen: "M4 20l1-4L16 5l3 3L8 19z",
	plus: "M12 5v14M5 12h14",
	search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14M20 20l-4-4",
	award: "M12 14a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11M8.5 13l-1.5 8 5-2.5 5 2.5-1.5-8",
	next: "M9 5l7 7-7 7",
	back: "M15 5l-7 7 7 7",
	text: "M5 6h14M5 11h14M5 16h9",
};

/** A sign beside a word; who hears the page hears the word alone. */
export const icon = name =>
	svg`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${strokes[name]}></path></svg>`;

/** The mark: one crystal of the mesh. */
export const mark = svg`<svg viewBox="0 0 24 24" aria-hidden="true">
	<path class="light" d="M12 12L3 7l9-5 9 5z"></path>
	<path class="mid" d="M12 12l9-5v10l-9 5z"></path>
	<path class="dark" d="M12 12v10l-9-5V7z"></path>
</svg>`;

const hollow = svg`<svg viewBox="0 0 48 48" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linejoin="round" aria-hidden="true">
	<path d="M24 4l17 10v20L24 44 7 34V14z"></path>
	<path stroke-dasharray="3 3" d="M24 24L7 14m17 10l17-10M24 24v20"></path>
</svg>`;

/** Where there is nothing: why, and what one can do. */
export const empty = (heading, text, action = nothing) => html`
	<div class="empty">${hollow}
		<h2>${heading}</h2>
		<p>${text}</p>
		${action}
	</div>`;

/** What could not be had, and once more. */
export const failure = (problem, retry) => html`
	<div class="empty" role="alert">${hollow}
		<h1>That did not work</h1>
		<p>${wordsOf(problem)}</p>
		${problem.members?.requestId ? html`<p class="fine">Request ${problem.members.requestId}</p>` : nothing}
		<button type="button" class="main" @click=${retry}>Try again</button>
	</div>`;

/** What is not there. */
export const gone = (text = "It may have been moved or taken down, or it is not for you.") => html`
	<div class="empty">${hollow}
		<h1>There is nothing here</h1>
		<p>${text}</p>
		<a class="button main" href="#/">To the courses</a>
	</div>`;

/** A sentence where a part of a page could not be had. */
export const trouble = (problem, retry) => html`
	<div class="notice" data-tone="bad" role="alert">
		<p>${wordsOf(problem)}</p>
		${retry ? html`<button type="button" class="small" @click=${retry}>Try again</button>` : nothing}
	</div>`;

/** Bones of `count` cards, while the real ones are asked for. */
export const bones = (count, shape) => html`
	<div class=${shape} aria-hidden="true">
		${Array.from({ length: count }, () => html`<div class="bone bone-card"></div>`)}
	</div>`;

export const loading = (what = "Loading") => html`<p class="hidden" role="status">${what}</p>`;

const star = "M12 2.5l2.9 6.1 6.6.9-4.8 4.6 1.2 6.6L12 17.5l-5.9 3.2 1.2-6.6L2.5 9.5l6.6-.9z";

/** A rating of 1 to 5, in stars and in words, one person's where no count is given; nothing where nobody has said. */
export function stars(rating, count) {
	if (count === 0) return nothing;
	const of = count === undefined ? "" : ` from ${some(count, "review")}`;
	return html`<span class="stars" role="img" aria-label="${rating.toFixed(1)} of 5${of}">
		<svg viewBox="0 0 120 24" aria-hidden="true">
			${[0, 1, 2, 3, 4].map(
				i =>
					svg`<path transform="translate(${i * 24} 0)" class=${i < Math.round(rating) ? "full" : "hollow"} d=${star}></path>`,
			)}
		</svg>
		<span aria-hidden="true" class="number">${rating.toFixed(1)}${count ? html` <span class="fine">(${count})</span>` : nothing}</span>
	</span>`;
}

/** How far one is, as a bar with words for who hears it. */
export const progressBar = (value, label) =>
	html`<progress max="100" .value=${value} aria-label=${label}></progress>`;
