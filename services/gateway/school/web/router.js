import { html, render } from "./lit-html.js";
import { failure, gone } from "./parts.js";
import { isTeacher, user } from "./session.js";

/** Path after `#/` → the module that draws it, loaded when it is first gone to. */
const routes = [
	["", () => import("./catalogue.js"), "cataloguePage"],
	["courses/:id", () => import("./course.js"), "coursePage"],
	["sign-in", () => import("./door.js"), "signInPage"],
	["sign-up", () => import("./door.js"), "signUpPage"],
	["forgot", () => import("./door.js"), "forgotPage"],
	["reset", () => import("./door.js"), "resetPage"],
	["verify-email", () => import("./door.js"), "verifyPage"],
	["checkout/:id", () => import("./checkout.js"), "checkoutPage", "user"],
	["paid/:id", () => import("./checkout.js"), "paidPage", "user"],
	["learning", () => import("./learning.js"), "learningPage", "user"],
	["learn/:id", () => import("./player.js"), "playerPage"],
	["learn/:id/:lecture", () => import("./player.js"), "playerPage"],
	["notices", () => import("./notices.js"), "noticesPage", "user"],
	["account", () => import("./account.js"), "accountPage", "user"],
	["account/purchases", () => import("./purchases.js"), "purchasesPage", "user"],
	["teach", () => import("./teach.js"), "teachPage", "teacher"],
	["teach/new", () => import("./teach-course.js"), "newCoursePage", "teacher"],
	["teach/:id", () => import("./teach-course.js"), "teachCoursePage", "teacher"],
	["teach/:id/students", () => import("./students.js"), "studentsPage", "teacher"],
];

/** What a hash names: its path's parts, and its query. */
export function parse(hash) {
	const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
	return {
		path: path
			.split("/")
			.filter(Boolean)
			.map(part => decodeURIComponent(part)),
		query: new URLSearchParams(query),
	};
}

/** The values of a pattern's params, undefined where the path is another. */
export function match(pattern, path) {
	const parts = pattern.split("/").filter(Boolean);
	if (parts.length !== path.length) return undefined;
	const params = {};
	for (const [i, part] of parts.entries()) {
		if (part.startsWith(":")) params[part.slice(1)] = path[i];
		else if (part !== path[i]) return undefined;
	}
	return params;
}

/** One page that is gone to, as long as one is there. */
class View {
	#controller = new AbortController();
	#root;
	#isFirst;
	#place;

	constructor(root, { params, query, isFirst, place }) {
		this.#root = root;
		this.#isFirst = isFirst;
		this.#place = place;
		this.params = params;
		this.query = query;
	}

	/** Ends with the page: what is asked for it need not be answered. */
	get signal() {
		return this.#controller.signal;
	}

	leave() {
		this.#controller.abort();
	}

	title(text) {
		document.title = `${text} · Zeolite School`;
	}

	/** What is shown while something is asked for. */
	busy(template) {
		if (!this.signal.aborted) render(template, this.#root);
	}

	/** Shows the page; the first time its heading gets the focus, as a page's beginning does. */
	draw(template) {
		if (this.signal.aborted) return;
		render(template, this.#root);
		if (this.#place === undefined) return;
		const place = this.#place;
		this.#place = undefined;
		scrollTo({ top: place, behavior: "instant" });
		if (this.#isFirst) return;
		const heading = this.#root.querySelector("h1");
		heading?.setAttribute("tabindex", "-1");
		(heading ?? this.#root).focus({ preventScroll: true });
	}
}

let view;
let main;
let isFirst = true;
let onChange = () => {};

const here = () => `#/${location.hash.replace(/^#\/?/, "")}`;

/** Goes somewhere; `replace` leaves no way back to here. */
export function go(hash, { replace = false } = {}) {
	if (here() === hash) return show();
	if (replace) location.replace(hash);
	else location.hash = hash;
}

/** Writes the query of the page that is shown, without going anywhere. */
export function rewrite(hash) {
	history.replaceState(history.state, "", hash);
}

export const signInFirst = () => `#/sign-in?next=${encodeURIComponent(here())}`;

/** Shows what the address names. */
export async function show() {
	view?.leave();
	const { path, query } = parse(location.hash);
	const [pattern, load, name, needs] = routes.find(([pattern]) => match(pattern, path)) ?? [];
	onChange(path);
	if ((needs && !user()) || (needs === "teacher" && !isTeacher())) {
		if (!user()) return go(signInFirst(), { replace: true });
	}
	const place = history.state?.place ?? 0;
	const current = new View(main, {
		params: pattern === undefined ? {} : match(pattern, path),
		query,
		isFirst,
		place,
	});
	isFirst = false;
	view = current;
	if (!load) {
		current.title("Not found");
		return current.draw(gone());
	}
	if (needs === "teacher" && !isTeacher()) {
		current.title("For teachers");
		return current.draw(gone("This part of the school is for teachers."));
	}
	// Another template than the last one: no state of an element is taken over.
	current.busy(html`<p class="hidden" role="status">Loading</p>`);
	try {
		await (await load())[name](current);
	} catch (problem) {
		if (current.signal.aborted) return;
		if (problem.status === 401) return go(signInFirst(), { replace: true });
		if (!("code" in problem)) console.error(problem);
		current.title("Something is wrong");
		current.draw(problem.status === 404 ? gone() : failure(problem, show));
	}
}

/** Shows pages in `root` from now on; `change` is told the path of each. */
export function start(root, change) {
	main = root;
	onChange = change;
	history.scrollRestoration = "manual";
	addEventListener("hashchange", () => void show());
	// Where one was on a page is kept with it, for the way back.
	let timer;
	addEventListener(
		"scroll",
		() => {
			clearTimeout(timer);
			timer = setTimeout(() => history.replaceState({ place: scrollY }, ""), 150);
		},
		{ passive: true },
	);
	void show();
}
