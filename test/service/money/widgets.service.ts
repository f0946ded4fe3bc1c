import { setTimeout as pause } from "node:timers/promises";
import { problem } from "../../../kernel/errors.ts";
import { implement } from "../../../kernel/implement.ts";
import { shelf } from "./shelf.ts";
import { widgets } from "./widgets.contract.ts";

export default implement(widgets, {
	actions: {
		async quote(ctx) {
			const { id, userId } = ctx.params;
			if (shelf.owners.has(`${userId} ${id}`)) throw problem(widgets, "ALREADY_ENROLLED");
			return { title: `Widget <${id}>`, amountMinor: shelf.priceMinor, currency: shelf.currency };
		},

		async fulfilment(ctx) {
			const { id, paymentId } = ctx.params;
			return { enrollment: shelf.handedOut.has(paymentId) ? { widget: id } : null };
		},
	},

	on: {
		async "payment.captured"(data) {
			shelf.captured.push(data);
			while (shelf.closed) await pause(20);
			shelf.handedOut.add(data.paymentId);
			shelf.owners.add(`${data.userId} ${data.payable.id}`);
		},

		async "payment.failed"(data) {
			shelf.failed.push(data);
		},
	},
});
