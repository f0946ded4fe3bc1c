import { iso } from "../../../kernel/clock.ts";
import { implement } from "../../../kernel/implement.ts";
import { toMajor } from "../../../kernel/money/money.ts";
import { isDuplicate } from "../../../kernel/store/collection.ts";
import { Store } from "../../../mixins/store.mixin.ts";
import { type TransferDoc, TransferModel } from "../../../models/money/transfer.model.ts";
import type { Movement } from "../payments/payments.contract.ts";
import { auditLedger } from "./audit.ts";
import { type Account, Balances, isSameBooking, transferOf } from "./journal.ts";
import { ledger } from "./ledger.contract.ts";

/** Also how many payments' movements are answered at once. */
const batch = 500;

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

		/** Books a movement once. @throws Error where it is booked otherwise: somebody must look. */
		async post(movement: Movement): Promise<void> {
			const transfer = transferOf(movement, iso(this.clock.now()));
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

		async entries(ctx) {
			const { subjectId } = ctx.params;
			const found = await this.transfers.find({ subjectId }, { sort: { id: 1 } });
			return { items: found.map(transferView) };
		},

		async audit() {
			return auditLedger({
				journal: this.journal(),
				posted: keys => this.transfers.find({ key: { $in: keys } }),
				movements: asked => this.broker.call("payments.movements", asked),
				providers: async () => (await this.broker.call("payments.providers")).names,
				statement: (provider, after) =>
					this.broker.call("payments.statement", { provider, ...(after && { after }) }),
				now: this.clock.now(),
			});
		},
	},

	on: {
		async "payment.captured"({ paymentId, ...capture }, { fact }) {
			await this.post({ ...capture, paymentId, kind: "capture", id: paymentId, at: fact.at });
		},

		async "payment.fee_charged"({ paymentId, ...fee }, { fact }) {
			await this.post({ ...fee, paymentId, kind: "fee", id: paymentId, at: fact.at });
		},

		async "payment.refunded"({ refundId, ...refund }, { fact }) {
			await this.post({ ...refund, kind: "refund", id: refundId, at: fact.at });
		},

		async "payment.refund_failed"({ refundId, isReversal, ...refund }, { fact }) {
			if (isReversal)
				await this.post({ ...refund, kind: "refund_reversal", id: refundId, at: fact.at });
		},

		async "payment.disputed"({ disputeId, ...dispute }, { fact }) {
			await this.post({ ...dispute, kind: "dispute", id: disputeId, at: fact.at });
		},

		async "payment.reinstated"({ disputeId, ...dispute }, { fact }) {
			await this.post({ ...dispute, kind: "dispute_reversal", id: disputeId, at: fact.at });
		},
	},
});
