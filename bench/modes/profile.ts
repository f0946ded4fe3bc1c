import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { check } from "../harness/check.ts";
import { readProfile, type Share } from "../harness/cpuprofile.ts";
import type { Stage } from "../harness/options.ts";
import { bringPeers } from "../harness/peers.ts";
import { type Slice, slice } from "../harness/slices.ts";
import { findVariants, startVariant } from "../harness/variants.ts";
import { requireWrk } from "../harness/wrk.ts";
import { costs } from "../report/gateway.ts";

const usual = { seconds: 10, connections: 64, variant: "zeolite" };
const warmUpSeconds = 4;
const shownFunctions = 40;

const folder = join(import.meta.dirname, "..", "..", ".cache", "bench");

const lines = (shares: readonly Share[], requests: number, most: number): string =>
	shares
		.slice(0, most)
		.map(({ name, micros }) => `${(micros / requests).toFixed(2).padStart(8)}  ${name}`)
		.join("\n");

const costLine = (title: string, measured: Slice): string =>
	`${title}: ${Math.round(measured.requests / measured.seconds)} requests/s, CPU µs per request: ${Object.entries(
		costs([measured]),
	)
		.map(([role, { median }]) => `${role} ${median.toFixed(1)}`)
		.join(", ")}; ${measured.refused + measured.broken} wrong`;

/**
 * Where the time of one variant goes: CPU profiles of its processes while it is under load, grouped, µs per request.
 * The files can be opened in Chromium's tools; `.cache/bench/<variant>-<role>.cpuprofile`.
 * @returns whether nothing went wrong
 */
export async function profile(stage: Stage): Promise<boolean> {
	const { options, world, natsUrl } = stage;
	const { say } = options;
	requireWrk();
	mkdirSync(folder, { recursive: true });
	const all = await findVariants();
	const wanted = options.variants ?? [usual.variant];
	const seconds = options.seconds ?? usual.seconds;
	const [connections = usual.connections] = options.connections ?? [];
	let isRight = true;
	for (const variant of all.filter(({ id }) => wanted.includes(id))) {
		if (variant.isPeer) bringPeers(say);
		const running = await startVariant(variant, world, natsUrl);
		try {
			await check(running, world);
			say(
				`${variant.title}: ${warmUpSeconds} s to warm up, ${seconds} s, then ${seconds} s profiled`,
			);
			const at = { round: 0, scenario: "get" as const, connections, from: 0 };
			await slice(stage, running, { ...at, seconds: warmUpSeconds });
			const plain = await slice(stage, running, { ...at, seconds });
			for (const { child } of running.children) await child.ask({ profile: "start" });
			const measured = await slice(stage, running, { ...at, seconds });
			console.log(`\n${variant.title}, ${connections} connections`);
			console.log(costLine("without profiler", plain));
			console.log(costLine("with profiler", measured));
			for (const { role, child } of running.children) {
				const file = join(folder, `${variant.id}-${role}.cpuprofile`);
				await child.ask({ profile: "stop", file });
				const { groups, functions } = readProfile(file);
				console.log(`\n${role}, µs per request, by part (${file})`);
				console.log(lines(groups, measured.requests, groups.length));
				console.log(`\n${role}, µs per request, by function`);
				console.log(lines(functions, measured.requests, shownFunctions));
			}
			isRight = measured.refused + measured.broken === 0 && isRight;
		} finally {
			await running.end();
		}
	}
	return isRight;
}
