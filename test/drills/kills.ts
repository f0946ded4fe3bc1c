import type { Drill } from "./drill.ts";
import { Buyers } from "./harness/buyers.ts";
import { killAtRandom, Marks } from "./harness/faults.ts";
import { Journal } from "./harness/journal.ts";
import { perSecond, rounded, spread } from "./harness/results.ts";
import { Stage } from "./harness/stage.ts";
import { judge } from "./harness/verdict.ts";

interface Size {
	purchases: number;
	parallel: number;
	kills: number;
	people: number;
}

export const kills: Drill<Size> = {
	name: "kills",
	title: "SIGKILL of payments, enrollments and notifications nodes during purchases",
	mustHold: "0 lost, 0 double, books balanced; p99 time to enrolled given",
	small: { purchases: 40, parallel: 4, kills: 3, people: 4 },
	full: { purchases: 5_000, parallel: 12, kills: 50, people: 25 },
	defects: {
		"receipt before effect": {
			file: "kernel/facts/consumer.ts",
			from: "try {\n\t\t\tawait this.#options.handle(fact);\n\t\t} catch (error) {\n\t\t\treturn this.#failed",
			to: 'await this.#write(fact, { state: "done", tries: (known?.tries ?? 0) + 1 });\n\t\tawait new Promise(next => setTimeout(next, 300));\n\t\ttry {\n\t\t\tawait this.#options.handle(fact);\n\t\t} catch (error) {\n\t\t\treturn this.#failed',
			why: "A consumer that dies between its receipt and its effect, here 300 ms, has lost the fact",
		},
		"acknowledged before it is kept": {
			file: "services/money/payments/payments.service.ts",
			from: "await this.inbox.take(name, event, bytes.toString());",
			to: "setTimeout(() => this.inbox.take(name, event, bytes.toString()).catch(() => {}), 500);",
			why: "A webhook that was answered 200 and not yet written is lost with the process",
		},
		"another id at each try": {
			file: "services/engagement/notifications/notifications.service.ts",
			from: 'id: derivedId("ntf", fact.id, userId),\n\t\t\t\t\tuserId,\n\t\t\t\t\ttype: fact.name,\n\t\t\t\t\ttitle,\n\t\t\t\t\tbody,\n\t\t\t\t\tdata,\n\t\t\t\t\tisRead: false,\n\t\t\t\t\tcreatedAt: fact.at,\n\t\t\t\t});',
			to: "id: 'ntf_' + crypto.randomUUID(),\n\t\t\t\t\tuserId,\n\t\t\t\t\ttype: fact.name,\n\t\t\t\t\ttitle,\n\t\t\t\t\tbody,\n\t\t\t\t\tdata,\n\t\t\t\t\tisRead: false,\n\t\t\t\t\tcreatedAt: fact.at,\n\t\t\t\t});\n\t\t\t\tawait new Promise(next => setTimeout(next, 300));",
			why: "A consumer that dies between its effect and its receipt has the effect twice",
		},
	},

	async run(run, size) {
		const stage = await Stage.open(run);
		const journal = new Journal(run);
		const courses = Math.ceil(size.purchases / size.people);
		const buyers = await Buyers.open(run, stage, journal, { people: size.people, courses });
		const victims = ["money", "learning", "engagement"].map(name => stage.part(name));
		const marks = new Marks();
		const [back] = await Promise.all([
			killAtRandom({
				victims,
				times: size.kills,
				seed: run.seed,
				progress: () => buyers.ended / size.purchases,
				onKill({ name }) {
					marks.add(name);
					run.say(`${name} killed after ${buyers.ended} purchases`);
				},
			}),
			buyers.drive(size.purchases, size.parallel),
		]);
		const seconds = marks.seconds();
		run.say(`${buyers.ended} purchases in ${seconds} s; not ok: ${JSON.stringify(journal.codes)}`);
		const verdict = await judge(stage, journal);
		const enrolledAt = buyers.purchases.flatMap(p => p.enrolledAt ?? []);
		return {
			counts: { purchases: buyers.ended, kills: size.kills, ...journal.counts, ...verdict.counts },
			figures: {
				"time to enrolled": spread(buyers.timesToEnrolled, "ms"),
				"killed until ready again": spread(back, "ms"),
				"purchases per second": { unit: "1/s", value: rounded(buyers.ended / seconds) },
				"webhooks refused": { unit: "", value: stage.webhooks.refused },
			},
			series: [{ name: "enrolled", unit: "1/s", points: perSecond(enrolledAt, marks.start) }],
			marks: marks.all,
			broken: verdict.broken,
		};
	},
};
