import { element, listing, newId } from "./dom.js";

const quoted = text => `'${text.replaceAll("'", `'\\''`)}'`;

/** The request as a command; the token stays out of it. */
function asCurl({ method, url, headers, body }) {
	const lines = [`curl -i -X ${method} ${quoted(url)}`];
	for (const [name, value] of Object.entries(headers))
		lines.push(
			name === "authorization"
				? `-H "authorization: Bearer $TOKEN"`
				: `-H ${quoted(`${name}: ${value}`)}`,
		);
	if (body !== undefined) lines.push(`--data-raw ${quoted(body)}`);
	return lines.join(" \\\n  ");
}

function input(parameter) {
	const id = newId("param");
	const control = element("input", {
		id,
		name: parameter.name,
		autocomplete: "off",
		spellcheck: "false",
		placeholder: parameter.example === undefined ? undefined : String(parameter.example),
		required: parameter.required === true,
	});
	const text = `${parameter.name} (${parameter.in}${parameter.required ? ", required" : ""})`;
	return { parameter, control, row: [element("label", { for: id }, text), control] };
}

/** What the form says now. */
function requestOf({ method, path, hasBody }, inputs, text, token) {
	const headers = {};
	const query = new URLSearchParams();
	let target = path;
	for (const { parameter, control } of inputs) {
		const { value } = control;
		if (parameter.in === "path")
			target = target.replace(`{${parameter.name}}`, encodeURIComponent(value));
		else if (value === "") continue;
		else if (parameter.in === "query") query.append(parameter.name, value);
		else headers[parameter.name.toLowerCase()] = value;
	}
	if (token) headers.authorization = `Bearer ${token}`;
	if (hasBody) headers["content-type"] = "application/json";
	const search = query.size > 0 ? `?${query}` : "";
	return {
		method: method.toUpperCase(),
		url: `${location.origin}${target}${search}`,
		headers,
		body: hasBody ? text : undefined,
	};
}

const parsed = text => {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
};

/** An answer with its headers; of a problem with the page that explains it, of a sign-in with its token to be taken. */
function answerView(response, text, ms, session) {
	const json = parsed(text);
	const isProblem = response.headers.get("content-type")?.includes("problem+json");
	return [
		element(
			"p",
			{ class: `outcome ${response.ok ? "good" : "bad"}` },
			element("strong", {}, `${response.status} ${response.statusText}`),
			` after ${Math.round(ms)} ms`,
		),
		...(isProblem && json
			? [
					element(
						"p",
						{},
						`${json.detail}. `,
						element("a", { href: json.type }, `What ${json.code} means`),
					),
				]
			: []),
		...(typeof json?.accessToken === "string"
			? [
					element(
						"button",
						{ type: "button", onclick: () => session.take(json.accessToken) },
						"Use this access token from here on",
					),
				]
			: []),
		listing(
			"Headers",
			[...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n"),
		),
		...(text ? [listing("Answer", json === undefined ? text : JSON.stringify(json, null, 2))] : []),
	];
}

/** The form that sends an operation's request and shows what comes back. */
export function attempt(operation) {
	const { parameters, example, hasBody, needsToken, session } = operation;
	const inputs = parameters.map(input);
	const bodyId = newId("body");
	const body = element("textarea", { id: bodyId, rows: "8", spellcheck: "false" });
	body.value = JSON.stringify(example ?? {}, null, 2);
	const curl = listing("As a command", "");
	const answer = element("div", { class: "result", role: "status" });
	const send = element("button", { type: "submit", class: "main" }, "Send");
	const current = () => requestOf(operation, inputs, body.value, session.token());
	const show = () => {
		curl.querySelector("pre").textContent = asCurl(current());
	};

	async function submit(event) {
		event.preventDefault();
		const { url, ...request } = current();
		send.disabled = true;
		answer.replaceChildren("Waiting for the answer.");
		const start = performance.now();
		try {
			const response = await fetch(url, { ...request, credentials: "omit", cache: "no-store" });
			const text = await response.text();
			answer.replaceChildren(...answerView(response, text, performance.now() - start, session));
		} catch (reason) {
			answer.replaceChildren(
				element("p", { class: "outcome bad" }, `No answer: ${reason.message}`),
			);
		} finally {
			send.disabled = false;
		}
	}

	session.onchange(show);
	show();
	return element(
		"form",
		{ class: "attempt", autocomplete: "off", onsubmit: submit, oninput: show },
		inputs.flatMap(({ row }) => row),
		...(hasBody ? [element("label", { for: bodyId }, "Body"), body] : []),
		...(needsToken
			? [element("p", { class: "fine" }, "Needs an access token: register or log in, and take it.")]
			: []),
		curl,
		send,
		answer,
	);
}
