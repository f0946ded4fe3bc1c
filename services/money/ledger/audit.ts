import type { Result } from "../../../kernel/contract.ts";
import type { TransferDoc } from "../../../models/money/transfer.model.ts";
import type { Movement } from "../payments/payments.contract.ts";
import { Balances, flawOf, isSameBooking, keyOf, transferOf } from "./journal.ts";

/** How long a movement may be on its way to the journal, and a provider's word to us. */
const onItsWayMs = 60_000;
const differencesShown = 1_000;

/** One paid payment in a provider's own list. */
export type StatementLine = Result<"payments.statement">["items"][number];

export interface AuditNeeds {
	/** All entries, page by page. */
	journal: AsyncIterable<readonly TransferDoc[]>;
	/** The entries with these keys. */
	posted(keys: readonly string[]): Promise<readonly TransferDoc[]>;
	/** What payments knows to have moved: of a page of all, or of these payments. */
	movements(asked: { after?: string; ids?: string[] }): Promise<{
		paymentIds: string[];
		items: Movement[];
		/** Payments of which something has no known end at the provider: the reconciler is on it. */
		unsettled: string[];
	}>;
	/** Names of the providers that can be asked. */
	providers(): Promise<readonly string[]>;
	statement(
		provider: string,
		after?: string,
	): Promise<{ items: StatementLine[]; next?: string | undefined }>;
	/** ms */
	now: number;
}

export interface Difference {
	code:
		| "TRANSFER_FLAWED"
		| "MOVEMENT_NOT_POSTED"
		| "TRANSFER_DIFFERS"
		| "PROVIDER_DIFFERS"
		| "PROVIDER_AWAY";
	subjectId: string;
	transferId?: string;
	detail: string;
}

/**
 * Holds the journal against itself, against payments in both directions, and payments against the providers' own lists in
 * both: every entry sums to zero, every movement has its entry, every entry its movement, and what a provider took and
 * gave back is what was captured and refunded here. Of all payments it keeps the ids in memory, no more.
 */
export async function auditLedger(needs: AuditNeeds) {
	const balances = new Balances();
	const differences: Difference[] = [];
	let transfers = 0;
	for await (const page of needs.journal) {
		transfers += page.length;
		differences.push(...(await auditEntries(page, needs, balances)));
	}
	const listed = new Map<string, ReadonlySet<string>>();
	for (const provider of await needs.providers()) {
		const found = await auditProvider(provider, needs);
		differences.push(...found.differences);
		if (found.isComplete) listed.set(provider, found.keys);
	}
	differences.push(...(await auditMovements(needs, listed)));
	return {
		ok: differences.length === 0,
		accounts: balances.all.length,
		transfers,
		differences: differences.slice(0, differencesShown),
	};
}

/** Each entry sums to zero and books a movement that payments knows, as it was. */
async function auditEntries(
	page: readonly TransferDoc[],
	{ movements }: AuditNeeds,
	balances: Balances,
): Promise<Difference[]> {
	const known = new Map<string, Movement>();
	for (const movement of (await movements({ ids: page.map(t => t.subjectId) })).items)
		known.set(keyOf(movement), movement);
	return page.flatMap(({ id: transferId, key, subjectId, legs }): Difference[] => {
		const about = { subjectId, transferId };
		const flaw = flawOf(legs);
		if (flaw) return [{ code: "TRANSFER_FLAWED", ...about, detail: flaw }];
		balances.add(legs);
		const movement = known.get(key);
		if (!movement)
			return [
				{ code: "TRANSFER_DIFFERS", ...about, detail: `payments knows no such movement: ${key}` },
			];
		return isSameBooking(legs, transferOf(movement, "").legs)
			? []
			: [{ code: "TRANSFER_DIFFERS", ...about, detail: `payments has ${key} otherwise` }];
	});
}

/**
 * Each movement that payments knows has its entry, and each capture is in its provider's list.
 * @param listed by provider, the payments it lists.
 */
async function auditMovements(
	{ movements, posted, now }: AuditNeeds,
	listed: ReadonlyMap<string, ReadonlySet<string>>,
): Promise<Difference[]> {
	const differences: Difference[] = [];
	for (let after = ""; ; ) {
		const { paymentIds, items } = await movements({ after });
		const keys = new Set((await posted(items.map(keyOf))).map(transfer => transfer.key));
		for (const movement of items) {
			const { paymentId: subjectId, provider, kind, at } = movement;
			if (now - Date.parse(at) < onItsWayMs) continue;
			if (!keys.has(keyOf(movement))) {
				const detail = `${keyOf(movement)} of ${at} has no entry`;
				differences.push({ code: "MOVEMENT_NOT_POSTED", subjectId, detail });
			}
			if (kind === "capture" && listed.get(provider)?.has(subjectId) === false) {
				const detail = `it was captured at ${at}, and ${provider} does not list it`;
				differences.push({ code: "PROVIDER_DIFFERS", subjectId, detail });
			}
		}
		after = paymentIds.at(-1) ?? "";
		if (paymentIds.length === 0) return differences;
	}
}

/** What a provider's own list has is what payments has. */
async function auditProvider(
	provider: string,
	{ statement, movements, now }: AuditNeeds,
): Promise<{ differences: Difference[]; keys: ReadonlySet<string>; isComplete: boolean }> {
	const differences: Difference[] = [];
	const keys = new Set<string>();
	for (let after: string | undefined; ; ) {
		let page: Awaited<ReturnType<AuditNeeds["statement"]>>;
		try {
			page = await statement(provider, after);
		} catch (error) {
			const detail = `it could not be asked: ${(error as Error).message}`;
			differences.push({ code: "PROVIDER_AWAY", subjectId: provider, detail });
			return { differences, keys, isComplete: false };
		}
		const { items, unsettled } = await movements({ ids: page.items.map(line => line.key) });
		for (const line of page.items) {
			keys.add(line.key);
			const isKnown = !unsettled.includes(line.key);
			const detail = isKnown && providerDifference(line, items, now);
			if (detail) differences.push({ code: "PROVIDER_DIFFERS", subjectId: line.key, detail });
		}
		if (!page.next) return { differences, keys, isComplete: true };
		after = page.next;
	}
}

function providerDifference(
	{ key, id, amountMinor, currency, refundedMinor, paidAt }: StatementLine,
	all: readonly Movement[],
	now: number,
): string | undefined {
	if (now - paidAt < onItsWayMs) return undefined;
	const own = all.filter(movement => movement.paymentId === key);
	const sum = (kind: Movement["kind"]) =>
		own.filter(movement => movement.kind === kind).reduce((total, m) => total + m.amountMinor, 0);
	const captured = sum("capture");
	if (captured !== amountMinor || own.some(m => m.kind === "capture" && m.currency !== currency))
		return `${id} was paid ${amountMinor} ${currency} there, captured ${captured} here`;
	const refunded = sum("refund") - sum("refund_reversal");
	const isMoving = own.some(movement => now - Date.parse(movement.at) < onItsWayMs);
	return refunded === refundedMinor || isMoving
		? undefined
		: `${id} has ${refundedMinor} given back there, ${refunded} here`;
}
