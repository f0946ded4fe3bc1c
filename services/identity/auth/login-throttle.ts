import { createHash } from "node:crypto";
import { isIPv6 } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../../../kernel/clock.ts";
import { platformProblem } from "../../../kernel/errors.ts";
import { type Collection, isDuplicate } from "../../../kernel/store/collection.ts";
import type { LoginWindowDoc } from "../../../models/identity/login-window.model.ts";

const windowMs = 900_000;
const perAccount = 10;
const perAddress = 100;
const waitMs = 20;
const longestWaitMs = 2_000;

/** An attempt that was let in; exactly one of the two is called once its outcome is known. */
export interface Attempt {
	failed(): Promise<void>;
	passed(): Promise<void>;
}

/** One client's network: an IPv6 client has a whole /64 to choose addresses from (RFC 4291 §2.5.4). */
export function networkOf(address: string): string {
	if (!isIPv6(address)) return address;
	const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
	if (mapped) return mapped;
	const [head = "", tail] = (address.split("%")[0] as string).split("::");
	const groups = head === "" ? [] : head.split(":");
	const after = tail ? tail.split(":") : [];
	const zeros = tail === undefined ? 0 : 8 - groups.length - after.length;
	const all = [...groups, ...Array<string>(Math.max(0, zeros)).fill("0"), ...after];
	return `${all
		.slice(0, 4)
		.map(group => Number.parseInt(group, 16).toString(16))
		.join(":")}::/64`;
}

/**
 * Limits guessing of passwords: 10 failures of one account from one address, 100 from one address, in a window of
 * 15 min that begins with its first attempt. An attempt takes a slot before the password is looked at, so that parallel
 * guesses cannot pass the limit; where all slots are taken by attempts under way, the next one waits for them.
 */
export class LoginThrottle {
	readonly #windows: Collection<LoginWindowDoc>;
	readonly #clock: Clock;

	constructor(windows: Collection<LoginWindowDoc>, clock: Clock) {
		this.#windows = windows;
		this.#clock = clock;
	}

	/** @throws TOO_MANY_REQUESTS with `retryAfter` in seconds. */
	async enter(email: string, address: string): Promise<Attempt> {
		const network = networkOf(address);
		const ofAddress = await this.#take(`address\n${network}`, perAddress);
		const ofAccount = await this.#take(`account\n${email}\n${network}`, perAccount).catch(
			async error => {
				await this.#passed(ofAddress);
				throw error;
			},
		);
		return {
			failed: async () =>
				void (await Promise.all([ofAddress, ofAccount].map(w => this.#failed(w)))),
			passed: async () =>
				void (await Promise.all([ofAddress, ofAccount].map(w => this.#passed(w)))),
		};
	}

	/**
	 * Lets somebody try; null, which they get back, is a failure.
	 * @throws TOO_MANY_REQUESTS as above, and what `attempt` throws, which counts as none.
	 */
	async around<T>(
		email: string,
		address: string,
		attempt: () => Promise<T | null>,
	): Promise<T | null> {
		const { failed, passed } = await this.enter(email, address);
		const found = await attempt().catch(async error => {
			await passed();
			throw error;
		});
		await (found === null ? failed() : passed());
		return found;
	}

	async #take(key: string, limit: number): Promise<LoginWindowDoc> {
		const id = createHash("sha256").update(key).digest("base64url");
		for (let waited = 0; ; waited += waitMs) {
			const now = this.#clock.now();
			const opened = { endsAt: now + windowMs, slots: 1, failures: 0 };
			const taken =
				(await this.#windows.advance(
					{ id, endsAt: { $gt: now }, slots: { $lt: limit } },
					{ $inc: { slots: 1 } },
				)) ?? (await this.#windows.advance({ id, endsAt: { $lte: now } }, { $set: opened }));
			if (taken) return taken;
			const full = await this.#windows.get(id);
			if (!full) {
				try {
					return await this.#windows.insert({ id, ...opened });
				} catch (error) {
					if (!isDuplicate(error)) throw error;
					continue;
				}
			}
			if (full.failures >= limit || waited >= longestWaitMs)
				throw platformProblem("TOO_MANY_REQUESTS", {
					retryAfter: Math.max(1, Math.ceil((full.endsAt - now) / 1000)),
				});
			await sleep(waitMs);
		}
	}

	async #failed({ id, endsAt }: LoginWindowDoc): Promise<void> {
		await this.#windows.advance({ id, endsAt }, { $inc: { failures: 1 } });
	}

	async #passed({ id, endsAt }: LoginWindowDoc): Promise<void> {
		await this.#windows.advance({ id, endsAt }, { $inc: { slots: -1 } });
	}
}
