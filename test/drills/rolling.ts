import { setTimeout as pause } from "node:timers/promises";
import type { Drill } from "./drill.ts";
import { Exchange } from "./harness/exchange.ts";
import { Marks } from "./harness/faults.ts";
import { Journal } from "./harness/journal.ts";
import { inFew, Stage } from "./harness/stage.ts";
import { Traffic, type TrafficSize } from "./harness/traffic.ts";
import { judge } from "./harness/verdict.ts";

interface Size extends TrafficSize {
	rounds: number;
	/** Of the split, in the order of a round. */
	parts: string[];
	/** Between two restarts, and at the beginning. */
	quietMs: number;
	/** All in few processes. */
	isSmall?: boolean;
}

/** Each of those that are exchanged has a domain besides its own. */
const few = inFew({
	"gateway-2": "gateway",
	identity: "identity",
	learning: "learning,commerce",
	money: "money,content",
});

export const rolling: Drill<Size> = {
	name: "rolling",
	title: "Rolling restart of every service and gateway under reads and purchases",
	mustHold: "0 failed: no 5xx, no cut connection; each old process ends with 0 within 10 s",
	small: {
		rounds: 1,
		parts: ["gateway-1", "identity", "learning", "money"],
		quietMs: 300,
		people: 4,
		courses: 16,
		purchases: 1,
		reads: 20,
		kept: 2,
		isSmall: true,
	},
	full: {
		rounds: 3,
		parts: ["gateway-1", "identity", "learning", "money", "engagement", "platform", "gateway-2"],
		quietMs: 3_000,
		people: 25,
		courses: 60,
		purchases: 5,
		reads: 100,
		kept: 8,
	},
	defects: {
		"nobody waits for what is under way": {
			file: "moleculer.config.ts",
			from: "tracking: { enabled: true, shutdownTimeout: 7_000 },",
			to: "tracking: { enabled: false, shutdownTimeout: 7_000 },",
			why: "A node that leaves takes the calls with it that it was answering",
		},
		"no notice of a gateway's end": {
			file: "services/gateway/api/gateway.mixin.ts",
			from: "const noticeMs = 2_000;",
			to: "const noticeMs = 0;",
			why: "A load balancer sends clients to a gateway that has closed already",
		},
		"a connection is not ended with its answer": {
			file: "services/gateway/api/receive.ts",
			from: 'if (problems.has("draining")) response.setHeader("connection", "close");',
			to: "",
			why: "Whoever keeps a connection asks once more over it when it is cut",
		},
		"ready before it is known": {
			file: "kernel/node.ts",
			from: "await announce(broker);",
			to: "(broker as unknown as { localServiceChanged: { cancel(): void } }).localServiceChanged.cancel();\n\t\t\tsetTimeout(() => void announce(broker), 400);",
			why: "The old node is told to stop before anybody knows the new one, for 400 ms here",
		},
	},

	async run(run, size) {
		const stage = await Stage.open(run, { files: true, ...(size.isSmall && { parts: few }) });
		const journal = new Journal(run);
		const traffic = await Traffic.open(run, stage, journal, size);
		const marks = new Marks();
		const exchange = new Exchange(stage, marks);
		traffic.start();
		for (let round = 0; round < size.rounds; round++)
			for (const name of size.parts) {
				await pause(size.quietMs);
				const { from, to, drainMs, code } = await exchange.replace(name);
				run.say(`${name}: exit ${code}, drained in ${drainMs} ms, ${to - from} ms in all`);
			}
		await pause(size.quietMs);
		await traffic.stop();
		run.say(`not ok: ${JSON.stringify(journal.codes)}`);
		const verdict = await judge(stage, journal);
		const broken = [...exchange.broken, ...traffic.broken, ...verdict.broken];
		journal.judged(broken, stage.log);
		return {
			counts: { restarts: exchange.made.length, ...traffic.counts, ...verdict.counts },
			figures: { ...exchange.figures, ...traffic.figures(exchange) },
			series: traffic.series(marks),
			marks: marks.all,
			broken,
		};
	},
};
