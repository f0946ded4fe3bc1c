import { iso } from "../../../kernel/clock.ts";
import { implement } from "../../../kernel/implement.ts";
import { toMajor } from "../../../kernel/money/money.ts";
import { isDuplicate } from "../../../kernel/store/collection.ts";
import { Store } from "../../../mixins/store.mixin.ts";
import { type TransferDoc, TransferModel } from "../../../models/money/transfer.model.ts";
import { auditLedger } from "./audit.ts";
import { type Account, Balances, captureTransfer, isSameBooking } from "./journal.ts";
import { ledger } from "./ledger.contract.ts";

/** Also how many captures payments answers with at once. */
const batch = 2_000;

const accountView = ({ account, currency, debitMinor, creditMinor }: Account) => ({
	account,
	currency,
	debitMinor,
	creditMinor,
	balance: toMajor(debitMinor - creditMinor, currency),
	balanceMinor: debitMinor - creditMinor,
});

const transferView = ({ id, kind, subjectId, legs, at, postedAt }: TransferDoc) => ({
	id,
	kind,
	subjectId,
	legs: legs.map(leg => ({ ...leg, amount: toMajor(leg.amountMinor, leg.currency) })),
	at,
	postedAt,
});

/**
 * Balances are read off the journal each time and kept nowhere: what is kept beside it could miss an entry at a crash
 * or count one twice under parallel consumers, and only admins ask.
 */
export default implement(ledger, {
	mixins: [Store({ transfers: TransferModel })],

	methods: {
		async *journal(): AsyncGenerator<TransferDoc[]> {
			for (let after = ""; ; ) {
				const page = await this.transfers.find(
					{ id: { $gt: after } },
					{ sort: { id: 1 }, limit: batch },
				);
				if (page.length > 0) yield page;
				if (page.length < batch) return;
				after = page.at(-1)?.id ?? "";
			}
		},

		/** Books an entry once. @throws Error where another one has its key: somebody must look. */
		async post(transfer: TransferDoc): Promise<void> {
			try {
				await this.transfers.insert(transfer);
			} catch (error) {
				if (!isDuplicate(error)) throw error;
				const booked = await this.transfers.findOne({ key: transfer.key });
				if (!booked || !isSameBooking(booked.legs, transfer.legs))
					throw new Error(`${transfer.key} is booked otherwise`);
			}
		},
	},

	actions: {
		async accounts(ctx) {
			const { page = 1, pageSize = 20 } = ctx.params;
			const balances = new Balances();
			for await (const transfers of this.journal())
				for (const { legs } of transfers) balances.add(legs);
			const all = balances.all;
			const items = all.slice((page - 1) * pageSize, page * pageSize).map(accountView);
			return { items, page, pageSize, total: all.length };
		},

		async transfers(ctx) {
			const { subjectId, ...params } = ctx.params;
			const guard = { ...(subjectId !== undefined && { subjectId }) };
			const page = await this.transfers.list(guard, params, { id: -1 });
			return { ...page, items: page.items.map(transferView) };
		},

		async audit() {
			return auditLedger({
				journal: this.journal(),
				posted: keys => this.transfers.find({ key: { $in: keys } }),
				captures: async asked => (await this.broker.call("payments.captures", asked)).items,
				now: this.clock.now(),
			});
		},
	},

	on: {
		async "payment.captured"(capture, ctx) {
			await this.post(captureTransfer(capture, ctx.fact.at, iso(this.clock.now())));
		},
	},
});
