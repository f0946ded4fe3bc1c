import type { ServerResponse } from "node:http";
import { aliasesOf, type Result } from "../../../../kernel/contract.ts";
import type { Contracts } from "../../../../kernel/contracts.ts";
import { escapeHtml } from "../../../../kernel/html.ts";
import { codeOfSlug } from "../problems.ts";
import type { Request } from "../request.ts";

export type Explained = Result<"api.problem">;

/** What a code means, by the last part of its `type`, and which actions say that they answer with it. */
export function explain(contracts: Contracts, slug: string): Explained | undefined {
	const code = codeOfSlug(slug);
	const found = contracts.problem(code);
	if (!found) return undefined;
	const { status, title, explanation } = found;
	const actions = [...contracts.actions]
		.filter(([, { errors = {} }]) => Object.hasOwn(errors, code))
		.map(([name]) => name);
	return { code, status, title, ...(explanation && { explanation }), actions };
}

const marked = (text: string): string => escapeHtml(text).replace(/`([^`]+)`/g, "<code>$1</code>");

/** The same as a page that needs nothing but this host's style. */
export function problemPage(explained: Explained, contracts: Contracts): string {
	const { code, status, title, explanation, actions } = explained;
	const items = actions.flatMap(name => {
		const action = contracts.action(name);
		const [alias] = action ? aliasesOf(action) : [];
		if (!action || !alias) return [];
		const words = action.errors?.[code]?.title ?? title;
		const link = `<a href="/docs#${escapeHtml(name)}"><code>${escapeHtml(alias)}</code></a>`;
		return `\n\t\t\t\t<li>${link}<br>${marked(words)}</li>`;
	});
	const where =
		items.length > 0
			? `<h2>Who answers with it</h2>\n\t\t\t<ul class="where">${items.join("")}\n\t\t\t</ul>`
			: "<p>Any request may be answered so.</p>";
	return `<!doctype html>
<html lang="en">
	<head>
		<meta charset="utf-8">
		<meta name="viewport" content="width=device-width, initial-scale=1">
		<title>${escapeHtml(code)}: ${escapeHtml(title)}</title>
		<link rel="stylesheet" href="/docs/docs.css">
	</head>
	<body>
		<main class="problem">
			<p><a href="/docs">All operations</a></p>
			<p class="status">${status}</p>
			<h1><code>${escapeHtml(code)}</code></h1>
			<p class="lead">${marked(title)}.</p>${explanation ? `\n\t\t\t<p>${marked(explanation)}</p>` : ""}
			${where}
		</main>
	</body>
</html>
`;
}

/**
 * Where a browser is led that follows a problem's `type`: to the page. Whoever asks for JSON, or does not say, gets
 * JSON. @returns undefined for any other request.
 */
export function pageInstead(request: Request, response: ServerResponse): string | undefined {
	const slug = /^\/problems\/([^/?]+)/.exec(request.target)?.[1];
	if (slug === undefined) return undefined;
	response.appendHeader("vary", "Accept");
	const accept = request.headers.accept ?? "";
	return accept.includes("text/html") && !accept.includes("json")
		? `/docs/problems/${slug}`
		: undefined;
}
