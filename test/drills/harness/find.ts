import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Drill } from "../drill.ts";

const folder = join(import.meta.dirname, "..");

/** As they are told of; others come after. */
const order =
	"kills nats detection rolling pause stream restore overload soak versions network alerts";

/**
 * The drills of these names, or every one: `test/drills/<name>.ts` exports it under its name.
 * @throws Error where there is none of a name, or a file exports another.
 */
export async function findDrills(names: readonly string[] = []): Promise<Drill[]> {
	const found = readdirSync(folder)
		.filter(file => file.endsWith(".ts") && !file.endsWith(".test.ts") && file !== "drill.ts")
		.map(file => file.replace(/\.ts$/, ""))
		.sort();
	const known = order.split(" ").filter(name => found.includes(name));
	const all = [...known, ...found.filter(name => !known.includes(name))];
	const unknown = names.filter(name => !all.includes(name));
	if (unknown.length > 0) throw new Error(`No drill is called ${unknown}; there are ${all}`);
	const chosen = names.length > 0 ? all.filter(name => names.includes(name)) : all;
	return Promise.all(
		chosen.map(async name => {
			const drill = (await import(join(folder, `${name}.ts`)))[name] as Drill | undefined;
			if (drill?.name !== name) throw new Error(`test/drills/${name}.ts exports no drill ${name}`);
			return drill;
		}),
	);
}
