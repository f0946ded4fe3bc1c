import { registerHooks } from "node:module";
import { pathToFileURL } from "node:url";
import { type Defect, type DefectName, defects } from "./defects.ts";

const root = new URL("../../", import.meta.url).href;
const opened = new URL("kernel/store/open.ts", root).href;
const simulated = new URL("./open.ts", import.meta.url).href;

/** Which code a module belongs to: every one that is imported by it belongs to it too. */
const belonging = (url: string | undefined): string | null =>
	url ? new URL(url).searchParams.get("code") : null;

function planted(source: string, { file, right, wrong }: Defect): string {
	const places = source.split(right);
	if (places.length !== 2)
		throw new Error(`${file} has ${JSON.stringify(right)} ${places.length - 1} times, not once`);
	return places.join(wrong);
}

registerHooks({
	resolve(specifier, context, next) {
		const resolved = next(specifier, context);
		const code = belonging(context.parentURL);
		if (!code || !resolved.url.startsWith(root) || resolved.url.includes("/node_modules/"))
			return resolved;
		const url = resolved.url === opened ? simulated : resolved.url;
		return { ...resolved, url: `${url}?code=${encodeURIComponent(code)}` };
	},
	load(url, context, next) {
		const loaded = next(url, context);
		const defect = (defects as Record<string, Defect>)[belonging(url) ?? ""];
		if (!defect || !url.startsWith(`${new URL(defect.file, root).href}?`)) return loaded;
		return { ...loaded, source: planted(String(loaded.source), defect) };
	},
});

/**
 * Loads the simulation with the product's code: as it is, or with one defect. Each is code of its own in this process.
 */
export async function simulationOf(defect?: DefectName): Promise<typeof import("./world.ts")> {
	const world = pathToFileURL(`${import.meta.dirname}/world.ts`);
	world.searchParams.set("code", defect ?? "right");
	return import(world.href);
}
