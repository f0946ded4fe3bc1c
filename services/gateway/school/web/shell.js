import { html, nothing, render } from "./lit-html.js";
import { icon, mark } from "./parts.js";
import { isTeacher, user } from "./session.js";

const byId = id => document.getElementById(id);
const toastMs = 7_000;

let path = [];
let unread = 0;

const places = () => [
	{ href: "#/", name: "Courses", sign: "book", isHere: path.length === 0 || path[0] === "courses" },
	...(user()
		? [
				{
					href: "#/learning",
					name: "Learning",
					sign: "play",
					isHere: ["learning", "learn"].includes(path[0]),
				},
			]
		: []),
	...(isTeacher()
		? [{ href: "#/teach", name: "Teach", sign: "board", isHere: path[0] === "teach" }]
		: []),
	user()
		? { href: "#/account", name: "Account", sign: "person", isHere: path[0] === "account" }
		: { href: "#/sign-in", name: "Sign in", sign: "person", isHere: path[0] === "sign-in" },
];

const bell = () => html`
	<a class="button plain square bell" href="#/notices" aria-label=${unread > 0 ? `Notifications, ${unread} unread` : "Notifications"} aria-current=${path[0] === "notices" ? "page" : nothing}>
		${icon("bell")}${unread > 0 ? html`<span class="count" aria-hidden="true">${unread > 99 ? "99+" : unread}</span>` : nothing}
	</a>`;

function draw() {
	render(
		html`
			<a class="brand" href="#/">${mark}<span>Zeolite School</span></a>
			<nav class="places" aria-label="School">
				${places().map(
					({ href, name, sign, isHere }) =>
						html`<a href=${href} aria-current=${isHere ? "page" : nothing}>${icon(sign)}<span>${name}</span></a>`,
				)}
			</nav>
			${user() ? bell() : nothing}`,
		byId("top"),
	);
}

/** Shows where one is. */
export function here(next) {
	path = next;
	draw();
}

/** Shows how many notifications are unread. */
export function showUnread(count) {
	unread = count;
	draw();
}

/** Tells what has just happened, in passing; `link` leads to where there is more. */
export function toast(text, link) {
	const box = document.createElement("div");
	box.className = "toast";
	const remove = () => box.remove();
	render(
		html`<p>${text}</p>${link ? html`<a class="button small" href=${link.href} @click=${remove}>${link.name}</a>` : nothing}
			<button type="button" class="small" aria-label="Dismiss" @click=${remove}>✕</button>`,
		box,
	);
	byId("toasts").append(box);
	setTimeout(remove, toastMs);
}
