import { Cron } from "croner";
import type { Service, ServiceSchema } from "moleculer";
import type { Contract } from "./contract.ts";
import { platformOf } from "./platform.ts";
import { type Collection, isDuplicate } from "./store/collection.ts";
import { type Doc, defineModel } from "./store/model.ts";
import { openCollection } from "./store/open.ts";

/** When something runs: `tick` names the run that is due by its start (ms), `next` is the start of the one after. */
export interface Schedule {
	tick(now: number): number;
	next(now: number): number;
}

const units: Record<string, number> = { D: 86_400_000, H: 3_600_000, M: 60_000, S: 1_000 };

/**
 * Reads a schedule: an ISO 8601 duration of days to seconds (`PT30S`), or five cron fields and an IANA zone
 * (`0 3 * * * Europe/Berlin`). Null when it is neither, or never comes.
 */
export function parseSchedule(text: string): Schedule | null {
	const duration = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(text);
	if (duration) {
		const every = ["D", "H", "M", "S"].reduce(
			(sum, unit, i) => sum + Number(duration[i + 1] ?? 0) * (units[unit] as number),
			0,
		);
		if (every === 0) return null;
		const tick = (now: number) => Math.floor(now / every) * every;
		return { tick, next: now => tick(now) + every };
	}
	const fields = text.split(" ");
	const timezone = fields.pop();
	if (fields.length !== 5 || !timezone) return null;
	try {
		const cron = new Cron(fields.join(" "), { timezone, paused: true });
		if (!cron.nextRun()) return null;
		return {
			tick: now => cron.previousRuns(1, new Date(now + 1))[0]?.getTime() ?? 0,
			next: now => cron.nextRun(new Date(now))?.getTime() ?? Number.POSITIVE_INFINITY,
		};
	} catch {
		return null;
	}
}

interface Tick extends Doc {
	/** Start of the last run that was taken, ms. */
	tick: number;
}

/** Takes a tick for this node; in the whole mesh one caller gets true. */
export async function takeTick(
	ticks: Collection<Tick>,
	action: string,
	tick: number,
): Promise<boolean> {
	if (await ticks.advance({ id: action, tick: { $lt: tick } }, { $set: { tick } })) return true;
	try {
		await ticks.insert({ id: action, tick });
		return true;
	} catch (error) {
		if (isDuplicate(error)) return false;
		throw error;
	}
}

const sweepEvery = "PT10S";
const longestTimer = 2_147_483_647;

/** Runs a service's schedules: one run per tick in the whole mesh, each an ordinary call of the action. */
export function schedulesMixin(contract: Contract): Partial<ServiceSchema> {
	const given = contract.facts ? { "facts.sweep": sweepEvery } : {};
	const schedules = Object.entries({ ...given, ...contract.schedules });
	if (schedules.length === 0) return {};
	return {
		async started(this: Service) {
			const { clock, contracts, env, runners } = platformOf(this.broker);
			const existing = schedules.filter(([action]) =>
				contracts.action(`${contract.name}.${action}`),
			);
			const ticks = await openCollection(
				this.broker,
				defineModel<Tick>()({
					name: `${contract.name}_ticks`,
					fields: { tick: Number },
					indexes: {},
				}),
			);
			const timers = new Map<string, NodeJS.Timeout>();
			const running = new Set<Promise<void>>();
			const run = async (action: string, schedule: Schedule) => {
				if (!(await takeTick(ticks, action, schedule.tick(clock.now())))) return;
				await this.broker.call(`${contract.name}.${action}`);
			};
			const plan = (action: string, schedule: Schedule) => {
				const due = schedule.next(clock.now());
				const delay = Math.min(Math.max(due - clock.now(), 1), longestTimer);
				const timer = setTimeout(() => {
					const isEarly = clock.now() < due;
					const done = (isEarly ? Promise.resolve() : run(action, schedule))
						.catch(error =>
							this.logger.error(`The schedule of ${contract.name}.${action} failed`, error),
						)
						.finally(() => {
							running.delete(done);
							if (timers.has(action)) plan(action, schedule);
						});
					running.add(done);
				}, delay);
				timers.set(action, timer.unref());
			};
			await runners.add({
				start: async () => {
					// Crash points are counted: only what is asked for may pass them.
					if (env.CRASH_AT) return;
					for (const [action, when] of existing) plan(action, parseSchedule(when) as Schedule);
				},
				stop: async () => {
					for (const timer of timers.values()) clearTimeout(timer);
					timers.clear();
					await Promise.allSettled(running);
					await ticks.close();
				},
			});
		},
	};
}
