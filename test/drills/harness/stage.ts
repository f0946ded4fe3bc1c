import { paginateListObjectsV2 } from "@aws-sdk/client-s3";
import type { Connection } from "mongoose";
import mongoose from "mongoose";
import { type Part, packed, split } from "../../../deploy/split.ts";
import { findServices } from "../../../kernel/load.ts";
import type { Node } from "../../../kernel/node.ts";
import { type Bucket, newBucket } from "../../support/bucket.ts";
import { stripeEnv } from "../../support/counters.ts";
import { type Ask, asking } from "../../support/crash-journey.ts";
import { meshEnv } from "../../support/mesh.ts";
import { root, startNode } from "../../support/node.ts";
import { freePort } from "../../support/ports.ts";
import { natsUrls, securedNats } from "../../support/secured-nats.ts";
import { mongo, redis, s3, type TestServer } from "../../support/servers.ts";
import { type FakeStripe, startFakeStripe } from "../../support/stripe/fake-stripe.ts";
import type { Run } from "../drill.ts";
import { Gateways } from "./gateways.ts";
import { StagePart } from "./parts.ts";
import { Webhooks } from "./webhooks.ts";

export type ServerOf = "nats" | "redis" | "mongo";

export interface StageOptions {
	/** Variables of every process, over those of a test mesh. */
	env?: Record<string, string>;
	/**
	 * Where a part reaches a server: another host and port (`127.0.0.1:4223`) where there is a proxy between them.
	 * Asked when the part is made; undefined for the server itself.
	 */
	reach?(server: ServerOf, part: string): string | undefined;
	/** Whether there is an S3 store that files are kept in; nobody can upload without it. */
	files?: boolean;
	/** Whether the drill stops the database, which then is its own; else all drills of a run have one between them. */
	stopsStore?: boolean;
	/** The processes of the mesh; those of `deploy/split.ts`, packed, where not given. */
	parts?: readonly Pick<Part, "name" | "services">[];
}

/** A document as the database has it. */
// biome-ignore lint/suspicious/noExplicitAny: drills look at whatever is there
export type Raw = Record<string, any> & { _id: string };

/** All documents of a database by collection, as they were at one instant. */
export type Copy = ReadonlyMap<string, readonly Raw[]>;

/**
 * The mesh in few processes, for small sizes: what a drill strikes by itself, a gateway, and all the rest in one with
 * another gateway.
 * @param apart services by the name of their process; what is not named runs in `rest`.
 */
export function inFew(apart: Readonly<Record<string, string>>): NonNullable<StageOptions["parts"]> {
	const named = Object.values(apart).flatMap(services => services.split(","));
	const rest = split.map(({ services }) => services).filter(name => !named.includes(name));
	return [
		{ name: "gateway-1", services: "gateway" },
		...Object.entries(apart).map(([name, services]) => ({ name, services })),
		...(rest.length > 0 ? [{ name: "rest", services: [...new Set(rest)].join(",") }] : []),
	];
}

/**
 * All of a drill's world, on loopback: the servers, a Stripe outside that posts its webhooks, the mesh of
 * `deploy/split.ts` as supervised processes, the gateways as a load balancer gives them out, a quiet node of the mesh in
 * this process to ask services and look at the registry, and the database itself.
 */
export class Stage {
	/** With `deploy/nats.conf`; a restart keeps port and stream. */
	readonly nats: TestServer;
	readonly redis: TestServer;
	/** In memory unless there is a mongod: pause it (`stopsStore`), never kill it. */
	readonly mongo: TestServer;
	/** Base URL of NATS's monitoring (`/connz`, `/jsz`, …). */
	readonly natsMonitor: string;
	readonly fake: FakeStripe;
	readonly gateways = new Gateways();
	readonly webhooks: Webhooks;
	/** By name, as in `deploy/split.ts`, and those that were added. */
	readonly parts = new Map<string, StagePart>();
	/** What the processes printed, last 20,000 lines. */
	readonly log: string[] = [];
	/** Runs no service. Its broker shows the registry. */
	readonly node!: Node;
	/** Calls an action as a service would. */
	readonly ask!: Ask;
	readonly database!: Connection;
	readonly #run: Run;
	readonly #options: StageOptions;
	readonly #env: Record<string, string>;
	readonly #bucket: Bucket | undefined;
	#added = 0;

	private constructor(
		run: Run,
		options: StageOptions,
		servers: Record<ServerOf, TestServer>,
		monitor: string,
		fake: FakeStripe,
		bucket?: Bucket,
	) {
		this.#run = run;
		this.#options = options;
		this.nats = servers.nats;
		this.redis = servers.redis;
		this.mongo = servers.mongo;
		this.natsMonitor = monitor;
		this.fake = fake;
		this.webhooks = new Webhooks(fake, this.gateways);
		this.#bucket = bucket;
		this.#env = { ...meshEnv(), ...stripeEnv(fake), ...bucket?.env, ...options.env };
	}

