import { type ChildProcess, execFile, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { accessSync, closeSync, constants, existsSync, openSync, rmSync, statSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import path from "node:path";
import { after, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { freePort } from "./ports.ts";
import { STRIPE_MOCK_COMMAND } from "./stripe/openapi.ts";

/** A real server a test talks to. */
export interface TestServer {
	/** What a client connects to. It never changes, a restart keeps the port. */
	readonly url: string;
	/** The server's own process, undefined while it is down or when a variable named the server. */
	readonly pid: number | undefined;
	/** Ends it for good and removes its data. Does nothing to a server a variable named. */
	stop(): Promise<void>;
	/**
	 * Sends a signal; after one that ends a process (KILL, TERM, INT, QUIT) waits until it has ended.
	 * STOP takes hold a moment later: the system stops one thread after the other.
	 * Rejects when it is down, and for a server a variable named: that is not ours.
	 */
	kill(signal: NodeJS.Signals): Promise<void>;
	/**
	 * Starts it again on the same port and directory, ending it first if it still runs.
	 * Rejects when stopped for good, and for a server a variable named.
	 */
	restart(): Promise<void>;
}

export type ServerName = "nats" | "redis" | "mongo" | "stripe" | "s3";

export interface ServerOptions {
	/** Start one even where a variable names one: for tests that kill it or need it empty. */
	own?: boolean;
	/** Arguments after those every server of its kind gets: of an own one only. */
	args?: readonly string[];
	/** Variables of its process, over this one's: of an own one only. */
	env?: Readonly<Record<string, string>>;
}

interface Program {
	file: string;
	args(port: number, dir: string): string[];
	/** What it logs once it accepts clients. */
	ready: RegExp;
}

interface Kind {
	variable: "NATS_URL" | "REDIS_URL" | "MONGO_URL" | "STRIPE_MOCK_URL" | "S3_ENDPOINT";
	scheme: string;
	/** Rejects when a real client gets no answer at this address. */
	ask(url: string): Promise<void>;
	find(): Promise<Program | null>;
	/** The one command that brings the program. */
	command(): string;
}

/** How the name of the test begins that stands for a suite whose server is missing. */
export const MISSING = "missing server: ";

const START_MS = 30_000;
const STOP_MS = 5_000;
const ANSWER_MS = 3_000;
const NATS_OLDEST = { major: 2, minor: 12 };
const ENDING: ReadonlySet<string> = new Set(["SIGKILL", "SIGTERM", "SIGINT", "SIGQUIT"]);

const run = promisify(execFile);
const root = path.resolve(import.meta.dirname, "../..");
const mongoDir = path.join(import.meta.dirname, "mongo");

/**
 * NATS with JetStream, its store in a directory of its own.
 * @returns null when there is none here. With `t` it is stopped after that test.
 * @throws when the program is here and does not start within 30 s.
 */
export function nats(t?: TestContext, options?: ServerOptions): Promise<TestServer | null> {
	return open("nats", t, options);
}

/** Redis without persistence; else as `nats`. */
export function redis(t?: TestContext, options?: ServerOptions): Promise<TestServer | null> {
	return open("redis", t, options);
}

/**
 * A MongoDB wire server; else as `nats`. Without a mongod it is mongo-java-server: MongoDB 5.0
 * without transactions, in memory, so a restart empties it.
 */
export function mongo(t?: TestContext, options?: ServerOptions): Promise<TestServer | null> {
	return open("mongo", t, options);
}

/**
 * Stripe's own mock of its API: stateless, it answers fixtures and refuses requests that its
 * published OpenAPI does not allow; else as `nats`. A Stripe that remembers is `startFakeStripe`.
 */
export function stripe(t?: TestContext, options?: ServerOptions): Promise<TestServer | null> {
	return open("stripe", t, options);
}

/** Who may use the S3 server: the variables' where they name one, else an own one's. */
export const s3Keys = process.env.S3_ENDPOINT
	? {
			AWS_ACCESS_KEY_ID: process.env.AWS_ACCESS_KEY_ID ?? "",
			AWS_SECRET_ACCESS_KEY: process.env.AWS_SECRET_ACCESS_KEY ?? "",
		}
	: { AWS_ACCESS_KEY_ID: "zeolite-tests", AWS_SECRET_ACCESS_KEY: "a-secret-of-the-tests" };

/** A store that speaks S3 and checks signatures (versitygw, over a directory), with `s3Keys`; else as `nats`. */
export function s3(t?: TestContext, options?: ServerOptions): Promise<TestServer | null> {
	return open("s3", t, options);
}

/**
 * Declares at the top of a test file what its suite needs; stops them after its last test.
 * ```ts
 * const servers = await needs("nats", "mongo");
 * if (servers) test("…", async () => { … servers.nats.url … });
 * ```
 * @returns null when one is missing. A test then stands for the suite, skipped (failing where `CI`
 * is set), whose name says what is missing and which command brings it; `npm test` repeats it at
 * the end.
 * @throws when a server is here and does not start within 30 s.
 */
export function needs<K extends ServerName>(...names: K[]): Promise<Record<K, TestServer> | null> {
	return openAll(names, {});
}

/** As `needs`, and every server is the suite's own, never one that a variable names. */
export function needsOwn<K extends ServerName>(
	...names: K[]
): Promise<Record<K, TestServer> | null> {
	return openAll(names, { own: true });
}

/**
 * Whether programs of all these servers are here, without starting any: for a suite that starts its own in each test.
 * Where one is missing, a test stands for the suite as with `needs`.
 */
export async function areHere(...names: ServerName[]): Promise<boolean> {
	const found = await Promise.all(names.map(async name => (await kinds[name].find()) !== null));
	for (const [i, name] of names.entries())
		if (!found[i]) reportMissing(name, kinds[name].command());
	return !found.includes(false);
}

async function openAll<K extends ServerName>(
	names: K[],
	options: ServerOptions,
): Promise<Record<K, TestServer> | null> {
	const opened = await Promise.all(
		names.map(async name => ({ name, server: await open(name, undefined, options) })),
	);
	const servers = opened.flatMap(({ server }) => server ?? []);
	if (servers.length < names.length) {
		for (const { name, server } of opened)
			if (server === null) reportMissing(name, kinds[name].command());
		await Promise.all(servers.map(server => server.stop()));
		return null;
	}
	after(() => Promise.all(servers.map(server => server.stop())));
	return Object.fromEntries(opened.map(({ name, server }) => [name, server])) as Record<
		K,
		TestServer
	>;
}

/** Declares the test that stands for a suite without what it needs; `command` brings that. */
export function reportMissing(what: string, command: string): void {
	const suite = path.relative(root, process.argv[1] ?? "");
	const title = `${MISSING}${suite} needs ${what}, which this brings: ${command}`;
	if (!process.env.CI) test(title, { skip: true });
	else
		test(title, () => {
			throw new Error("with CI set no suite may be skipped for a missing server");
		});
}

async function open(
	name: ServerName,
	t: TestContext | undefined,
	options: ServerOptions = {},
): Promise<TestServer | null> {
	const kind = kinds[name];
	const given = process.env[kind.variable];
	if (given && !options.own) {
		try {
			await kind.ask(given);
			return new GivenServer(given, kind.variable);
		} catch (error) {
			console.error(`${kind.variable} does not answer (${message(error)}), looking further`);
		}
	}
	const program = await kind.find();
	if (program === null) return null;
	const server = new OwnServer(name, program, await freePort(), options);
	t?.after(() => server.stop());
	await server.start();
	return server;
}

class GivenServer implements TestServer {
	readonly pid = undefined;
	readonly url: string;
	readonly #variable: string;

	constructor(url: string, variable: string) {
		this.url = url;
		this.#variable = variable;
	}

	async stop(): Promise<void> {}

	kill(): Promise<void> {
		return Promise.reject(this.#refusal());
	}

	restart(): Promise<void> {
		return Promise.reject(this.#refusal());
	}

	#refusal(): Error {
		return new Error(`${this.#variable} names this server; a test may end only its own`);
	}
}

class OwnServer implements TestServer {
	readonly url: string;
	readonly #name: ServerName;
	readonly #program: Program;
	readonly #port: number;
	readonly #options: ServerOptions;
	#dir: string | undefined;
	#child: ChildProcess | undefined;
	#stopped = false;

	constructor(name: ServerName, program: Program, port: number, options: ServerOptions) {
		this.#name = name;
		this.#program = program;
		this.#port = port;
		this.#options = options;
		this.url = `${kinds[name].scheme}://127.0.0.1:${port}`;
	}

	get pid(): number | undefined {
		return this.#child?.pid;
	}

	async start(): Promise<void> {
		this.#dir ??= await mkdtemp(path.join(tmpdir(), `zeolite-${this.#name}-`));
		const logFile = path.join(this.#dir, "server.log");
		const log = openSync(logFile, "w");
		const { args: more = [], env } = this.#options;
		const { file, args } = tied(this.#program.file, [
			...this.#program.args(this.#port, this.#dir),
			...more,
		]);
		const child = spawn(file, args, {
			cwd: this.#dir,
			env: { ...process.env, ...env },
			stdio: ["ignore", log, log],
		});
		closeSync(log);
		// A server that runs on must not keep a test process from ending.
		child.unref();
		this.#child = child;
		running.add(this);
		child.once("exit", () => {
			if (this.#child === child) this.#child = undefined;
		});

		const giveUpAt = Date.now() + START_MS;
		for (;;) {
			const logged = await readFile(logFile, "utf8");
			if (this.#program.ready.test(logged)) return;
			const ended = this.#child !== child;
			if (ended || Date.now() > giveUpAt) {
				const tail = logged.trim().split("\n").slice(-10).join("\n");
				await this.stop();
				const how = ended ? "ended at once" : `is not ready in ${START_MS / 1000} s`;
				throw new Error(`${this.#program.file} ${how}:\n${tail}`);
			}
			await sleep(10);
		}
	}

	async stop(): Promise<void> {
		this.#stopped = true;
		await this.#end();
		this.abandon();
	}

	async kill(signal: NodeJS.Signals): Promise<void> {
		const child = this.#child;
		if (child === undefined) throw new Error(`${this.#name} is down, ${signal} reaches nobody`);
		if (!ENDING.has(signal)) {
			child.kill(signal);
			return;
		}
		const exit = exitOf(child);
		child.kill(signal);
		await exit;
	}

	async restart(): Promise<void> {
		if (this.#stopped) throw new Error(`${this.#name} was stopped for good`);
		await this.#end();
		await this.start();
	}

	/** Ends it without waiting: all that can be done while the test process exits. */
	abandon(): void {
		this.#child?.kill("SIGKILL");
		if (this.#dir !== undefined)
			rmSync(this.#dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
		running.delete(this);
	}

	async #end(): Promise<void> {
		const child = this.#child;
		if (child === undefined) return;
		const exit = exitOf(child);
		child.kill("SIGTERM");
		child.kill("SIGCONT");
		const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
		await exit;
		clearTimeout(timer);
	}
}

const running = new Set<OwnServer>();
process.on("exit", () => {
	for (const server of running) server.abandon();
});

function exitOf(child: ChildProcess): Promise<unknown> {
	child.ref();
	return once(child, "exit");
}

/**
 * A test process that is killed runs no handler, so where the system can (Linux), it is the system
 * that ends a server together with the process that started it.
 */
function tied(file: string, args: string[]): { file: string; args: string[] } {
	const death = ["--pdeathsig", "KILL"];
	canTie ??= spawnSync("setpriv", [...death, "true"], { stdio: "ignore" }).status === 0;
	return canTie ? { file: "setpriv", args: [...death, file, ...args] } : { file, args };
}

let canTie: boolean | undefined;

const kinds: Record<ServerName, Kind> = {
	nats: {
		variable: "NATS_URL",
		scheme: "nats",
		async ask(url) {
			const { connect } = await import("nats");
			const servers = url.split(",");
			const client = await connect({ servers, reconnect: false, timeout: ANSWER_MS });
			const jetstream = client.info?.jetstream;
			await client.close();
			if (!jetstream) throw new Error("it has no JetStream");
		},
		async find() {
			for (const file of candidates("nats-server", goDirs())) {
				const { stdout } = await run(file, ["--version"]);
				const [, major, minor] = /(\d+)\.(\d+)/.exec(stdout) ?? [];
				const newer = Number(major) - NATS_OLDEST.major || Number(minor) - NATS_OLDEST.minor;
				if (newer >= 0)
					return {
						file,
						args: (port, dir) => ["-js", "-sd", dir, "-a", "127.0.0.1", "-p", String(port)],
						ready: /Server is ready/,
					};
			}
			return null;
		},
		command: () => "go install github.com/nats-io/nats-server/v2@v2.15.0",
	},
	redis: {
		variable: "REDIS_URL",
		scheme: "redis",
		async ask(url) {
			const { Redis } = await import("ioredis");
			const client = new Redis(url, {
				lazyConnect: true,
				connectTimeout: ANSWER_MS,
				commandTimeout: ANSWER_MS,
				retryStrategy: null,
			});
			let refused: unknown;
			client.on("error", error => {
				refused = error;
			});
			try {
				await client.connect();
				await client.ping();
			} catch (error) {
				throw refused ?? error;
			} finally {
				client.disconnect();
			}
		},
		async find() {
			const file = onPath("redis-server");
			if (file === undefined) return null;
			return {
				file,
				args: (port, dir) => {
					const where = ["--bind", "127.0.0.1", "--port", String(port), "--dir", dir];
					return [...where, "--save", "", "--appendonly", "no"];
				},
				ready: /Ready to accept connections/,
			};
		},
		command: () => "apt-get install -y redis-server",
	},
	mongo: {
		variable: "MONGO_URL",
		scheme: "mongodb",
		async ask(url) {
			const { default: mongoose } = await import("mongoose");
			const connection = mongoose.createConnection(url, { serverSelectionTimeoutMS: ANSWER_MS });
			try {
				await connection.asPromise();
			} finally {
				await connection.close();
			}
		},
		async find() {
			const mongod = onPath("mongod");
			if (mongod !== undefined)
				return {
					file: mongod,
					args: (port, dir) => ["--bind_ip", "127.0.0.1", "--port", String(port), "--dbpath", dir],
					ready: /Waiting for connections/i,
				};
			const java = onPath("java");
			// Without a compiler beside it, java runs no source file.
			if (java === undefined || onPath("javac") === undefined) return null;
			const classpath = await mongoClasspath();
			if (classpath === null) return null;
			const source = path.join(mongoDir, "MongoServer.java");
			return {
				file: java,
				args: port => ["-cp", classpath, source, String(port)],
				ready: /Waiting for connections/,
			};
		},
		command() {
			const resolve = "mvn -q -f test/support/mongo dependency:build-classpath";
			const tools = onPath("javac") !== undefined && onPath("mvn") !== undefined;
			return tools ? resolve : `apt-get install -y default-jdk-headless maven && ${resolve}`;
		},
	},
	stripe: {
		variable: "STRIPE_MOCK_URL",
		scheme: "http",
		async ask(url) {
			const answer = await fetch(new URL("/v1/balance", url), {
				headers: { authorization: "Bearer sk_test_123" },
				signal: AbortSignal.timeout(ANSWER_MS),
			});
			if (!answer.headers.has("stripe-mock-version")) throw new Error("it is no stripe-mock");
		},
		async find() {
			const file = candidates("stripe-mock", goDirs()).next().value;
			if (file === undefined) return null;
			return {
				file,
				// Unless told where, it takes a fixed port on all addresses for HTTPS too.
				args: port => ["-http-addr", `127.0.0.1:${port}`, "-https-addr", "127.0.0.1:0"],
				ready: /Listening for HTTPS/,
			};
		},
		command: () => STRIPE_MOCK_COMMAND,
	},
	s3: {
		variable: "S3_ENDPOINT",
		scheme: "http",
		async ask(url) {
			const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
			if (!/<Code>|<ListAllMyBuckets/.test(await answer.text()))
				throw new Error("it is no S3 store");
		},
		async find() {
			const file = candidates("versitygw", goDirs()).next().value;
			if (file === undefined) return null;
			const keys = ["--access", s3Keys.AWS_ACCESS_KEY_ID, "--secret", s3Keys.AWS_SECRET_ACCESS_KEY];
			return {
				file,
				args: (port, dir) => [...keys, "--port", `127.0.0.1:${port}`, "posix", dir],
				ready: /S3 service listening on/,
			};
		},
		command: () => "go install github.com/versity/versitygw/cmd/versitygw@v1.8.0",
	},
};

/** What Maven resolved before; made here from the local repository when only that has the jars. */
async function mongoClasspath(): Promise<string | null> {
	const pom = path.join(mongoDir, "pom.xml");
	const file = path.join(root, ".cache", "mongo.classpath");
	if (existsSync(file) && statSync(file).mtimeMs >= statSync(pom).mtimeMs) {
		const classpath = (await readFile(file, "utf8")).trim();
		if (classpath.split(path.delimiter).every(jar => existsSync(jar))) return classpath;
	}
	const mvn = onPath("mvn");
	const jars = path.join(
		homedir(),
		".m2/repository/de/bwaldvogel/mongo-java-server-memory-backend",
	);
	if (mvn === undefined || !existsSync(jars)) return null;
	// Test files that run at the same time may all come here, and none may read half a file.
	const made = `${file}.${process.pid}`;
	try {
		await mkdir(path.dirname(file), { recursive: true });
		const output = `-Dmdep.outputFile=${made}`;
		await run(mvn, ["-o", "-q", "-f", pom, "dependency:build-classpath", output]);
		await rename(made, file);
	} catch {
		return null;
	}
	return (await readFile(file, "utf8")).trim();
}

/** Where `go install` puts programs. */
function* goDirs(): Generator<string> {
	if (process.env.GOBIN) yield process.env.GOBIN;
	const go = onPath("go");
	if (go !== undefined) {
		const paths = execFileSync(go, ["env", "GOPATH"], { encoding: "utf8" }).trim();
		for (const dir of paths.split(path.delimiter)) yield path.join(dir, "bin");
	}
	yield path.join(homedir(), "go", "bin");
}

function onPath(program: string): string | undefined {
	return candidates(program).next().value ?? undefined;
}

function* candidates(program: string, further: Iterable<string> = []): Generator<string, void> {
	const named = (process.env.PATH ?? "").split(path.delimiter).filter(dir => dir !== "");
	for (const dirs of [named, further])
		for (const dir of dirs) {
			const file = path.join(dir, program);
			if (isProgram(file)) yield file;
		}
}

function isProgram(file: string): boolean {
	try {
		accessSync(file, constants.X_OK);
		return statSync(file).isFile();
	} catch {
		return false;
	}
}

function message(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}
