import { implement } from "../../../kernel/implement.ts";
import { neighbour, posted } from "./neighbour.contract.ts";

export default implement(neighbour, {
	actions: {
		async describe(ctx) {
			return {
				id: ctx.params.id,
				payable: { kind: "course", id: "crs_1" },
				userId: "usr_1",
				status: "requires_action" as const,
				amount: 99.99,
				amountMinor: 9_999,
				currency: "USD",
				paymentMethod: "stripe" as const,
				sandbox: true,
				createdAt: "2026-01-01T00:00:00.000Z",
			};
		},

		async webhook(ctx) {
			posted.push(ctx.params);
			return { received: true as const };
		},
	},
});
