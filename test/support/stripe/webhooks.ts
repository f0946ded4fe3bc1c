import { createHmac } from "node:crypto";
import { admitted } from "../http.ts";
import { now, type StripeEvent } from "./objects.ts";

/** How a delivery is signed, and what is wrong with it. */
export interface Signing {
	/** Another secret than the account's, or several during a rotation. */
	secret?: string | string[];
	/** How far the signed time is from now, seconds; negative: stale, positive: in the future. */
	secondsOff?: number;
	/** Changes the body after it was signed. */
	alter?: (body: string) => string;
}

/** A webhook as it is posted. */
export interface Delivery {
	event: StripeEvent;
	headers: Record<string, string>;
	body: string;
}

/**
 * Signs an event: `t=<seconds>,v1=<HMAC-SHA256 of "<t>.<body>">`, one `v1` for each secret.
 * https://docs.stripe.com/webhooks#verify-manually
 */
export function sign(
	event: StripeEvent,
	signing: Signing & { secret: string | string[] },
): Delivery {
	const { secret, secondsOff = 0, alter = body => body } = signing;
	const body = JSON.stringify(event, null, 2);
	const time = now() + secondsOff;
	const signatures = [secret]
		.flat()
		.map(key => `v1=${createHmac("sha256", key).update(`${time}.${body}`).digest("hex")}`);
	return {
		event,
		headers: {
			"content-type": "application/json; charset=utf-8",
			"stripe-signature": [`t=${time}`, ...signatures].join(","),
			"user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
		},
		body: alter(body),
	};
}

type Letter = Omit<Delivery, "event"> & { event: { id: string } };

/** How events are posted. */
export interface Posting extends Signing {
	/** How often each event is posted; 1. */
	times?: number;
	/** Mixes the order; the same number makes the same order. */
	shuffle?: number;
	/** How many are on their way at once; 1. */
	parallel?: number;
}

/** The answer to one post; no status where none came. */
export interface Posted {
	event: string;
	status?: number;
}

/** Posts deliveries, of whatever provider, to the URLs in turn; in the order of the answers. */
export async function post(
	deliveries: readonly Letter[],
	urls: string[],
	{ times = 1, shuffle: seed, parallel = 1 }: Posting,
): Promise<Posted[]> {
	const queue: Letter[] = Array.from({ length: times }, () => deliveries).flat();
	if (seed !== undefined) shuffle(queue, seed);
	const posted: Posted[] = [];
	let next = 0;
	const work = async () => {
		for (let index = next++; index < queue.length; index = next++) {
			const { event, headers, body } = queue[index] as Letter;
			const url = urls[index % urls.length] as string;
			const answer = await admitted(() => fetch(url, { method: "POST", headers, body })).then(
				async response => {
					await response.arrayBuffer();
					return { status: response.status };
				},
				() => ({}),
			);
			posted.push({ event: event.id, ...answer });
		}
	};
	await Promise.all(Array.from({ length: parallel }, work));
	return posted;
}

/** Fisher and Yates, with the numbers of a linear congruential generator. */
function shuffle(list: unknown[], seed: number): void {
	let state = seed >>> 0;
	for (let last = list.length - 1; last > 0; last--) {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		const other = Math.floor((state / 2 ** 32) * (last + 1));
		[list[last], list[other]] = [list[other], list[last]];
	}
}
