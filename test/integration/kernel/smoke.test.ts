import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { folderOf, startNode } from "../../support/node.ts";
import { needs } from "../../support/servers.ts";
import { listeners } from "./fixtures/listeners.contract.ts";
import { tellers } from "./fixtures/tellers.contract.ts";

const f = (c: any, n = c.name) => folderOf(c, `${import.meta.dirname}/fixtures/${n}.service.ts`);
const servers = await needs("nats", "mongo");
for (const mode of ["embedded", "mesh"])
	test(mode, async t => {
		const env =
			mode === "mesh"
				? { NATS_URL: servers!.nats.url, MONGO_URL: servers!.mongo.url, NAMESPACE: "a" }
				: {};
		let t0 = Date.now();
		const node = await startNode(t, {
			folders: [f(tellers), f(listeners)],
			env: { ...env, LOG_LEVEL: "warn" },
		});
		console.log("start", Date.now() - t0);
		t0 = Date.now();
		const b = node.broker as any;
		for (let i = 0; i < 50; i++) await b.call("tellers.tell", { key: `k${i}` });
		console.log("50 tells", Date.now() - t0);
		t0 = Date.now();
		for (let i = 0; i < 50; i++) await b.call("tellers.end", { key: `k${i}` });
		for (let i = 0; i < 20; i++) {
			await sleep(100);
			const heard = await b.call("listeners.heard");
			console.log(
				heard.items.length,
				heard.items.filter((x: any) => x.times === 2).length,
				await b.call("tellers.facts.pending"),
			);
			if (heard.items.filter((x: any) => x.times === 2).length === 50) break;
		}
		console.log(await b.call("tellers.facts.sweep", { now: true }));
		console.log(await b.call("tellers.facts.pending"));
		t0 = Date.now();
		t.after(() => console.log("stop", Date.now() - t0));
	});
