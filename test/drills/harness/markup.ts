/** Text that may stand in a page as it is. */
export class Markup {
	readonly text: string;

	constructor(text: string) {
		this.text = text;
	}
}

const ENTITIES: Record<string, string> = {
	"&": "&amp;",
	"<": "&lt;",
	">": "&gt;",
	'"': "&quot;",
	"'": "&#39;",
};

/** Safe in text and in quoted attributes. */
export const escaped = (text: string): string => text.replace(/[&<>"']/g, c => ENTITIES[c] ?? c);

type Part = Markup | string | number | readonly Part[];

/** Markup from a template: every value is escaped but for markup itself; a list is its members in a row. */
export function html(texts: TemplateStringsArray, ...parts: Part[]): Markup {
	return new Markup(texts.reduce((all, text, i) => all + show(parts[i - 1] ?? "") + text));
}

function show(part: Part): string {
	if (part instanceof Markup) return part.text;
	return Array.isArray(part) ? part.map(show).join("") : escaped(String(part));
}
