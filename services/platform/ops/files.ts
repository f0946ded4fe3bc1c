import { readFile } from "node:fs/promises";

const style = "text/css; charset=utf-8";
const script = "text/javascript; charset=utf-8";

const types = {
	"ops.css": style,
	"mesh.css": style,
	"lists.css": style,
	"ops.js": script,
	"api.js": script,
	"calls.js": script,
	"crystal.js": script,
	"dom.js": script,
	"errors.js": script,
	"explain.js": script,
	"facts.js": script,
	"nodes.js": script,
	"overview.js": script,
	"plot.js": script,
	"poll.js": script,
	"words.js": script,
} as const;

const read = (name: string) => readFile(`${import.meta.dirname}/page/${name}`, "utf8");

/** The page, as an action answers with it. */
export const opsPage = async () => ({
	contentType: "text/html; charset=utf-8",
	content: await read("ops.html"),
});

/** Whether `name` is one of the files that the page needs. */
export const isOpsFile = (name: string): name is keyof typeof types => Object.hasOwn(types, name);

/** One of those files, as an action answers with it. */
export const opsFile = async (name: keyof typeof types) => ({
	contentType: types[name],
	content: await read(name),
});
