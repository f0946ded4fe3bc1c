import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

const script = "text/javascript; charset=utf-8";
const style = "text/css; charset=utf-8";

/** Scripts and styles that are the school's own. */
const ours = [
	"account.js",
	"api.js",
	"base.css",
	"catalogue.js",
	"checkout.js",
	"course.js",
	"course-form.js",
	"cover.js",
	"door.js",
	"form.js",
	"layout.css",
	"learning.js",
	"live.js",
	"main.js",
	"notices.js",
	"outline.js",
	"parts.js",
	"pay.js",
	"player.css",
	"player.js",
	"plot.js",
	"problems.js",
	"purchases.js",
	"random.js",
	"reviews.js",
	"router.js",
	"series.js",
	"session.js",
	"shell.js",
	"students.js",
	"teach.css",
	"teach.js",
	"teach-course.js",
	"upload.js",
	"uploads.js",
	"video.js",
	"views.css",
	"watched.js",
	"words.js",
] as const;

/** Libraries, as their packages bring them for browsers. */
const libraries = {
	"lit-html.js": "lit-html/lit-html.js",
	"hls.js": "hls.js/dist/hls.light.min.mjs",
	"socket.io.js": "socket.io/client-dist/socket.io.esm.min.js",
} as const;

export type FileName = (typeof ours)[number] | keyof typeof libraries;

export const fileNames: readonly FileName[] = [
	...ours,
	...(Object.keys(libraries) as (keyof typeof libraries)[]),
];

/** Some packages do not export the file that a browser takes. */
const packages = join(import.meta.dirname, "../../../node_modules");

const pathOf = (name: FileName): string =>
	Object.hasOwn(libraries, name)
		? join(packages, libraries[name as keyof typeof libraries])
		: join(import.meta.dirname, "web", name);

/** A source map is not served: browsers would ask for it. */
const withoutMap = (text: string): string => text.replace(/\n\/\/# sourceMappingURL=\S+\s*$/, "\n");

/** What the pages are made of, read once. */
export interface WebFiles {
	/** A digest of all of it, 16 hex digits. */
	version: string;
	files: ReadonlyMap<string, { contentType: string; content: string; etag: string }>;
	/** Pages by name; `{{base}}` in them is the folder of this version. */
	pages: { school: string; checkout: string };
}

const digest = (...parts: readonly string[]): string =>
	createHash("sha256").update(parts.join("\0")).digest("hex").slice(0, 16);

/** The entity tag of a text, weak because it goes out compressed, too. */
export const etagOf = (content: string): string => `W/"${digest(content)}"`;

/** Reads all files of the pages. @throws where one is missing */
export async function readWebFiles(): Promise<WebFiles> {
	const page = (name: string) => readFile(join(import.meta.dirname, "web", name), "utf8");
	const [school, checkout, ...contents] = await Promise.all([
		page("school.html"),
		page("checkout.html"),
		...fileNames.map(async name => withoutMap(await readFile(pathOf(name), "utf8"))),
	]);
	const version = digest(...contents);
	const based = (text: string) => text.replaceAll("{{base}}", `/school/${version}`);
	return {
		version,
		files: new Map(
			fileNames.map((name, i) => {
				const content = contents[i] as string;
				const contentType = name.endsWith(".css") ? style : script;
				return [name, { contentType, content, etag: etagOf(content) }];
			}),
		),
		pages: { school: based(school), checkout: based(checkout) },
	};
}
