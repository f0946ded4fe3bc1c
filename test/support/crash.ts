import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { filesDir } from "../../kernel/data-dir.ts";
import { readEnv } from "../../kernel/env.ts";
import { findServices } from "../../kernel/load.ts";
import { createNode, type Node } from "../../kernel/node.ts";
import type { Collection } from "../../kernel/store/collection.ts";
import type { FileDoc } from "../../models/content/file.model.ts";
import { brokerOptions } from "../../moleculer.config.ts";
import {
	type Answered,
	asking,
	type Journey,
	type Memory,
	type Place,
	type Raw,
	settled,
	sweep,
} from "./crash-journey.ts";
import { type JourneyName, journeys } from "./crash-journeys.ts";
import { root } from "./node.ts";
import { freePort } from "./ports.ts";

/** What a journey comes to, by stage as it is reached. */
export type Outcomes = ReadonlyMap<string, Answered>;

/** What it comes to in the end. */
export const lastOf = (outcomes: Outcomes): Answered => [...outcomes.values()].at(-1);

/** What came of a journey that a crash cut off. */
export interface Aftermath {
	/** How far it was. */
	stage: string;
	/** After a restart, one sweep and no word from a client; not seen where they came back at once. */
	silent?: Answered;
	/** After the clients came back and went through everything. */
	final: Answered;
}

/** A crash point by its place, and what is written or called there. */
export interface Point {
	service: string;
	n: number;
	label: string;
}

/** `<service>:<n> <label>` as the counting mode prints them. */
export function pointsIn(lines: Iterable<string>): Point[] {
	const found = [...lines].map(line => /^crash point ([\w-]+):(\d+) (.*)$/.exec(line));
	return found.flatMap(match =>
		match ? [{ service: match[1] as string, n: Number(match[2]), label: match[3] as string }] : [],
	);
}

/** The labels of each service in order, services by name. */
export function byService(points: readonly Point[]): Record<string, string[]> {
	const services = [...new Set(points.map(point => point.service))].sort();
	return Object.fromEntries(
		services.map(name => [name, points.filter(p => p.service === name).map(p => p.label)]),
	);
}

/** Every way a journey may end at one of these labels: `<service>:<n>:before` and `:after`, with the label. */
export const casesOf = (labels: Readonly<Record<string, readonly string[]>>): [string, string][] =>
	Object.entries(labels).flatMap(([service, list]) =>
		list.flatMap((label, i) =>
			["before", "after"].map((when): [string, string] => [`${service}:${i + 1}:${when}`, label]),
		),
	);

/** No schedule runs, no point is reached: only what is asked for happens. */
const stillness = "none:1:before";

const variables = {
	LOG_LEVEL: "fatal",
	RATE_LIMIT: "off",
	SERVICE_SECRET_KEY: "a-secret-for-tests-0123456789abcdef",
	ADMIN_EMAIL: "admin@zeolite.example",
	ADMIN_PASSWORD: "admin-password",
};

export const adminToken = async (node: Node): Promise<string> =>
	(await asking(node)("auth.signInAs", { email: variables.ADMIN_EMAIL })).accessToken;

/** What a page keeps, in a file, so that it outlives the process that plays the page, too. */
export const fileMemory = (path: string): Memory => ({
	load: () =>
		JSON.parse(readFileSync(path, { encoding: "utf8", flag: "a+" }) || "null") ?? undefined,
	keep: known => writeFileSync(path, JSON.stringify(known)),
});

/** What a page keeps. */
export function memoryOf(): Memory {
	let known: object | undefined;
	return {
		load: () => known,
		keep: now => {
			known = now;
		},
	};
}

/** Who plays a journey, with what they know. */
export interface Played<Cast = Answered> {
	cast: Cast;
	memory: Memory;
	admin: string;
}

/** Goes through everything that is left; what it comes to at each stage. */
export async function playOn<Cast>(
	journey: Journey<Cast>,
	place: Place,
	{ cast, memory, admin }: Played<Cast>,
): Promise<Outcomes> {
	const outcomes = new Map<string, Answered>();
	for await (const stage of journey.steps(place, cast, memory)) {
		await settled(place.node);
		outcomes.set(stage, await journey.outcome(place, cast, admin));
	}
	return outcomes;
}

/** Goes on with all that a crash left undone still there, until the end or an answer that says no. */
async function goOn<Cast>(
	{ steps }: Journey<Cast>,
	place: Place,
	{ cast, memory }: Played<Cast>,
): Promise<void> {
	try {
		for await (const _ of steps(place, cast, memory));
	} catch (error) {
		const { code } = error as { code?: unknown };
		if (!(typeof code === "number" && code >= 400 && code < 500)) throw error;
	}
}

/** Whether clients come back to what a crash left, or once it was swept. */
export type Return = "at once" | "later";

/** What a sweep and the clients' return make of a journey that was cut off. */
export async function recover<Cast>(
	journey: Journey<Cast>,
	place: Place,
	played: Played<Cast>,
	back: Return,
): Promise<Aftermath> {
	const { cast, admin } = played;
	const stage = await journey.stageOf(place.records, cast);
	if (back === "at once") await goOn(journey, place, played);
	await sweep(place);
	const silent = back === "later" && { silent: await journey.outcome(place, cast, admin) };
	return { stage, ...silent, final: lastOf(await playOn(journey, place, played)) };
}

