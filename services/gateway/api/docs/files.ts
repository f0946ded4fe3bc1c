import { readFile } from "node:fs/promises";

const types = {
	"docs.css": "text/css; charset=utf-8",
	"docs.js": "text/javascript; charset=utf-8",
	"dom.js": "text/javascript; charset=utf-8",
	"operation.js": "text/javascript; charset=utf-8",
	"schema.js": "text/javascript; charset=utf-8",
	"attempt.js": "text/javascript; charset=utf-8",
} as const;

const read = (name: string) => readFile(`${import.meta.dirname}/${name}`, "utf8");

/** The page, as an action answers with it. */
export const docsPage = async () => ({
	contentType: "text/html; charset=utf-8",
	content: await read("docs.html"),
});

/** Whether `name` is one of the files that the page needs. */
export const isDocsFile = (name: string): name is keyof typeof types => Object.hasOwn(types, name);

/** One of those files, as an action answers with it. */
export const docsFile = async (name: keyof typeof types) => ({
	contentType: types[name],
	content: await read(name),
});
