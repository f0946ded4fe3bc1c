import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readEnv } from "../../kernel/env.ts";
import { findServices } from "../../kernel/load.ts";
import { createNode, type Node } from "../../kernel/node.ts";
import { brokerOptions } from "../../moleculer.config.ts";
import {
	asking,
	type Buyer,
	journey,
	type Outcome,
	outcome,
	type Raw,
	type Records,
	type Stage,
	settled,
	stageOf,
	sweep,
	type Written,
	writtenOf,
} from "./crash-journey.ts";
import { uniqueEmail } from "./http.ts";
import { root } from "./node.ts";

/** What came of a purchase that a crash cut off. */
export interface Aftermath {
	/** What the database had of it. */
	written: Written;
	/** How far it was. */
	stage: Stage;
	/** After a restart, one sweep and no word from the client. */
	silent: Outcome;
	/** After the client came back and went through everything. */
	final: Outcome;
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
	PORT: "0",
	LOG_LEVEL: "fatal",
	RATE_LIMIT: "off",
	SERVICE_SECRET_KEY: "a-secret-for-tests-0123456789abcdef",
	ADMIN_EMAIL: "admin@zeolite.example",
	ADMIN_PASSWORD: "admin-password",
};

/** Runs the embedded product of this process on a data directory, for as long as `work` takes. */
async function running<T>(dir: string, work: (node: Node) => Promise<T>): Promise<T> {
	const node = await createNode({
		env: readEnv({ ...variables, DATA_DIR: dir, CRASH_AT: stillness }),
		folders: await findServices(root),
		configure: (platform, nodeID) => brokerOptions(platform, nodeID, { checkResults: true }),
		identity: { keys: "auth.jwks", revoked: "auth.revoked", hint: "auth.revoked" },
	});
	await node.start();
	try {
		return await work(node);
	} finally {
		await node.stop();
	}
}

/** A course at 99.99 USD by a new teacher. */
export async function newCourse(node: Node): Promise<string> {
	const ask = asking(node);
	const teacher = { email: uniqueEmail(), password: "password123", role: "teacher" };
	const { accessToken } = await ask("auth.register", teacher);
	const course = { title: "Test Course", price: 99.99 };
	return (await asking(node, accessToken)("courses.create", course)).id;
}

/** A new student who wants a course. */
export async function newBuyer(node: Node, courseId: string): Promise<Buyer> {
	const credentials = { email: uniqueEmail(), password: "password123" };
	const { user, accessToken } = await asking(node)("auth.register", credentials);
	return { token: accessToken, userId: user.id, courseId };
}

export const adminToken = async (node: Node): Promise<string> =>
	(await asking(node)("auth.signInAs", { email: variables.ADMIN_EMAIL })).accessToken;

/** Goes through everything that is left; what it comes to at each stage. */
export async function playOn(
	node: Node,
	records: Records,
	buyer: Buyer,
	admin: string,
): Promise<Map<Stage, Outcome>> {
	const outcomes = new Map<Stage, Outcome>();
	for await (const stage of journey(asking(node, buyer.token), buyer)) {
		await settled(node);
		outcomes.set(stage, await outcome(node, records, buyer, admin));
	}
	return outcomes;
}

/** What a sweep, and then the client's return, makes of a purchase that was cut off. */
export async function recover(
	node: Node,
	records: Records,
	buyer: Buyer,
	admin: string,
): Promise<Aftermath> {
	const written = await writtenOf(records, buyer);
	await sweep(node, records);
	const silent = await outcome(node, records, buyer, admin);
	const outcomes = await playOn(node, records, buyer, admin);
	return { written, stage: stageOf(written), silent, final: outcomes.get("refunded") as Outcome };
}

/** What the embedded store keeps, read from its files: the last line of a document counts. */
const storeOf =
	(dir: string): Records =>
	async collection => {
		const text = await readFile(join(dir, "store", `${collection}.db`), "utf8").catch(() => "");
		const docs = new Map<string, Raw>();
		// What follows the last newline was torn by the kill.
		for (const line of text.split("\n").slice(0, -1)) {
			const doc = JSON.parse(line) as Raw & { $$deleted?: true };
			if (doc.$$deleted) docs.delete(doc._id);
			else if (doc._id) docs.set(doc._id, doc);
		}
		return [...docs.values()];
	};

/** A school in a data directory that each case gets a copy of, so that it is set up once. */
export class EmbeddedDrill {
	readonly #base: string;
	readonly #buyer: Buyer;
	readonly #admin: string;

	private constructor(base: string, buyer: Buyer, admin: string) {
		this.#base = base;
		this.#buyer = buyer;
		this.#admin = admin;
	}

	static async open(): Promise<EmbeddedDrill> {
		const base = await mkdtemp(join(tmpdir(), "zeolite-crash-"));
		const dir = join(base, "school");
		return running(dir, async node => {
			const buyer = await newBuyer(node, await newCourse(node));
			const admin = await adminToken(node);
			await settled(node);
			return new EmbeddedDrill(base, buyer, admin);
		});
	}

	close(): Promise<void> {
		return rm(this.#base, { recursive: true, force: true });
	}

	/** What a journey without a crash comes to at each stage. */
	async whole(): Promise<Map<Stage, Outcome>> {
		return this.#withCopy(dir =>
			running(dir, node => playOn(node, storeOf(dir), this.#buyer, this.#admin)),
		);
	}

	/** Every crash point of a journey, in order. */
	async count(): Promise<Point[]> {
		return this.#withCopy(async dir => {
			const { lines, code } = await this.#child(dir, "count");
			assert.equal(code, 0, lines.join("\n"));
			return pointsIn(lines);
		});
	}

	/** Ends a journey at a point (`<service>:<n>:before|after`) and sees what comes of it. */
	async crash(at: string): Promise<Aftermath> {
		return this.#withCopy(async dir => {
			const { lines, signal } = await this.#child(dir, at);
			assert.equal(signal, "SIGKILL", `the journey did not end at ${at}\n${lines.join("\n")}`);
			return running(dir, node => recover(node, storeOf(dir), this.#buyer, this.#admin));
		});
	}

	async #withCopy<T>(work: (dir: string) => Promise<T>): Promise<T> {
		const dir = await mkdtemp(join(tmpdir(), "zeolite-crash-"));
		try {
			await cp(join(this.#base, "school"), dir, { recursive: true });
			return await work(dir);
		} finally {
			await rm(dir, { recursive: true, force: true });
		}
	}

	async #child(dir: string, at: string) {
		const script = join(import.meta.dirname, "crash-child.ts");
		const env = { ...process.env, ...variables, DATA_DIR: dir, CRASH_AT: at };
		const child = spawn(process.execPath, [script, JSON.stringify(this.#buyer)], {
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
