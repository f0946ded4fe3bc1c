import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import { startMesh } from "../../support/mesh.ts";
import { root } from "../../support/node.ts";
import { freePort } from "../../support/ports.ts";
import { needs } from "../../support/servers.ts";

const waitMs = 30_000;
const sign = "zeolite $ ";
const admin = { ADMIN_EMAIL: "admin@zeolite.example", ADMIN_PASSWORD: "admin-password" };

/** A script of the product with its prompt on a pipe, as a person at it would see it. */
class Prompt {
	readonly #child: ChildProcess;
	#shown = "";
	#read = 0;

	constructor(script: string[], env: Record<string, string | undefined>) {
		this.#child = spawn(process.execPath, script, {
			cwd: root,
			env: { ...process.env, NATS_URL: "", MONGO_URL: "", REDIS_URL: "", ...env },
		});
		for (const stream of [this.#child.stdout, this.#child.stderr])
			stream?.setEncoding("utf8").on("data", (text: string) => {
				this.#shown += stripVTControlCharacters(text);
			});
	}

	get shown(): string {
		return this.#shown;
	}

	get isUp(): boolean {
		return this.#child.exitCode === null && this.#child.signalCode === null;
	}

	/** What it showed since the last sign of readiness, up to the next. */
	async answer(): Promise<string> {
		for (let waited = 0; waited < waitMs; waited += 10) {
			const end = this.#shown.indexOf(sign, this.#read);
			if (end >= 0) {
				const text = this.#shown.slice(this.#read, end);
				this.#read = end + sign.length;
				return text.trim();
			}
			assert(this.isUp, `it ended:\n${this.#shown}`);
			await pause(10);
		}
		throw new Error(`no prompt in ${waitMs} ms:\n${this.#shown}`);
	}

	send(text: string): void {
		this.#child.stdin?.write(text);
	}

	type(line: string): Promise<string> {
		this.send(`${line}\n`);
		return this.answer();
	}

	stopReading(): void {
		this.#child.stdout?.pause();
	}

	goOnReading(): void {
		this.#child.stdout?.resume();
	}

	closeInput(): void {
		this.#child.stdin?.end();
	}

	/** Its exit code, once it has ended. */
	async ended(): Promise<number | null> {
		if (this.isUp) await once(this.#child, "close");
		return this.#child.exitCode;
	}

	async kill(): Promise<void> {
		if (!this.isUp) return;
		this.#child.kill("SIGKILL");
		await this.ended();
	}
}

async function temporary(t: TestContext): Promise<string> {
	const dir = await mkdtemp(path.join(tmpdir(), "zeolite-repl-"));
	t.after(() => rm(dir, { recursive: true, force: true }));
	return dir;
}

/** Starts a script with its prompt and waits for the first sign; its history goes to a directory of its own. */
async function open(
	t: TestContext,
	script: string[],
	env: Record<string, string | undefined>,
): Promise<Prompt> {
	const dir = await temporary(t);
	const prompt = new Prompt(script, {
		HOME: dir,
		DATA_DIR: path.join(dir, "data"),
		LOG_LEVEL: "error",
		...env,
	});
	t.after(() => prompt.kill());
	await prompt.answer();
	return prompt;
}

/** The same conversation at either prompt. */
async function converse(prompt: Prompt): Promise<void> {
	assert.match(await prompt.type("whoami"), /^nobody/);
	assert.match(await prompt.type("call auth.me"), /401 UNAUTHENTICATED/);
	assert.match(
		await prompt.type("as admin@zeolite.example"),
		/^admin@zeolite\.example usr_\S+ \(admin\)$/,
	);
	assert.match(await prompt.type("whoami"), /^admin@zeolite\.example usr_\S+ \(admin\)$/);
	assert.match(await prompt.type("call auth.me"), /Response:\n(.*\n)*.*admin@zeolite\.example/);

	const made = await prompt.type(await prompt.type("sample courses.create"));
	assert.match(made, /title: 'Test Course',\n(.*\n)*.*priceMinor: 9999/);
	assert.match(await prompt.type('call courses.create --title "One more" --price 5'), /One more/);
	assert.match(await prompt.type("call courses.list --pageSize 1"), /total: 2/);
	assert.equal(
		(await prompt.type("call courses.create --price -1 --title x")).split("\n").slice(1).join("\n"),
		"422 VALIDATION_ERROR: Parameters validation error!\n  /price MINIMUM: must be >= 0",
	);
	assert.equal(
		await prompt.type("call courses.lst"),
		"There is no action courses.lst. Did you mean courses.list?",
	);
	assert.match(
		await prompt.type("try courses.get"),
		/^call courses\.get --id crs_\S+\n404 COURSE_NOT_FOUND/,
	);
	assert.match(await prompt.type("contract courses.get"), /^courses\.get \(read\): /);
	assert.equal(await prompt.type("as service payment-service"), "the service payment-service");
	assert.match(await prompt.type("call payments.get --id pay_1"), /403 FORBIDDEN/);
	assert.match(
		await prompt.type("facts pending"),
		/^publisher +pending +oldest\nauth +0\ncertificates +0\ncourses +0\nenrollments +0\n/,
	);
	assert.equal(await prompt.type("facts parked"), "No fact is parked");
	assert.match(await prompt.type("as nobody"), /^nobody/);
	assert.doesNotMatch(prompt.shown, /^ +at /m);
}

test("the prompt of an embedded node", async t => {
	const port = String(await freePort());
	const prompt = await open(t, ["start.ts", "--repl"], { ...admin, PORT: port });
	await converse(prompt);
	assert.equal((await fetch(`http://127.0.0.1:${port}/readyz`)).status, 200);
	prompt.send("exit\n");
	assert.equal(await prompt.ended(), 0);
});

const fixture = "test/integration/repl/fixtures/prompt.ts";

test("lines that come all at once run one after the other, and then it is left once", async t => {
	const prompt = await open(t, [fixture, "1000"], {});
	prompt.send("as service\ncall naps.nap\nwhoami\ncall naps.nap\nexit\n");
	prompt.closeInput();
	assert.equal(await prompt.ended(), 7);
	assert.match(
		prompt.shown,
		/As which service(.*\n)*.*rested(.*\n)*.*nobody(.*\n)*.*rested(.*\n)*left\n$/,
	);
	assert.equal(prompt.shown.split("left").length, 2);
});

test("an input that ends is waited for, and then it is left once", async t => {
	const prompt = await open(t, [fixture, "1000"], {});
	prompt.send("call naps.nap\ncall naps.nap\nwhoami\n");
	prompt.closeInput();
	assert.equal(await prompt.ended(), 7);
	assert.match(prompt.shown, /rested(.*\n)*.*rested(.*\n)*nobody.*\nleft\n$/);
});

test("a slow reader gets all that was said", async t => {
	const prompt = await open(t, [fixture, "0"], {});
	prompt.stopReading();
	prompt.send("contract naps\n".repeat(10_000));
	prompt.closeInput();
	await pause(2_000);
	prompt.goOnReading();
	assert.equal(await prompt.ended(), 7);
	assert.equal(prompt.shown.match(/naps: Takes its time/g)?.length, 10_000);
	assert.match(prompt.shown, /left\n$/);
});

test("npm run repl without a mesh says what to do", async () => {
	const prompt = new Prompt(["scripts/repl.ts"], {});
	assert.equal(await prompt.ended(), 1);
	assert.match(prompt.shown, /^NATS_URL is not set.*npm run dev/);
});

const servers = await needs("nats", "mongo");
if (servers)
	test("the prompt of a node without services on a running mesh", async t => {
		const mesh = await startMesh(t, servers, admin);
		const { NATS_URL, NAMESPACE } = mesh.env;
		const prompt = await open(t, ["scripts/repl.ts"], { NATS_URL, NAMESPACE, NODE_ID: "taken" });
		await converse(prompt);

		assert.match(await prompt.type("as admin@zeolite.example"), /^admin@/);
		const nodes = await prompt.type("nodes");
		const other = /(learning\S*)/.exec(nodes)?.[1];
		assert(other, nodes);
		assert.match(nodes, /repl-/);
		assert.doesNotMatch(nodes, /taken/);
		assert.match(await prompt.type(`dcall ${other} courses.list --q pottery`), /total: 0/);
		assert.match(await prompt.type("services"), /courses/);

		prompt.send("exit\n");
		assert.equal(await prompt.ended(), 0);
		const [gateway] = mesh.gateways;
		const health = await fetch(`${gateway}/api/health`);
		assert.equal(health.status, 200, await health.text());
	});
