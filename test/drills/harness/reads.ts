import { setTimeout as pause } from "node:timers/promises";
import type { Buyers } from "./buyers.ts";
import type { Asked, Client } from "./client.ts";

/**
 * Open loop: so many reads per second, these in turn, however the old ones fare. Resolves when it was stopped and all
 * have ended.
 */
export async function readSteadily(
	client: Client,
	asked: readonly Asked[],
	perSecond: number,
	stop: AbortSignal,
): Promise<void> {
	const from = performance.now();
	const running = new Set<Promise<unknown>>();
	for (let i = 0; !stop.aborted; i++) {
		await pause(Math.max(0, from + (i * 1_000) / perSecond - performance.now()));
		const one: Promise<unknown> = client
			.ask(asked[i % asked.length] as Asked)
			.finally(() => running.delete(one));
		running.add(one);
	}
	await Promise.all(running);
}

/** What people read most: a course, their seats, their payments. */
export const readsOf = ({ people, courses }: Buyers): Asked[] =>
	people.flatMap((person, i) => {
		const courseId = courses[i % courses.length] as string;
		return [
			{ step: "read course", person, courseId, method: "GET", path: `/api/courses/${courseId}` },
			{ step: "read seats", person, courseId, method: "GET", path: "/api/enrollments" },
			{ step: "read payments", person, courseId, method: "GET", path: "/api/payments" },
		];
	});
