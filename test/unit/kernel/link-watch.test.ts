import assert from "node:assert/strict";
import { test } from "node:test";
import type { NatsConnection } from "nats";
import { Links } from "../../../kernel/link-watch.ts";
import { LoopLag } from "../../../kernel/loop-lag.ts";
import { Metrics } from "../../../kernel/middlewares/metrics.ts";

const turn = () => new Promise(setImmediate);

/** The part of a NATS client that is followed, moved by hand. */
class Client {
	readonly #events: string[] = [];
	#wake = () => {};
	#end: (error?: Error) => void = () => {};
	readonly #closed = new Promise<Error | undefined>(resolve => {
		this.#end = resolve;
	});

	async *status() {
		for (;;) {
			for (const type of this.#events.splice(0)) yield { type };
			await new Promise<void>(wake => {
				this.#wake = wake;
			});
		}
	}

	closed() {
		return this.#closed;
	}

	async tell(type: string): Promise<void> {
		this.#events.push(type);
		this.#wake();
		await turn();
	}

	async close(error?: Error): Promise<void> {
		this.#end(error);
		await turn();
	}
}

async function watched() {
	const problems = new Map<string, string>();
	const metrics = new Metrics(new LoopLag());
	const links = new Links({ problems, metrics });
	const client = new Client();
	const heard: string[] = [];
	links.watch("transport", client as unknown as NatsConnection, {
		onLost: () => heard.push("lost"),
		onBack: () => heard.push("back"),
		onClosed: reason => heard.push(reason),
	});
	await turn();
	const gauge = async () =>
		/zeolite_nats_connected\{link="transport"\} (\d)/.exec(await metrics.text())?.[1];
	return { problems, links, client, heard, gauge };
}

test("a link that is lost makes the node unready until it is back", async () => {
	const { problems, links, client, heard, gauge } = await watched();
	assert.equal(await gauge(), "1");
	assert.equal(links.isSettling("transport"), false);
	await client.tell("disconnect");
	assert.deepEqual(
		[links.isLost("transport"), problems.get("nats"), await gauge()],
		[true, "the link to NATS is lost", "0"],
	);
	assert.equal(links.isSettling("transport"), true);
	await client.tell("reconnecting");
	await client.tell("reconnect");
	assert.deepEqual(
		[links.isLost("transport"), problems.has("nats"), await gauge()],
		[false, false, "1"],
	);
	assert.deepEqual(heard, ["lost", "back"]);
});

test("with two links, one that is back does not make up for the other", async () => {
	const { problems, links, client } = await watched();
	const facts = new Client();
	links.watch("facts", facts as unknown as NatsConnection, { onClosed: () => {} });
	await turn();
	await client.tell("disconnect");
	await facts.tell("disconnect");
	await facts.tell("reconnect");
	assert.equal(problems.has("nats"), true);
	await client.tell("reconnect");
	assert.equal(problems.has("nats"), false);
});

test("a client that gave up for good ends the node, with its reason", async () => {
	const { problems, client, heard } = await watched();
	await client.close(new Error("'Authorization Violation'"));
	assert.deepEqual(heard, ["The NATS client closed for good: 'Authorization Violation'"]);
	assert.equal(problems.get("nats"), "the link to NATS is lost");
});

test("a client that is closed by a node that stops ends nothing", async () => {
	const { problems, client, heard } = await watched();
	problems.set("draining", "this node is stopping");
	await client.close();
	assert.deepEqual(heard, []);
});
