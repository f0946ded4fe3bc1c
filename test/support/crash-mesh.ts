import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { ListMultipartUploadsCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import mongoose from "mongoose";
import { MeshProcess } from "../../deploy/process.ts";
import type { Part } from "../../deploy/split.ts";
import { sayGoodbyeFor } from "../../kernel/link-watch.ts";
import { findServices } from "../../kernel/load.ts";
import type { Node } from "../../kernel/node.ts";
import { type Bucket, newBucket } from "./bucket.ts";
import {
	type Aftermath,
	adminToken,
	memoryOf,
	type Outcomes,
	type Played,
	type Point,
	playOn,
	pointsIn,
	type Return,
	recover,
} from "./crash.ts";
import { type Journey, type Place, play, type Raw, settled } from "./crash-journey.ts";
import { type JourneyName, journeys } from "./crash-journeys.ts";
import { startMesh, type TestMesh } from "./mesh.ts";
import { root, startNode } from "./node.ts";
import type { TestServer } from "./servers.ts";

const meetMs = 15_000;
/** How long what a process printed may take to be read. */
const printedMs = 500;

const holds = ({ services }: Part, domain: string | undefined): boolean =>
	domain !== undefined && services.split(",").includes(domain);

/** The files whose bytes, or parts of them, lie in a bucket. */
async function storedIn({ client, env }: Bucket): Promise<string[]> {
	const where = { Bucket: env.AWS_S3_BUCKET };
	const [{ Contents = [] }, { Uploads = [] }] = await Promise.all([
		client.send(new ListObjectsV2Command(where)),
		client.send(new ListMultipartUploadsCommand(where)),
	]);
	return [...Contents, ...Uploads].map(({ Key = "" }) => Key.split("/")[1] as string);
}

/** A mesh on which no schedule runs, with a node of the test's own to ask it. */
export class MeshDrill {
	readonly #mesh: TestMesh;
	readonly #place: Place;
	readonly #domains: ReadonlyMap<string, string>;

	private constructor(mesh: TestMesh, place: Place, domains: ReadonlyMap<string, string>) {
		this.#mesh = mesh;
		this.#place = place;
		this.#domains = domains;
	}

	static async open(
		t: TestContext,
		servers: Record<"nats" | "mongo" | "s3", TestServer>,
	): Promise<MeshDrill> {
		const bucket = await newBucket(t, servers.s3);
		const mesh = await startMesh(t, servers, { CRASH_AT: "count", ...bucket.env });
		const folders = await findServices(root);
		const node = await startNode(t, {
			folders,
			env: { ...mesh.env, SERVICES: "none", LOG_LEVEL: "fatal" },
		});
		const database = await mongoose
			.createConnection(servers.mongo.url, { dbName: mesh.env.NAMESPACE as string })
			.asPromise();
		t.after(() => database.close());
		const place: Place = {
			node,
			records: async name =>
				(await database.collection(name).find({}).toArray()) as unknown as Raw[],
			stored: () => storedIn(bucket),
			async age() {
				const swept = { sweepAt: { $exists: true } };
				await database.collection("files").updateMany(swept, { $set: { sweepAt: 0 } });
			},
		};
		return new MeshDrill(mesh, place, new Map(folders.map(({ name, domain }) => [name, domain])));
	}

	get #node(): Node {
		return this.#place.node;
	}

	/** What a journey without a crash comes to at each stage, and the crash points it passed. */
	async whole(name: JourneyName): Promise<{ outcomes: Outcomes; points: Point[] }> {
		const journey: Journey = journeys[name];
		const played = await this.#played(journey);
		const before = this.#mesh.log.length;
		const outcomes = await playOn(journey, this.#place, played);
		await pause(printedMs);
		const lines = this.#mesh.log.slice(before).map(line => line.replace(/^\S+ /, ""));
		return { outcomes, points: pointsIn(lines) };
	}

	/** Ends the process that holds the service at one of its points (`<service>:<n>:before|after`); what comes of it. */
	async crash(name: JourneyName, at: string, back: Return): Promise<Aftermath> {
		const journey: Journey = journeys[name];
		const played = await this.#played(journey);
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
			await this.#playUntilCrash(doomed, journey, played);
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
		return recover(journey, this.#place, played, back);
	}

	/** New people, before they begin. */
	async #played(journey: Journey): Promise<Played> {
		const admin = await adminToken(this.#node);
		const cast = await journey.cast(this.#node, admin);
		await settled(this.#node);
		return { cast, admin, memory: memoryOf() };
	}

	/** The clients fall silent with the process: what they asked last may still come to its end, nothing follows. */
	async #playUntilCrash(doomed: MeshProcess, journey: Journey, played: Played): Promise<void> {
		const silence = new AbortController();
		const ended = play(journey, this.#place, played, silence.signal).catch(() => {});
		await Promise.race([doomed.ended(), ended.then(() => pause(1_000))]);
		silence.abort();
		await this.#forget(doomed);
		await ended;
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
