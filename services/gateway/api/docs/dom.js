/**
 * An element. `attributes` become attributes, those that begin with `on` listeners, `true` an empty one; children are
 * elements or text, never markup.
 */
export function element(name, attributes = {}, ...children) {
	const made = document.createElement(name);
	for (const [key, value] of Object.entries(attributes)) {
		if (value === undefined || value === false) continue;
		if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
		else made.setAttribute(key, value === true ? "" : value);
	}
	made.append(...children.flat().filter(child => child !== undefined && child !== ""));
	return made;
}

/** Text in which `code` and **strong** stand out. */
export const marked = text =>
	text
		.split(/(`[^`]+`|\*\*[^*]+\*\*)/)
		.filter(part => part !== "")
		.map(part => {
			if (part.length > 2 && part.startsWith("`")) return element("code", {}, part.slice(1, -1));
			if (part.length > 4 && part.startsWith("**")) return element("strong", {}, part.slice(2, -2));
			return part;
		});

/** Blocks of text, one paragraph each. */
export const paragraphs = text =>
	text.split(/\n\n+/).map(paragraph => element("p", {}, marked(paragraph)));

/** Text as it is, under a caption. */
export const listing = (caption, text) =>
	element("figure", {}, element("figcaption", {}, caption), element("pre", {}, text));

let last = 0;
/** An id that no other element has. */
export const newId = prefix => `${prefix}-${++last}`;
