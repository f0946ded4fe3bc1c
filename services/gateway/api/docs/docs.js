import { element, paragraphs } from "./dom.js";
import { operationView } from "./operation.js";

const search = document.querySelector("#search");
const found = document.querySelector("#found");
const token = document.querySelector("#token");
const main = document.querySelector("#operations");
const about = document.querySelector("#about");

const listeners = [];
const changed = () => {
	for (const listener of listeners) listener();
};

/** Who is asking: the token lives in its field alone. */
const session = {
	token: () => token.value.trim(),
	take(value) {
		token.value = value;
		changed();
		found.textContent = "The access token is taken.";
	},
	onchange: listener => listeners.push(listener),
};

/** Words by which an operation is found: its path, name, what it says and the codes it answers with. */
const wordsOf = (method, path, operation) =>
	[method, path, operation.operationId, operation.description, JSON.stringify(operation.responses)]
		.join(" ")
		.toLowerCase();

/** An operation, folded; what is in it is made when it is opened. */
function entry(openapi, method, path, operation) {
	const details = element(
		"details",
		{ class: "entry", id: operation.operationId },
		element(
			"summary",
			{},
			element("span", { class: `method ${method}` }, method.toUpperCase()),
			" ",
			element("code", { class: "path" }, path),
			" ",
			element("span", { class: "summary" }, operation.summary.replaceAll("`", "")),
			operation.deprecated ? element("em", {}, " other name") : "",
		),
	);
	details.addEventListener(
		"toggle",
		() => details.append(operationView({ openapi, method, path, operation, session })),
		{ once: true },
	);
	return { details, words: wordsOf(method, path, operation), tag: operation.tags[0] };
}

function section({ name, description }, entries) {
	const id = `tag-${name}`;
	return element(
		"section",
		{ "aria-labelledby": id },
		element("h2", { id }, name),
		element("p", {}, description, "."),
		entries.map(({ details }) => details),
	);
}

/** Shows the operations that have every word; a service without any is not shown. */
function filter(entries, sections) {
	const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
	let count = 0;
	for (const item of entries) {
		const isHit = words.every(word => item.words.includes(word));
		item.details.hidden = !isHit;
		if (isHit) count++;
	}
	for (const shown of sections) shown.hidden = !shown.querySelector("details.entry:not([hidden])");
	about.hidden = words.length > 0;
	found.textContent = count === 1 ? "1 operation" : `${count} operations`;
}

/** Opens the operation that the address names. */
function openNamed() {
	const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
	if (!named?.matches("details.entry")) return;
	named.open = true;
	named.scrollIntoView();
	named.querySelector("summary").focus({ preventScroll: true });
}

async function start() {
	const response = await fetch("/openapi.json", { credentials: "omit" });
	if (!response.ok) throw new Error(`the document is answered with ${response.status}`);
	const openapi = await response.json();
	document.title = `${openapi.info.title} API`;
	document.querySelector("h1").textContent = `${openapi.info.title} API`;
	about.append(...paragraphs(openapi.info.description));
	const entries = Object.entries(openapi.paths).flatMap(([path, methods]) =>
		Object.entries(methods).map(([method, operation]) => entry(openapi, method, path, operation)),
	);
	const sections = openapi.tags.map(tag =>
		section(
			tag,
			entries.filter(item => item.tag === tag.name),
		),
	);
	main.append(...sections);
	document.querySelector("#tags").append(
		element(
			"ul",
			{},
			openapi.tags.map(({ name }) =>
				element("li", {}, element("a", { href: `#tag-${name}` }, name)),
			),
		),
	);
	search.addEventListener("input", () => filter(entries, sections));
	token.addEventListener("input", changed);
	document.querySelector("#signed-in").addEventListener("submit", event => event.preventDefault());
	addEventListener("hashchange", openNamed);
	filter(entries, sections);
	openNamed();
}

start().catch(reason => {
	main.append(
		element("p", { class: "error", role: "alert" }, `Nothing to show: ${reason.message}`),
	);
});
