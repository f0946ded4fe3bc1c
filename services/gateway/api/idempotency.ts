import { createHash, randomBytes } from "node:crypto";
import type { Clock } from "../../../kernel/clock.ts";
import { platformProblem } from "../../../kernel/errors.ts";
import { newId } from "../../../kernel/ids.ts";
import { type Collection, isDuplicate } from "../../../kernel/store/collection.ts";
import type { IdempotencyRecordDoc } from "../../../models/gateway/idempotency-record.model.ts";

const keptMs = 24 * 3_600_000;
const longestRunMs = 30_000;

/** A request that carries a key. */
export interface KeyedRequest {
	key: string;
	userId: string;
	method: string;
	/** Canonical path with its query. */
	target: string;
	body: Buffer;
}

/** An answer, as it goes out. */
export interface Answer {
	status: number;
	contentType?: string;
	body: string;
}

/** What is to be done with a keyed request: run it under a seed, or give the answer it had. */
export type Taken = { run: Run } | { answer: Answer };

/** A run that holds its record. */
export interface Run {
	recordId: string;
	id: string;
	seed: string;
}

export interface IdempotencyNeeds {
	records: Collection<IdempotencyRecordDoc>;
	clock: Clock;
	/** This gateway's node. */
	node: string;
	/** Whether a gateway is still in the registry. */
	isThere(node: string): boolean;
	/** Told of each request that gets the answer of an earlier one. */
	onReplay(): void;
}

/**
 * The key of an `Idempotency-Key` header: a string of RFC 8941 in quotes, or bare, 1..255 visible characters
 * (draft-ietf-httpapi-idempotency-key-header). @throws BAD_REQUEST
 */
export function keyOf(header: string): string {
	const quoted = /^"((?:[^"\\]|\\["\\])*)"$/.exec(header)?.[1]?.replace(/\\(["\\])/g, "$1");
	const key = quoted ?? header;
	if (!/^[\x20-\x7e]{1,255}$/.test(key) || (quoted === undefined && /["\s]/.test(key)))
		throw platformProblem(
			"BAD_REQUEST",
			undefined,
			"Idempotency-Key must be 1 to 255 visible ASCII characters",
		);
	return key;
}

const sha256 = (...parts: (string | Buffer)[]): string => {
	const hash = createHash("sha256");
	for (const part of parts) hash.update(`${part.length}:`).update(part);
	return hash.digest("base64url");
};

/** Answers that say nothing of the request itself: a repeat is to be tried anew. */
const isPassing = ({ status }: Answer, code: string | undefined): boolean =>
	status === 401 || status === 429 || code === "VALIDATION_ERROR";

/**
 * Lets a request under one key have its effect once, over all gateways and their deaths. The record, with a random seed,
 * is written before the action runs; ids that are made derive from the seed, so that a run taken up after a crash makes
 * the ids of the first, finds what it made, and answers as the first would have.
 */
export class Idempotency {
	readonly #needs: IdempotencyNeeds;

	constructor(needs: IdempotencyNeeds) {
		this.#needs = needs;
	}

	/**
	 * Takes a request up: as the first, or one that was cut off, or gives what it was answered with.
	 * @throws IDEMPOTENCY_KEY_REUSED for another body @throws IDEMPOTENCY_IN_PROGRESS while another run is on it
	 */
	async take({ key, userId, method, target, body }: KeyedRequest): Promise<Taken> {
		const { records, clock, node, onReplay } = this.#needs;
		const id = sha256(userId, method, target, key);
		const bodyHash = sha256(body);
		const now = clock.now();
		const run = newId("run", now);
		const record: IdempotencyRecordDoc = {
			id,
			bodyHash,
			seed: randomBytes(18).toString("base64url"),
			state: "running",
			run,
			node,
			startedAt: now,
			expiresAt: now + keptMs,
		};
		for (;;) {
			try {
				await records.insert(record);
				return { run: { recordId: id, id: run, seed: record.seed } };
			} catch (error) {
				if (!isDuplicate(error)) throw error;
			}
			const known = await records.get(id);
			if (!known) continue;
			if (known.expiresAt <= now) {
				await records.remove({ id, run: known.run });
				continue;
			}
			if (known.bodyHash !== bodyHash) throw platformProblem("IDEMPOTENCY_KEY_REUSED");
			if (known.answer) {
				onReplay();
				return { answer: known.answer };
			}
			if (known.state === "running" && this.#isAlive(known, now))
				throw platformProblem("IDEMPOTENCY_IN_PROGRESS", { retryAfter: 1 });
			const taken = await records.advance(
				{ id, run: known.run, state: known.state },
				{ $set: { state: "running", run, node, startedAt: now } },
			);
			if (taken) return { run: { recordId: id, id: run, seed: taken.seed } };
		}
	}

	/**
	 * Keeps what a run was answered with, unless that is to be tried anew: a fault of ours goes on under the same seed,
	 * what was never begun from the start.
	 */
	async finish({ recordId, id: run }: Run, answer: Answer, code?: string): Promise<void> {
		const { records } = this.#needs;
		const own = { id: recordId, run };
		if (answer.status >= 500) await records.advance(own, { $set: { state: "free" } });
		else if (isPassing(answer, code)) await records.remove(own);
		else await records.advance(own, { $set: { state: "done", answer } });
	}

	#isAlive({ node, startedAt }: IdempotencyRecordDoc, now: number): boolean {
		return now - startedAt < longestRunMs && this.#needs.isThere(node);
	}
}
