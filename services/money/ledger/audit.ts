import type { TransferDoc } from "../../../models/money/transfer.model.ts";
import {
	Balances,
	type Capture,
	captureKey,
	captureTransfer,
	flawOf,
	isSameBooking,
} from "./journal.ts";

/** How long a capture may be on its way to the journal. */
const onItsWayMs = 60_000;
const differencesShown = 1_000;

type Captured = Capture & { capturedAt: string };

export interface AuditNeeds {
	/** All entries, page by page. */
	journal: AsyncIterable<readonly TransferDoc[]>;
	/** The entries with these keys. */
	posted(keys: readonly string[]): Promise<readonly TransferDoc[]>;
	/** Captures as payments has them: a page of all, or those of these payments. */
	captures(asked: { after?: string; ids?: string[] }): Promise<readonly Captured[]>;
	/** ms */
	now: number;
}

export interface Difference {
	code: "TRANSFER_FLAWED" | "CAPTURE_NOT_POSTED" | "CAPTURE_DIFFERS";
	subjectId: string;
	transferId?: string;
	detail: string;
}

/**
 * Holds the journal against itself and against payments, in both directions and bounded memory: every entry sums to
 * zero, every capture has its entry, every entry its capture.
 */
export async function auditLedger({ journal, posted, captures, now }: AuditNeeds) {
	const balances = new Balances();
	const differences: Difference[] = [];
	let transfers = 0;
	for await (const page of journal) {
		transfers += page.length;
		const ids = page.map(transfer => transfer.subjectId);
		const known = new Map((await captures({ ids })).map(capture => [capture.paymentId, capture]));
		for (const { id: transferId, subjectId, legs } of page) {
			const flaw = flawOf(legs);
			if (flaw) differences.push({ code: "TRANSFER_FLAWED", subjectId, transferId, detail: flaw });
			else balances.add(legs);
			const detail = differenceOf(legs, known.get(subjectId));
			if (detail) differences.push({ code: "CAPTURE_DIFFERS", subjectId, transferId, detail });
		}
	}
	for (let after = ""; ; ) {
		const page = await captures({ after });
		const found = await posted(page.map(capture => captureKey(capture.paymentId)));
		const keys = new Set(found.map(transfer => transfer.key));
		for (const { paymentId, capturedAt } of page) {
			after = paymentId;
			if (keys.has(captureKey(paymentId)) || now - Date.parse(capturedAt) < onItsWayMs) continue;
			const detail = `it was captured at ${capturedAt} and has no entry`;
			differences.push({ code: "CAPTURE_NOT_POSTED", subjectId: paymentId, detail });
		}
		if (page.length === 0) break;
	}
	return {
		ok: differences.length === 0,
		accounts: balances.all.length,
		transfers,
		differences: differences.slice(0, differencesShown),
	};
}

function differenceOf(
	legs: TransferDoc["legs"],
	capture: Captured | undefined,
): string | undefined {
	if (!capture) return "payments knows no such capture";
	const expected = captureTransfer(capture, "", "").legs;
	return isSameBooking(legs, expected) ? undefined : "payments captured another amount";
}
