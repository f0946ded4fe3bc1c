import { glob } from "node:fs/promises";
import { sep } from "node:path";
import { pathToFileURL } from "node:url";
import type { ServiceSchema } from "moleculer";
import { type Contract, isContract } from "./contract.ts";

/** One `services/<domain>/<service>/` folder. */
export interface ServiceFolder {
	domain: string;
	name: string;
	/** Path of the `*.service.ts` file; imported only on nodes that run it. */
	file: string;
	contract: Contract;
}

/**
 * Finds the services under `root` and imports their contracts, which every node needs.
 * @throws Error for a contract without a service, or one whose name is not its folder's.
 */
export async function findServices(root: string): Promise<ServiceFolder[]> {
	const folders: ServiceFolder[] = [];
	for await (const path of glob("services/*/*/*.contract.ts", { cwd: root })) {
		const [, domain, name] = path.split(sep) as [string, string, string];
		const module = (await import(pathToFileURL(`${root}/${path}`).href)) as Record<string, unknown>;
		const contract = Object.values(module).find(
			value => isContract(value) && value.name === name,
		) as Contract | undefined;
		if (!contract) throw new Error(`${path} exports no contract named ${name}`);
		folders.push({
			domain,
			name,
			file: `${root}/${path.replace(".contract.ts", ".service.ts")}`,
			contract,
		});
	}
	return folders.sort((a, b) => a.name.localeCompare(b.name));
}

/**
 * The folders that a list of domains and services names; all of them for an empty list.
 * @throws Error naming what there is not.
 */
export function chooseServices(
	folders: readonly ServiceFolder[],
	wanted: readonly string[],
	variable: string,
): ServiceFolder[] {
	const unknown = wanted.filter(w => !folders.some(f => f.domain === w || f.name === w));
	if (unknown.length > 0)
		throw new Error(
			`${variable} names ${unknown.join(", ")}, which is neither a domain nor a service`,
		);
	return folders.filter(
		f => wanted.length === 0 || wanted.includes(f.domain) || wanted.includes(f.name),
	);
}

export async function importService(folder: ServiceFolder): Promise<ServiceSchema> {
	const module = (await import(pathToFileURL(folder.file).href)) as { default: ServiceSchema };
	return module.default;
}