	/** Everything up and ready; ended with the run. @throws Error where a server's program is missing. */
	static async open(run: Run, options: StageOptions = {}): Promise<Stage> {
		const { server, monitor } = present("nats-server", await securedNats());
		const servers = {
			nats: server,
			redis: present("redis-server", await redis(undefined, { own: true })),
			mongo: present("a MongoDB server", await storeFor(options)),
		};
		run.after(() => Promise.all([server.stop(), servers.redis.stop()]));
		if (options.stopsStore) run.after(() => servers.mongo.stop());
		const bucket = options.files ? await bucketOf(run) : undefined;
		const stage = new Stage(run, options, servers, monitor, await startFakeStripe(run), bucket);
		run.after(() => stage.#close());
		const { parts = packed } = options;
		const from = performance.now();
		await Promise.all(parts.map(({ name, services }) => stage.add(services, name)));
		await stage.#look();
		run.say(
			`${parts.length} processes were ready after ${Math.round(performance.now() - from)} ms`,
		);
		return stage;
	}

	/** The namespace, which is the database's name too. */
	get namespace(): string {
		return this.#env.NAMESPACE as string;
	}

	/** The admin that the mesh makes at its first start. */
	get admin(): { email: string; password: string } {
		return {
			email: this.#env.ADMIN_EMAIL as string,
			password: this.#env.ADMIN_PASSWORD as string,
		};
	}

	/** A part of the split, or one that was added. */
	part(name: string): StagePart {
		return present(name, this.parts.get(name) ?? null);
	}

	/** The parts that run these domains or services (`money`). */
	running(services: string): StagePart[] {
		return [...this.parts.values()].filter(({ part }) => part.services === services);
	}

	/**
	 * One more process of these domains or services on a free port, ready and supervised; a gateway is given out.
	 * @param sources where its sources are; the run's where not given.
	 */
	async add(
		services: string,
		name = `${services}-${++this.#added}-more`,
		sources = this.#run.sources,
	): Promise<StagePart> {
		const part = new StagePart(
			{ name, services, port: await freePort() },
			{ ...this.#env, ...this.urls(name) },
			line => this.#print(`${name} ${line}`),
			sources,
		);
		this.parts.set(name, part);
		await part.start();
		if (services.split(",").includes("gateway")) await this.gateways.add(part.url);
		return part;
	}

	/** Tells a part to stop, waits for its end, and forgets it. @returns its exit code, null where a signal ended it. */
	async remove(part: StagePart, signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
		const code = await part.stop(signal);
		this.parts.delete(part.name);
		this.gateways.remove(part.url);
		return code;
	}

	/** The servers' URLs as this part reaches them. */
	urls(part: string): Record<string, string> {
		const { reach = () => undefined } = this.#options;
		const at = (server: ServerOf) => reach(server, part) ?? new URL(this[server].url).host;
		return {
			...natsUrls(at("nats")),
			REDIS_URL: `redis://${at("redis")}`,
			MONGO_URL: `mongodb://${at("mongo")}`,
		};
	}

	/** SIGSTOP to a server: its connections stay open and nothing answers. */
	pause(server: ServerOf): Promise<void> {
		return this[server].kill("SIGSTOP");
	}

	/** SIGCONT. */
	resume(server: ServerOf): Promise<void> {
		return this[server].kill("SIGCONT");
	}

	/** All documents of a collection, as the database has them. */
	async records(collection: string): Promise<Raw[]> {
		return (await this.database.collection(collection).find({}).toArray()) as unknown as Raw[];
	}

	/** Size of each file in the store, by its key, bytes; none where there is no store. */
	async objects(): Promise<Map<string, number>> {
		const sizes = new Map<string, number>();
		if (!this.#bucket) return sizes;
		const { client, env } = this.#bucket;
		for await (const { Contents = [] } of paginateListObjectsV2(
			{ client },
			{ Bucket: env.AWS_S3_BUCKET },
		))
			for (const { Key, Size } of Contents) if (Key) sizes.set(Key, Size ?? 0);
		return sizes;
	}

	/** Names of all collections there are. */
	async collections(): Promise<string[]> {
		const all = (await this.database.listCollections()).map(({ name }) => name);
		return all.filter(name => !name.startsWith("system.")).sort();
	}

	/** The whole database as it is; of one instant only while every node is paused. */
	async copy(): Promise<Copy> {
		const copied = new Map<string, Raw[]>();
		for (const name of await this.collections()) copied.set(name, await this.records(name));
		return copied;
	}

	/** Puts the whole database back; what was made since is gone. Indexes stay. */
	async restore(copy: Copy): Promise<void> {
		for (const name of await this.collections()) {
			const collection = this.database.collection(name);
			await collection.deleteMany({});
			const docs = copy.get(name) ?? [];
			if (docs.length > 0) await collection.insertMany(docs as never);
		}
	}

	/** The node and the database connection of this process. */
	async #look(): Promise<void> {
		const env = { ...this.#env, ...this.urls("operator"), NATS_SYSTEM_URL: "" };
		const node = await startNode(this.#run, {
			folders: await findServices(root),
			env: { ...env, SERVICES: "none", LOG_LEVEL: "fatal" },
		});
		const database = await mongoose
			.createConnection(this.mongo.url, { dbName: this.namespace })
			.asPromise();
		this.#run.after(async () => {
			await database.dropDatabase();
			await database.close();
		});
		Object.assign(this, { node, ask: asking(node), database });
	}

	/** A line of progress of the drill. */
	say(line: string): void {
		this.#run.say(line);
	}

	#print(line: string): void {
		this.log.push(line);
		if (this.log.length > 20_000) this.log.splice(0, 1_000);
	}

	async #close(): Promise<void> {
		this.webhooks.stop();
		this.gateways.stop();
		await Promise.all([...this.parts.values()].map(part => part.stop("SIGKILL")));
	}
}

/** Most of what a database costs a small drill is its start. It ends with this process. */
let shared: Promise<TestServer | null> | undefined;

function storeFor({ stopsStore }: StageOptions): Promise<TestServer | null> {
	if (stopsStore) return mongo(undefined, { own: true });
	shared ??= mongo(undefined, { own: true });
	return shared;
}

async function bucketOf(run: Run): Promise<Bucket> {
	const store = present("S3 server", await s3(undefined, { own: true }));
	run.after(() => store.stop());
	return newBucket(run, store);
}

function present<T>(what: string, found: T | null): T {
	if (found === null) throw new Error(`There is no ${what} here`);
	return found;
}