/** An embedded product that runs on a data directory. */
export function placeIn(dir: string, node: Node): Place {
	const names = (...path: string[]) => readdir(join(filesDir(dir), ...path));
	return {
		node,
		/** As the store's files have it: the last line of a document counts. */
		async records(collection) {
			const text = await readFile(join(dir, "store", `${collection}.db`), "utf8").catch(() => "");
			const docs = new Map<string, Raw>();
			// What follows the last newline was torn by the kill.
			for (const line of text.split("\n").slice(0, -1)) {
				const doc = JSON.parse(line) as Raw & { $$deleted?: true };
				if (doc.$$deleted) docs.delete(doc._id);
				else if (doc._id) docs.set(doc._id, doc);
			}
			return [...docs.values()];
		},
		stored: async () => (await Promise.all([names("tmp"), names("open"), names("kept")])).flat(),
		async age() {
			const service = node.broker.getLocalService("files") as unknown as {
				files: Collection<FileDoc>;
			};
			for (const { id } of await service.files.find({ sweepAt: { $exists: true } }))
				await service.files.advance({ id }, { $set: { sweepAt: 0 } });
		},
	};
}

/** Runs the embedded product of this process on a data directory, for as long as `work` takes. */
async function running<T>(
	dir: string,
	port: number,
	work: (place: Place) => Promise<T>,
): Promise<T> {
	const node = await createNode({
		env: readEnv({ ...variables, PORT: String(port), DATA_DIR: dir, CRASH_AT: stillness }),
		folders: await findServices(root),
		configure: (platform, nodeID) => brokerOptions(platform, nodeID, { checkResults: true }),
		identity: { keys: "auth.jwks", revoked: "auth.revoked", hint: "auth.revoked" },
	});
	await node.start();
	try {
		return await work(placeIn(dir, node));
	} finally {
		await node.stop();
	}
}

/** A school before a journey. */
interface School {
	dir: string;
	cast: Answered;
	admin: string;
}

/** How long its people stay signed in, with time left to play, ms. */
const signedInMs = 8 * 60_000;

/** A school in a data directory that each case gets a copy of, so that it is set up once. */
export class EmbeddedDrill {
	readonly #base: string;
	readonly #name: JourneyName;
	readonly #journey: Journey;
	#school: Promise<School> | undefined;
	#openedAt = 0;

	private constructor(base: string, name: JourneyName) {
		this.#base = base;
		this.#name = name;
		this.#journey = journeys[name];
	}

	static async open(name: JourneyName): Promise<EmbeddedDrill> {
		return new EmbeddedDrill(await mkdtemp(join(tmpdir(), "zeolite-crash-")), name);
	}

	close(): Promise<void> {
		return rm(this.#base, { recursive: true, force: true });
	}

	/** What a journey without a crash comes to at each stage. */
	async whole(): Promise<Outcomes> {
		return this.#withCopy((dir, port, { cast, admin }) =>
			running(dir, port, place =>
				playOn(this.#journey, place, { cast, admin, memory: memoryOf() }),
			),
		);
	}

	/** Every crash point of a journey, in order. */
	async count(): Promise<Point[]> {
		return this.#withCopy(async (dir, port, { cast }) => {
			const { lines, code } = await this.#child(dir, port, cast, "count");
			assert.equal(code, 0, lines.join("\n"));
			return pointsIn(lines);
		});
	}

	/** Ends a journey at a point (`<service>:<n>:before|after`) and sees what comes of it. */
	async crash(at: string, back: Return): Promise<Aftermath> {
		return this.#withCopy(async (dir, port, { cast, admin }) => {
			const { lines, signal } = await this.#child(dir, port, cast, at);
			assert.equal(signal, "SIGKILL", `the journey did not end at ${at}\n${lines.join("\n")}`);
			const memory = fileMemory(notesIn(dir));
			return running(dir, port, place =>
				recover(this.#journey, place, { cast, admin, memory }, back),
			);
		});
	}

	async #open(): Promise<School> {
		const dir = await mkdtemp(join(this.#base, "school-"));
		return running(dir, await freePort(), async ({ node }) => {
			const admin = await adminToken(node);
			const cast = await this.#journey.cast(node, admin);
			await settled(node);
			return { dir, cast, admin };
		});
	}

	async #withCopy<T>(work: (dir: string, port: number, school: School) => Promise<T>): Promise<T> {
		if (Date.now() - this.#openedAt > signedInMs) {
			this.#openedAt = Date.now();
			this.#school = this.#open();
		}
		const school = await (this.#school as Promise<School>);
		const dir = await mkdtemp(join(this.#base, "case-"));
		try {
			await cp(school.dir, dir, { recursive: true });
			return await work(dir, await freePort(), school);
		} finally {
			await rm(dir, { recursive: true, force: true });
		}
	}

	async #child(dir: string, port: number, cast: Answered, at: string) {
		const script = join(import.meta.dirname, "crash-child.ts");
		const env = { ...process.env, ...variables, PORT: String(port), DATA_DIR: dir, CRASH_AT: at };
		const args = [script, this.#name, JSON.stringify(cast), notesIn(dir)];
		const child = spawn(process.execPath, args, {
			cwd: root,
			env: { NODE_COMPILE_CACHE: join(this.#base, "compiled"), ...env },
			stdio: ["ignore", "inherit", "pipe"],
		});
		let text = "";
		child.stderr.setEncoding("utf8").on("data", (part: string) => {
			text += part;
		});
		const [code, signal] = (await once(child, "close")) as [number | null, string | null];
		return { code, signal, lines: text.split("\n") };
	}
}

const notesIn = (dir: string): string => join(dir, "page.json");
