const svgSpace = "http://www.w3.org/2000/svg";

function fill(made, attributes, children) {
	for (const [key, value] of Object.entries(attributes)) {
		if (value === undefined || value === false) continue;
		if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
		else made.setAttribute(key, value === true ? "" : value);
	}
	made.append(...children.flat().filter(child => child !== undefined && child !== ""));
	return made;
}

/**
 * An element. `attributes` become attributes, those that begin with `on` listeners, `true` an empty one; children are
 * elements or text, never markup.
 */
export const element = (name, attributes = {}, ...children) =>
	fill(document.createElement(name), attributes, children);

/** The same of SVG. */
export const drawn = (name, attributes = {}, ...children) =>
	fill(document.createElementNS(svgSpace, name), attributes, children);

export const byId = id => document.getElementById(id);

/** Sets text only where it is another: what a screen reader has read, it need not read again. */
export function say(target, text) {
	if (target.textContent !== text) target.textContent = text;
}

/** Sets an attribute only where it is another; `undefined` takes it away. */
export function set(target, name, value) {
	if (value === undefined) target.removeAttribute(name);
	else if (target.getAttribute(name) !== String(value)) target.setAttribute(name, String(value));
}

const made = new WeakMap();

/**
 * Makes the children of `parent` the ones of `items`, in their order. A child whose key was there stays, with its focus
 * and whatever is open in it, and is only brought up to date.
 * @param options.make an item's element; @param options.update it, with the item as it is now.
 */
export function keep(parent, items, { key, make, update }) {
	const known = made.get(parent) ?? new Map();
	const next = new Map();
	for (const item of items) {
		const child = known.get(key(item)) ?? make(item);
		update(child, item);
		next.set(key(item), child);
	}
	for (const [name, child] of known) if (!next.has(name)) child.remove();
	let at = parent.firstElementChild;
	for (const child of next.values()) {
		if (child === at) at = at.nextElementSibling;
		else parent.insertBefore(child, at);
	}
	made.set(parent, next);
}
