const form = document.querySelector("form");
const error = document.querySelector(".error[role]");
const box = document.querySelector("section");
const list = document.querySelector("ol");
const empty = document.querySelector(".empty");
let token;

async function ask(path, options = {}) {
	const response = await fetch(path, {
		...options,
		headers: {
			"content-type": "application/json",
			...(token && { authorization: `Bearer ${token}` }),
		},
	});
	const body = await response.json();
	if (!response.ok) throw new Error(body.title);
	return body;
}

function make(tag, text, className) {
	const element = document.createElement(tag);
	element.textContent = text;
	if (className) element.className = className;
	return element;
}

/** Text whose web addresses can be followed; nothing else in it is more than text. */
function linked(text) {
	const body = make("div", "", "text");
	for (const part of text.split(/(https?:\/\/\S+)/)) {
		if (!/^https?:\/\//.test(part)) {
			body.append(part);
			continue;
		}
		const link = make("a", part);
		link.href = part;
		body.append(link);
	}
	return body;
}

function item({ to, subject, text, sentAt, template }) {
	const article = document.createElement("article");
	const when = make("time", new Date(sentAt).toLocaleString());
	when.dateTime = sentAt;
	const head = make("p", `To ${to} · `, "head");
	head.append(when);
	article.append(make("h2", subject), head, linked(text));
	article.dataset.template = template;
	const entry = document.createElement("li");
	entry.append(article);
	return entry;
}

async function show() {
	const { items } = await ask("/api/sandbox/mails?pageSize=50");
	list.replaceChildren(...items.map(item));
	empty.hidden = items.length > 0;
	box.hidden = false;
	form.hidden = true;
}

async function attempt(work) {
	error.hidden = true;
	try {
		await work();
	} catch (reason) {
		error.textContent = `That did not work: ${reason.message}`;
		error.hidden = false;
	}
}

form.addEventListener("submit", event => {
	event.preventDefault();
	const { email, password } = form.elements;
	attempt(async () => {
		const account = { email: email.value, password: password.value };
		const signedIn = await ask("/api/auth/login", {
			method: "POST",
			body: JSON.stringify(account),
		});
		token = signedIn.accessToken;
		await show();
	});
});
box.querySelector("button").addEventListener("click", () => attempt(show));
