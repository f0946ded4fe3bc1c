import { defineModel } from "../../kernel/store/model.ts";

/** A provider's webhook as it came, kept for ever: an event seen before is known by its id. */
export interface PaymentEventDoc {
	/** `<provider>:<event id>` */
	id: string;
	provider: string;
	type: string;
	/** The payment it says it is about. */
	paymentId?: string;
	/** The provider's id of that payment. */
	gatewayId?: string;
	failure?: { id: string; code: string; message: string };
	/** As it was signed. */
	body: string;
	/** `parked`: could not be applied within a day; applied when the provider sends it again. */
	state: "received" | "done" | "parked";
	tries: number;
	/** Not applied again before this instant, ms. */
	nextAt?: number;
	lastError?: string;
	/** ms */
	receivedAt: number;
}

export const PaymentEventModel = defineModel<PaymentEventDoc>()({
	name: "payment_events",
	fields: {
		provider: String,
		type: String,
		paymentId: String,
		gatewayId: String,
		failure: { type: Object },
		body: String,
		state: String,
		tries: Number,
		nextAt: Number,
		lastError: String,
		receivedAt: Number,
	},
	indexes: { state: {}, paymentId: { sparse: true } },
});
