import type { Clock } from "../clock.ts";
import type { Contracts } from "../contracts.ts";
import type { Receipt } from "../facts/contract.ts";
import { columns } from "./describe.ts";
import { problemText } from "./problem.ts";
import { unknownName } from "./suggest.ts";

export interface FactsNeeds {
	contracts: Contracts;
	clock: Clock;
	/** Calls an action as a node of the mesh. */
	call(action: string, params: object): Promise<unknown>;
	/** Replays a fact as the operator, who is written down; where a service of the mesh does that. */
	replay?(params: { service: string; factId: string }): Promise<unknown>;
}

const units = [
	["d", 86_400_000],
	["h", 3_600_000],
	["min", 60_000],
	["s", 1_000],
] as const;

/** A time span in its largest unit: `4 s`, `3 min`. */
export function age(ms: number): string {
	const [unit, length] = units.find(([, length]) => ms >= length) ?? ["ms", 1];
	return `${Math.floor(ms / length)} ${unit}`;
}

const publishers = ({ all }: Contracts): string[] =>
	all.filter(contract => contract.facts).map(contract => contract.name);

/** Services that consume facts, and so may have parked some. */
export const consumers = ({ all }: Contracts): string[] =>
	all.filter(contract => contract.consumes).map(contract => contract.name);

/** Asks every service at once. @returns answers by service, and a line for each that gave none. */
async function askAll<T>(needs: FactsNeeds, services: string[], action: string) {
	const answers: { service: string; answer: T }[] = [];
	const silent: string[] = [];
	await Promise.all(
		services.map(async service => {
			try {
				answers.push({ service, answer: (await needs.call(`${service}.${action}`, {})) as T });
			} catch (error) {
				silent.push(`${service} does not say: ${problemText(error)}`);
			}
		}),
	);
	answers.sort((a, b) => a.service.localeCompare(b.service));
	return { answers, silent: silent.sort() };
}

/** What lies in the outboxes of the mesh, by publisher. */
export async function pendingFacts(needs: FactsNeeds): Promise<string> {
	const { answers, silent } = await askAll<{ pending: number; oldestMs: number }>(
		needs,
		publishers(needs.contracts),
		"facts.pending",
	);
	const rows = answers.map(({ service, answer: { pending, oldestMs } }) => [
		service,
		String(pending),
		pending > 0 ? age(oldestMs) : "",
	]);
	return [columns([["publisher", "pending", "oldest"], ...rows]), ...silent].join("\n");
}

/** Facts that were given up, by consumer, newest first, with the line that tries each again. */
export async function parkedFacts(needs: FactsNeeds): Promise<string> {
	const { answers, silent } = await askAll<{ items: Receipt[] }>(
		needs,
		consumers(needs.contracts),
		"facts.parked",
	);
	const parked = answers.flatMap(({ service, answer }) =>
		answer.items.flatMap(({ factId, name, tries, at, lastError = "" }) => [
			`${name} in ${service}, ${age(needs.clock.now() - at)} ago after ${tries} tries: ${lastError}`,
			`  facts replay ${service} ${factId}`,
		]),
	);
	const none = silent.length > 0 ? [] : ["No fact is parked"];
	return [...(parked.length > 0 ? parked : none), ...silent].join("\n");
}

/** Tries a parked fact again and says how that ended. @throws Refusal for a service that consumes no facts. */
export async function replayFact(
	needs: FactsNeeds,
	service: string,
	factId: string,
): Promise<string> {
	const known = consumers(needs.contracts);
	if (!known.includes(service)) throw unknownName(`${service} consumes no facts`, service, known);
	const { state } = (await (needs.replay?.({ service, factId }) ??
		needs.call(`${service}.facts.replay`, { factId }))) as { state: Receipt["state"] | "unknown" };
	if (state === "unknown") return `${service} never met ${factId}`;
	if (state !== "parked") return `${factId} is ${state}`;
	const { items } = (await needs.call(`${service}.facts.parked`, {})) as { items: Receipt[] };
	const lastError = items.find(receipt => receipt.factId === factId)?.lastError;
	return `${factId} is parked again: ${lastError ?? "it failed"}`;
}
