// npm run bench: start-up, idle memory, purchases per second and their p99, embedded and on a mesh.
import { mkdtempSync, readFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { MeshProcess } from "../deploy/process.ts";
import { split } from "../deploy/split.ts";
import { register, send } from "../test/support/http.ts";
import { publishCourse } from "../test/support/journey.ts";
import { freePort } from "../test/support/ports.ts";
import { mongo, nats } from "../test/support/servers.ts";

const rounds = 5;
const purchases = 100;
const parallel = 8;

const common = {
	ADMIN_EMAIL: "admin@zeolite.example",
	ADMIN_PASSWORD: "admin-password",
	RATE_LIMIT: "off",
	LOG_LEVEL: "warn",
	SANDBOX: "on",
	SERVICE_SECRET_KEY: "a-secret-for-benches-0123456789abcdef",
};

const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);
const quantile = (values: readonly number[], q: number): number =>
	sorted(values)[Math.min(values.length - 1, Math.floor(values.length * q))] as number;
const spread = (values: readonly number[], digits = 0): string =>
	`${quantile(values, 0.5).toFixed(digits)} [${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)}]`;

async function embedded(): Promise<MeshProcess> {
	const env = {
		...common,
		NATS_URL: "",
		MONGO_URL: "",
		REDIS_URL: "",
		DATA_DIR: mkdtempSync(join(tmpdir(), "zeolite-")),
	};
	return new MeshProcess({ name: "embedded", services: "", port: await freePort() }, env);
}

/** Time from the start of the process to its first answer, ms. */
async function startUp(): Promise<number> {
	const product = await embedded();
	const start = performance.now();
	await product.start();
	const ms = performance.now() - start;
	await product.end("SIGKILL");
	return ms;
}

/** Resident memory of a process, MB. */
const residentMb = (pid: number): number =>
	Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;

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

/** Purchases per second and the p99 of one, ms, by `parallel` buyers. */
async function purchaseRound(bases: readonly string[]): Promise<{ rate: number; p99: number }> {
	const { courseId } = await publishCourse(bases[0] as string);
	const students = [];
	for (let i = 0; i < purchases; i++)
		students.push(await register(bases[i % bases.length] as string));
	const times: number[] = [];
	const start = performance.now();
	const queue = students.entries();
	await Promise.all(
		Array.from({ length: parallel }, async () => {
			for (const [i, { token }] of queue)
				times.push(await purchase(bases[i % bases.length] as string, token, courseId));
		}),
	);
	return { rate: purchases / ((performance.now() - start) / 1000), p99: quantile(times, 0.99) };
}

async function main(): Promise<void> {
	const table: [string, string][] = [];
	const starts: number[] = [];
	for (let i = 0; i < rounds; i++) starts.push(await startUp());
	table.push(["start-up to first answer, embedded, ms", spread(starts)]);

	const product = await embedded();
	await product.start();
	await pause(5_000);
	table.push(["idle memory, embedded, MB resident", residentMb(product.pid as number).toFixed(0)]);

	const servers = { nats: await nats(), mongo: await mongo() };
	const mesh: MeshProcess[] = [];
	if (servers.nats && servers.mongo) {
		const env = {
			...common,
			NATS_URL: servers.nats.url,
			MONGO_URL: servers.mongo.url,
			NAMESPACE: `bench${Date.now()}`,
		};
		for (const part of split) mesh.push(new MeshProcess({ ...part, port: await freePort() }, env));
		await Promise.all(mesh.map(part => part.start()));
	}
	const gateways = mesh.filter(p => p.part.services === "gateway").map(p => p.url);
	const results: Record<string, { rate: number; p99: number }[]> = { embedded: [], mesh: [] };
	for (let i = 0; i < rounds; i++) {
		process.stderr.write(`round ${i + 1} of ${rounds}\n`);
		results.embedded?.push(await purchaseRound([product.url]));
		if (gateways.length > 0) results.mesh?.push(await purchaseRound(gateways));
	}
	for (const [name, measured] of Object.entries(results)) {
		if (measured.length === 0) continue;
		table.push([
			`purchases per second, ${name}`,
			spread(
				measured.map(m => m.rate),
				1,
			),
		]);
		table.push([`p99 of a purchase, ${name}, ms`, spread(measured.map(m => m.p99))]);
	}
	await Promise.all([product, ...mesh].map(part => part.end("SIGTERM")));
	await servers.nats?.stop();
	await servers.mongo?.stop();
	console.log(
		`Node ${process.version}, ${cpus().length} cores (${cpus()[0]?.model}), ${rounds} rounds of ${purchases} purchases by ${parallel} buyers; median [least–most]\n`,
	);
	for (const [name, value] of table) console.log(`${name.padEnd(44)} ${value}`);
}

await main();
