import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { MeshProcess } from "../../deploy/process.ts";
import { split } from "../../deploy/split.ts";
import { register, send } from "../../test/support/http.ts";
import { publishCourse } from "../../test/support/journey.ts";
import { freePort } from "../../test/support/ports.ts";
import { mongo } from "../../test/support/servers.ts";
import { memoryOf } from "../harness/cpu.ts";
import { isWhole, type Stage } from "../harness/options.ts";
import { productEnv } from "../harness/product-env.ts";
import { rounded, writeResult } from "../harness/results.ts";
import { quantile } from "../harness/stats.ts";
import { markdown } from "../report/format.ts";
import { purchasesTables } from "../report/purchases.ts";

const usual = { rounds: 5 };
const purchasesOfRound = 100;
const buyers = 8;
const idleMs = 5_000;

/** A hundred purchases. */
export interface PurchaseSlice {
	round: number;
	mode: "embedded" | "mesh";
	perSecond: number;
	/** From the payment to the enrollment, ms. */
	medianMs: number;
	p99Ms: number;
}

/** What the purchases bench keeps. */
export interface PurchasesResult {
	/** From the start of the process to its first answer, embedded, ms. */
	startsMs: number[];
	/** Resident memory of the whole product in one process, idle, MB. */
	idleMb: number;
	purchases: number;
	buyers: number;
	slices: PurchaseSlice[];
}

async function embedded(dir: string): Promise<MeshProcess> {
	const env = { ...productEnv, NATS_URL: "", MONGO_URL: "", REDIS_URL: "", DATA_DIR: dir };
	return new MeshProcess({ name: "embedded", services: "", port: await freePort() }, env);
}

/** Time from the start of a process to its first answer, ms. */
async function startUp(product: MeshProcess): Promise<number> {
	const start = performance.now();
	await product.start();
	const ms = performance.now() - start;
	await product.end("SIGKILL");
	return Math.round(ms);
}

/** One purchase from payment to enrollment, ms. The student was registered before. */
async function purchase(base: string, token: string, courseId: string): Promise<number> {
	const start = performance.now();
	const opened = await send(base, "POST", "/api/payments", {
		token,
		body: { courseId, paymentMethod: "stripe" },
	});
	const id = opened.body.id;
	await send(base, "POST", `/api/sandbox/payments/${id}/complete`, {
		token,
		body: { outcome: "succeed" },
	});
	const { status, body } = await send(base, "POST", `/api/payments/${id}/verify`, {
		token,
		body: {},
	});
	if (status !== 200 || !body.enrollment) throw new Error(`no enrollment: ${JSON.stringify(body)}`);
	return performance.now() - start;
}

async function purchaseSlice(
	bases: readonly string[],
	at: Pick<PurchaseSlice, "round" | "mode">,
): Promise<PurchaseSlice> {
	const base = (i: number) => bases[i % bases.length] as string;
	const { courseId } = await publishCourse(base(0));
	const students = [];
	for (let i = 0; i < purchasesOfRound; i++) students.push(await register(base(i)));
	const times: number[] = [];
	const start = performance.now();
	const queue = students.entries();
	await Promise.all(
		Array.from({ length: buyers }, async () => {
			for (const [i, { token }] of queue) times.push(await purchase(base(i), token, courseId));
		}),
	);
	const seconds = (performance.now() - start) / 1_000;
	return {
		...at,
		perSecond: rounded(purchasesOfRound / seconds),
		medianMs: rounded(quantile(times, 0.5)),
		p99Ms: rounded(quantile(times, 0.99)),
	};
}

/** Start-up, idle memory and purchases per second: the whole product in one process, and the mesh of `deploy/split.ts`. */
export async function purchases({ options, natsUrl }: Stage): Promise<boolean> {
	const { say, seed } = options;
	const began = performance.now();
	const rounds = options.rounds ?? usual.rounds;
	const store = await mongo();
	if (!store) say("There is no MongoDB here, so the mesh is left out");
	const dirs: string[] = [];
	const dir = () => {
		const made = mkdtempSync(join(tmpdir(), "zeolite-bench-"));
		dirs.push(made);
		return made;
	};
	const running: MeshProcess[] = [];
	const end = () => {
		for (const one of running) void one.end("SIGKILL");
		for (const made of dirs) rmSync(made, { recursive: true, force: true });
	};
	process.once("exit", end);
	try {
		const startsMs: number[] = [];
		for (let i = 0; i < rounds; i++) {
			const started = await embedded(dir());
			running.push(started);
			startsMs.push(await startUp(started));
		}
		say(`started ${rounds} times`);
		const product = await embedded(dir());
		running.push(product);
		await product.start();
		await pause(idleMs);
		const idleMb = Math.round(memoryOf(product.pid as number).residentMb);
		const mesh: MeshProcess[] = [];
		if (store) {
			const env = {
				...productEnv,
				NATS_URL: natsUrl,
				MONGO_URL: store.url,
				NAMESPACE: `bench-purchases-${process.pid}`,
			};
			for (const part of split)
				mesh.push(new MeshProcess({ ...part, port: await freePort() }, env));
			running.push(...mesh);
			await Promise.all(mesh.map(part => part.start()));
		}
		const gateways = mesh.filter(p => p.part.services === "gateway").map(p => p.url);
		const slices: PurchaseSlice[] = [];
		for (let round = 0; round < rounds; round++) {
			slices.push(await purchaseSlice([product.url], { round, mode: "embedded" }));
			if (store) slices.push(await purchaseSlice(gateways, { round, mode: "mesh" }));
			say(`round ${round + 1} of ${rounds}`);
		}
		const measured: PurchasesResult = {
			startsMs,
			idleMb,
			purchases: purchasesOfRound,
			buyers,
			slices,
		};
		const run = { bench: "purchases", seed, rounds, seconds: (performance.now() - began) / 1_000 };
		say(`kept in ${writeResult(run, measured, isWhole(options) && store !== null)}`);
		console.log(markdown(purchasesTables(measured)));
		return true;
	} finally {
		await Promise.all(running.map(one => one.end("SIGTERM")));
		process.off("exit", end);
		for (const made of dirs) rmSync(made, { recursive: true, force: true });
		await store?.stop();
	}
}
