import { defineContract } from "../../../kernel/contract.ts";
import {
	Fulfilment,
	fulfilmentParams,
	Quote,
	quoteParams,
} from "../../../services/money/payments/payments.contract.ts";

/** Something that is sold: what payments asks of any service that owns a kind of payable. */
export const widgets = defineContract("widgets", {
	description: "Sells widgets",
	actions: {
		quote: {
			description: "What a widget costs, in minor units",
			kind: "read",
			access: "internal",
			params: quoteParams,
			result: Quote,
			errors: { ALREADY_ENROLLED: { status: 409, title: "This user has the course already" } },
		},
		fulfilment: {
			description: "The widget that was handed out for a payment",
			kind: "read",
			access: "internal",
			params: fulfilmentParams,
			result: Fulfilment,
		},
	},
	consumes: { "payment.captured": { from: "start" }, "payment.failed": { from: "start" } },
	provides: { "payable:widget": "quote", "fulfilment:widget": "fulfilment" },
});
