import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import mongoose from "mongoose";
import { MeshProcess } from "../../deploy/process.ts";
import type { Part } from "../../deploy/split.ts";
import { sayGoodbyeFor } from "../../kernel/link-watch.ts";
import { findServices } from "../../kernel/load.ts";
import type { Node } from "../../kernel/node.ts";
import {
	type Aftermath,
	adminToken,
	newBuyer,
	newCourse,
	type Point,
	playOn,
	pointsIn,
	recover,
} from "./crash.ts";
import {
	type Outcome,
	play,
	type Raw,
	type Records,
	type Stage,
	settled,
} from "./crash-journey.ts";
import { startMesh, type TestMesh } from "./mesh.ts";
import { root, startNode } from "./node.ts";
import type { TestServer } from "./servers.ts";

const meetMs = 15_000;
/** How long what a process printed may take to be read. */
const printedMs = 500;

const holds = ({ services }: Part, domain: string | undefined): boolean =>
	domain !== undefined && services.split(",").includes(domain);

/** A mesh on which no schedule runs, with a node of the test's own to ask it. */
export class MeshDrill {
	readonly #mesh: TestMesh;
	readonly #node: Node;
	readonly #records: Records;
	readonly #domains: ReadonlyMap<string, string>;
	readonly #courseId: string;

	private constructor(
		mesh: TestMesh,
		node: Node,
		records: Records,
		domains: ReadonlyMap<string, string>,
		courseId: string,
	) {
		this.#mesh = mesh;
		this.#node = node;
		this.#records = records;
		this.#domains = domains;
		this.#courseId = courseId;
	}

	static async open(
		t: TestContext,
		servers: { nats: TestServer; mongo: TestServer },
	): Promise<MeshDrill> {
		const mesh = await startMesh(t, servers, { CRASH_AT: "count" });
		const folders = await findServices(root);
		const node = await startNode(t, {
			folders,
			env: { ...mesh.env, SERVICES: "none", LOG_LEVEL: "fatal" },
		});
		const database = await mongoose
			.createConnection(servers.mongo.url, { dbName: mesh.env.NAMESPACE as string })
			.asPromise();
		t.after(() => database.close());
		const records: Records = async name =>
			(await database.collection(name).find({}).toArray()) as unknown as Raw[];
		const domains = new Map(folders.map(({ name, domain }) => [name, domain]));
		return new MeshDrill(mesh, node, records, domains, await newCourse(node));
	}

	/** What a journey without a crash comes to at each stage, and the crash points it passed. */
	async whole(): Promise<{ outcomes: Map<Stage, Outcome>; points: Point[] }> {
		const admin = await adminToken(this.#node);
		const buyer = await newBuyer(this.#node, this.#courseId);
		await settled(this.#node);
		const before = this.#mesh.log.length;
		const outcomes = await playOn(this.#node, this.#records, buyer, admin);
		await pause(printedMs);
		const lines = this.#mesh.log.slice(before).map(line => line.replace(/^\S+ /, ""));
		return { outcomes, points: pointsIn(lines) };
	}

	/** Ends the process that holds the service at one of its points (`<service>:<n>:before|after`); what comes of it. */
	async crash(at: string): Promise<Aftermath> {
		const buyer = await newBuyer(this.#node, this.#courseId);
		await settled(this.#node);
		const [service = ""] = at.split(":");
		const part = [...this.#mesh.parts.values()].find(({ part }) =>
			holds(part, this.#domains.get(service)),
		) as MeshProcess;
		await part.end("SIGKILL");
		await this.#forget(part);
		const printed: string[] = [];
		const doomed = new MeshProcess(part.part, { ...this.#mesh.env, CRASH_AT: at }, line =>
			printed.push(line),
		);
		try {
			await doomed.start();
			await this.#meet(part);
			await this.#playUntilCrash(doomed, buyer);
		} finally {
			await doomed.end("SIGKILL");
			await this.#forget(part);
			await part.start();
			await this.#meet(part);
		}
		assert.ok(
			printed.some(line => line.startsWith(`crash point ${at} `)),
			`the journey did not end at ${at}\n${printed.join("\n")}`,
		);
		return recover(this.#node, this.#records, buyer, await adminToken(this.#node));
	}

	/** The client falls silent with the process: what it asked last may still come to its end, nothing follows. */
	async #playUntilCrash(doomed: MeshProcess, buyer: Parameters<typeof play>[1]): Promise<void> {
		const silence = new AbortController();
		const played = play(this.#node, buyer, silence.signal).catch(() => {});
		await Promise.race([doomed.ended(), played.then(() => pause(1_000))]);
		silence.abort();
		await this.#forget(doomed);
		await played;
	}

	#nodesOf({ part }: MeshProcess): string[] {
		const nodes = this.#node.broker.registry.getNodeList({ onlyAvailable: true });
		return (nodes as { id: string }[]).map(({ id }) => id).filter(id => id.startsWith(part.name));
	}

	/** Tells the mesh that a process is gone, which it would take from missing heartbeats 6 s later. */
	async #forget(process: MeshProcess): Promise<void> {
		for (const id of this.#nodesOf(process)) await sayGoodbyeFor(this.#node.broker, id);
		await until(() => this.#nodesOf(process).length === 0);
	}

	/** Waits until every service of a process is known; its node alone is known before. */
	async #meet(process: MeshProcess): Promise<void> {
		const services = [...this.#domains].filter(([, domain]) => holds(process.part, domain));
		const { registry } = this.#node.broker;
		await until(() => {
			const [id] = this.#nodesOf(process);
			return id !== undefined && services.every(([name]) => registry.hasService(name, id));
		});
	}
}

async function until(isSo: () => boolean): Promise<void> {
	const end = performance.now() + meetMs;
	while (!isSo()) {
		assert.ok(performance.now() < end, `still not so after ${meetMs} ms`);
		await pause(20);
	}
}
