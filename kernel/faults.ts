import type { Context, ServiceBroker } from "moleculer";
import type { Clock } from "./clock.ts";
import type { Contracts } from "./contracts.ts";
import { codeOf } from "./errors.ts";
import { redact } from "./redact.ts";

const kept = 100;
const longestText = 300;

const email = /[^\s@"'<>()]+@[^\s@"'<>()]+\.[^\s@"'<>().,;:]+/g;
const phone = /(?<![\w-])\+\d[\d ()-]{6,}\d/g;
/** `name: "Ada"`, as databases and JSON write values; what stands alone in quotes is mostly the name of a field. */
const quotedValue = /(:\s*)(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')/g;

/**
 * A message as it may be shown to an operator: without secrets, e-mail addresses, telephone numbers and quoted values,
 * at most 300 characters of it.
 */
export function shownText(message: string): string {
	const text = String(redact(message))
		.replace(quotedValue, '$1"…"')
		.replace(email, "[e-mail]")
		.replace(phone, "[phone]");
	return text.length > longestText ? `${text.slice(0, longestText)}…` : text;
}

/**
 * Whether an error under this code is a fault of ours: a bug, which has none, or an outage. Everything that a contract
 * declares below 500 is an answer.
 */
export function isFault(contracts: Contracts, code: string | undefined, action?: string): boolean {
	const declared = code === undefined ? undefined : contracts.problem(code, action);
	return declared === undefined || declared.status >= 500;
}

/** Something that failed here, as often as it did of late. */
export interface Fault {
	/** `service.action`, `METHOD /route`, or `fact → service`. */
	where: string;
	code: string;
	message: string;
	/** Of the last request that it failed for. */
	requestId?: string;
	/** When it failed last, ms. */
	at: number;
	times: number;
}

export interface FaultsOptions {
	contracts: Contracts;
	clock: Clock;
	nodeID: string;
}

/** The last faults of this node, at most 100 that differ. */
export class Faults {
	readonly #options: FaultsOptions;
	readonly #last = new Map<string, Fault>();
	/** An error passes every caller on its way; it failed once. */
	readonly #seen = new WeakSet<object>();

	constructor(options: FaultsOptions) {
		this.#options = options;
	}

	/** Takes note of an error, unless it is no fault, is noted already, or comes from a node that noted it itself. */
	add(error: unknown, where: string, requestId?: string): void {
		const { contracts, clock, nodeID } = this.#options;
		if (typeof error !== "object" || error === null || this.#seen.has(error)) return;
		this.#seen.add(error);
		const { message, nodeID: from } = error as { message?: unknown; nodeID?: string };
		const known = codeOf(error);
		if ((from !== undefined && from !== nodeID) || !isFault(contracts, known, where)) return;
		const code = known ?? "INTERNAL_ERROR";
		const text = shownText(String(message));
		const key = `${where}\n${code}\n${text}`;
		const times = (this.#last.get(key)?.times ?? 0) + 1;
		this.#last.delete(key);
		this.#last.set(key, {
			where,
			code,
			message: text,
			...(requestId && { requestId }),
			at: clock.now(),
			times,
		});
		for (const [oldest] of this.#last) {
			if (this.#last.size <= kept) break;
			this.#last.delete(oldest);
		}
	}

	/** Newest first. */
	list(): Fault[] {
		return [...this.#last.values()].reverse();
	}
}

interface Failed {
	ctx?: Context;
	actionName?: string;
	opts?: { parentCtx?: Context };
	event?: { name?: string };
	service?: { name?: string };
}

/** The action that a face could not reach says more than the face. */
const asked = (error: Error, called: string): string =>
	called === "api.rest"
		? ((error as { data?: { action?: string } }).data?.action ?? called)
		: called;

/** A broker's `errorHandler`: what a call or an event ended with is noted, and thrown on. */
export const noteFaults = (faults: Faults) =>
	function errorHandler(this: ServiceBroker, error: Error, failed: Failed): never {
		const { ctx, actionName, opts, event, service } = failed;
		const called = ctx?.action?.name ?? actionName ?? "";
		const where = event ? `${event.name} → ${service?.name}` : asked(error, called);
		if (!where.startsWith("$"))
			faults.add(error, where, ctx?.requestID ?? opts?.parentCtx?.requestID ?? undefined);
		throw error;
	};
