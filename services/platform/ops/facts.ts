import { iso } from "../../../kernel/clock.ts";
import { codeOf } from "../../../kernel/errors.ts";
import type { Receipt } from "../../../kernel/facts/contract.ts";
import { shownText } from "../../../kernel/faults.ts";
import type { OpsFacts, ParkedFact } from "./ops.contract.ts";

/** Services of the deployment by what they have to do with facts. */
export interface FactServices {
	publishers: readonly string[];
	consumers: readonly string[];
}

/** Asks one service for its outboxes or for what it gave up; rejects where it is away. */
export interface AskFacts {
	/** Services that no node runs, which need not be asked. */
	missing(): readonly string[];
	pending(service: string): Promise<{ pending: number; oldestMs: number }>;
	parked(service: string): Promise<{ items: Receipt[] }>;
}

/** What waits and what was given up, by service; who does not answer is told apart. */
export async function overview(
	{ publishers, consumers }: FactServices,
	ask: AskFacts,
): Promise<OpsFacts> {
	const missing = ask.missing();
	const all = [...new Set([...publishers, ...consumers])].sort();
	const names = all.filter(name => !missing.includes(name));
	const silent = all
		.filter(name => missing.includes(name))
		.map(service => ({ service, reason: "runs nowhere" }));
	const items = await Promise.all(
		names.map(async service => {
			try {
				const [out, given] = await Promise.all([
					publishers.includes(service) ? ask.pending(service) : undefined,
					consumers.includes(service) ? ask.parked(service) : undefined,
				]);
				return [
					{
						service,
						...(out && { pending: out.pending }),
						...(out && out.pending > 0 && { oldestMs: out.oldestMs }),
						...(given && { parked: given.items.length }),
					},
				];
			} catch (error) {
				silent.push({ service, reason: codeOf(error) ?? (error as Error).message });
				return [];
			}
		}),
	);
	return { items: items.flat(), silent };
}

/** A fact that a service gave up, as it is shown. */
export const parkedView = (
	service: string,
	{ factId, name, tries, at, lastError, fact }: Receipt,
): ParkedFact => ({
	service,
	factId,
	name,
	subjectId: fact?.subjectId ?? "",
	writtenAt: fact?.at ?? iso(at),
	parkedAt: iso(at),
	tries,
	...(lastError && { lastError: shownText(lastError) }),
	data: fact?.data ?? {},
});
