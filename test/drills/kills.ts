import type { Drill } from "./drill.ts";
import { Buyers } from "./harness/buyers.ts";
import { killAtRandom, Marks } from "./harness/faults.ts";
import { hurry } from "./harness/hurry.ts";
import { Journal } from "./harness/journal.ts";
import { perSecond, rounded, spread } from "./harness/results.ts";
import { School } from "./harness/school.ts";
import { inFew, Stage } from "./harness/stage.ts";
import { judge } from "./harness/verdict.ts";

interface Size {
	purchases: number;
	parallel: number;
	kills: number;
	people: number;
	/** From the end of one upload to the next. */
	uploadRestMs: number;
	/** Names of the processes that are killed. */
	victims: readonly string[];
	/** All in few processes, and what schedules do is done each second once the kills are over. */
	isSmall?: boolean;
}

/** Each of those that are killed has a domain besides its own. */
const few = inFew({
	money: "money",
	learning: "learning,commerce",
	engagement: "engagement,content",
});

export const kills: Drill<Size> = {
	name: "kills",
	title:
		"SIGKILL of money, learning, content and engagement nodes during purchases, lessons, uploads and reviews",
	mustHold: "0 lost, 0 double, books balanced; p99 time to enrolled given",
	small: {
		purchases: 30,
		parallel: 4,
		kills: 3,
		people: 4,
		uploadRestMs: 600,
		victims: ["money", "learning", "engagement"],
		isSmall: true,
	},
	full: {
		purchases: 5_000,
		parallel: 12,
		kills: 50,
		people: 25,
		uploadRestMs: 1_000,
		victims: ["money", "learning", "engagement", "content"],
	},
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
			from: 'const id = derivedId("ntf", fact.id, userId);\n\t\t\tconst doc: NotificationDoc = {\n\t\t\t\tid,\n\t\t\t\tuserId,\n\t\t\t\ttype,\n\t\t\t\ttitle,\n\t\t\t\tbody,\n\t\t\t\tdata,\n\t\t\t\tisRead: !inApp,\n\t\t\t\t...(!inApp && { hidden: true }),\n\t\t\t\t...(at !== undefined && { mailAt: at }),\n\t\t\t\tcreatedAt: fact.at,\n\t\t\t};\n\t\t\tlet decided: NotificationDoc | null = doc;\n\t\t\ttry {\n\t\t\t\tawait this.notifications.insert(doc);',
			to: 'const id = "ntf_" + crypto.randomUUID();\n\t\t\tconst doc: NotificationDoc = {\n\t\t\t\tid,\n\t\t\t\tuserId,\n\t\t\t\ttype,\n\t\t\t\ttitle,\n\t\t\t\tbody,\n\t\t\t\tdata,\n\t\t\t\tisRead: !inApp,\n\t\t\t\t...(!inApp && { hidden: true }),\n\t\t\t\t...(at !== undefined && { mailAt: at }),\n\t\t\t\tcreatedAt: fact.at,\n\t\t\t};\n\t\t\tlet decided: NotificationDoc | null = doc;\n\t\t\ttry {\n\t\t\t\tawait this.notifications.insert(doc);\n\t\t\t\tawait new Promise(next => setTimeout(next, 300));',
			why: "A consumer that dies between its effect and its receipt has the effect twice",
		},
		"a certificate outlives its course": {
			file: "services/learning/certificates/certificates.service.ts",
			from: 'async "enrollment.dropped"({ enrollmentId }, ctx) {\n\t\t\tawait this.register(ctx).agree(enrollmentId);',
			to: 'async "enrollment.dropped"() {',
			why: "Who was given the money back keeps what says that the course was completed",
		},
		"the bytes go with the upload": {
			file: "services/content/files/uploads.ts",
			from: ".purge({ id }, key)\n",
			to: ".purge({ id })\n",
			why: "What is tidied up after a confirmation is the film itself",
		},
		"a film is made once or never": {
			file: "services/content/videos/encoding.ts",
			from: "{ $set: { askAt: now + askAgainMs(asks, assetId !== undefined) }, $inc: { asks: 1 } },\n\t\t);",
			to: "{ $unset: { askAt: true }, $inc: { asks: 1 } },\n\t\t);\n\t\tawait new Promise(next => setTimeout(next, 1_500));",
			why: "A node that dies while a film is being made leaves nobody who would make it",
		},
		"a review outlives its seat": {
			file: "services/commerce/reviews/reviews.service.ts",
			from: 'async "enrollment.dropped"({ userId, courseId: id }, ctx) {\n\t\t\tawait this.recheck(ctx, await this.records().find(userId, { kind: "course", id }));',
			to: 'async "enrollment.dropped"() {',
			why: "Stars of somebody who is not in the course any more are counted",
		},
	},

	async run(run, size) {
		const stage = await Stage.open(run, {
			files: true,
			...(size.isSmall && { parts: few }),
		});
		const journal = new Journal(run);
		const courses = Math.ceil(size.purchases / size.people);
		const buyers = await Buyers.open(run, stage, journal, { people: size.people, courses });
		const school = await School.open(run, stage, journal, buyers);
		const victims = size.victims.map(name => stage.part(name));
		const stop = new AbortController();
		run.after(() => stop.abort());
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
			buyers.drive(size.purchases, size.parallel).finally(() => stop.abort()),
			school.teach(size.uploadRestMs, stop.signal),
		]);
		if (size.isSmall) hurry(run, stage);
		await school.ended();
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
