// npm run walls: who may import whom.
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";

const root = resolve(import.meta.dirname, "..");

/** One import of one file of the project by another, paths relative to the root. */
export interface Import {
	from: string;
	to: string;
}

const folder = (path: string, depth: number): string => path.split("/").slice(0, depth).join("/");

/**
 * Why an import is not allowed; null where it is. The kernel stands on nothing here, models on the kernel, and a service
 * sees of another one its contract alone.
 */
export function wallBetween({ from, to }: Import): string | null {
	const [top] = from.split("/");
	const [target] = to.split("/");
	if (top === "kernel") return target === "kernel" ? null : "the kernel imports nothing but itself";
	if (top === "mixins")
		return target === "kernel" || target === "mixins"
			? null
			: "mixins import the kernel and mixins";
	if (top === "models")
		return folder(to, 2) === "kernel/store" ||
			(to.startsWith(`services/${from.split("/")[1]}/`) && to.endsWith(".contract.ts"))
			? null
			: "models import kernel/store and their own domain's contracts";
	if (top !== "services") return null;
	if (target === "kernel" || target === "mixins") return null;
	if (target === "models")
		return folder(to, 2) === `models/${from.split("/")[1]}`
			? null
			: "a model belongs to its own domain";
	if (target !== "services") return "services import the kernel, mixins, models and contracts";
	if (folder(from, 3) === folder(to, 3) || to.endsWith(".contract.ts")) return null;
	const isDomainFile = to.split("/").length === 3 && folder(from, 2) === folder(to, 2);
	return isDomainFile ? null : "of another service only its contract may be imported";
}

/** Models that more than one service imports. */
export function sharedModels(imports: readonly Import[]): string[] {
	const owners = new Map<string, Set<string>>();
	for (const { from, to } of imports)
		if (to.endsWith(".model.ts") && from.startsWith("services/"))
			owners.set(to, (owners.get(to) ?? new Set()).add(folder(from, 3)));
	return [...owners]
		.filter(([, services]) => services.size > 1)
		.map(
			([model, services]) =>
				`${model} belongs to one service, and ${[...services].join(" and ")} import it`,
		);
}

const importsOf = (from: string, text: string): Import[] =>
	[...text.matchAll(/(?:from|import)\s*\(?\s*"(\.{1,2}\/[^"]+)"/g)].map(match => ({
		from,
		to: relative(root, resolve(root, dirname(from), match[1] as string))
			.split(sep)
			.join("/"),
	}));

/** Every breach of the walls in the sources, each as a sentence. */
export function breaches(): string[] {
	const files = globSync("{kernel,mixins,models,services}/**/*.ts", { cwd: root });
	const sources = files.map(file => ({
		file: file.split(sep).join("/"),
		text: readFileSync(join(root, file), "utf8"),
	}));
	const imports = sources.flatMap(({ file, text }) => importsOf(file, text));
	const untyped = sources
		.filter(({ file, text }) => file.startsWith("services/") && /\.call<|\bas any\b/.test(text))
		.map(({ file }) => `${file}: calls are typed by contracts; no call<…>, no any`);
	return [
		...imports.flatMap(i => {
			const wall = wallBetween(i);
			return wall ? [`${i.from} imports ${i.to}: ${wall}`] : [];
		}),
		...sharedModels(imports),
		...untyped,
	];
}

if (process.argv[1] === import.meta.filename) {
	const found = breaches();
	for (const breach of found) console.error(breach);
	process.exitCode = found.length > 0 ? 1 : 0;
}
