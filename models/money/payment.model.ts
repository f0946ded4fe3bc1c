import { defineModel } from "../../kernel/store/model.ts";
import type {
	Payable,
	PaymentMethod,
	PaymentStatus,
} from "../../services/money/payments/payments.contract.ts";

/** One call that changes something at the provider: under one key, however often it is tried. */
export interface Attempt {
	/** Idempotency key at the provider. */
	key: string;
	tries: number;
	/** When it was last tried. */
	at: string;
	/** `asked` for good means that the node died before the answer: as good as `unknown`. */
	outcome: "asked" | "answered" | "refused" | "unknown";
	error?: string;
}

export interface PaymentDoc {
	id: string;
	userId: string;
	payable: Payable;
	/** User and payable, to find every payment for it. */
	payableKey: string;
	/** The same while the payment is open: of one user and payable one is. */
	openKey?: string;
	status: PaymentStatus;
	amountMinor: number;
	currency: string;
	title: string;
	method: PaymentMethod;
	/** Who takes the money: `sandbox`, `stripe`, … */
	provider: string;
	/** The provider's id of it. */
	gatewayId?: string;
	clientSecret?: string;
	checkoutUrl?: string;
	/** The provider's id of the money that was taken. */
	chargeId?: string;
	/** By what was asked of the provider. */
	attempts: Partial<Record<"create" | "cancel", Attempt>>;
	/** By the provider's id of the decline, when it was told. */
	declines: Record<string, string>;
	lastError?: { code: string; message: string; at: string };
	/** What the provider last said that changed something. */
	lastAnswer?: { status: string; at: string };
	/** Why a person must look at it. */
	review?: string;
	/** What can still be refunded; there from capture on. */
	refundableMinor?: number;
	capturedAt?: string;
	closedAt?: string;
	/** Seed of the request that closed it. */
	closedBy?: string;
	createdAt: string;
	updatedAt: string;
}

export const PaymentModel = defineModel<PaymentDoc>()({
	name: "payments",
	fields: {
		userId: String,
		payable: { type: Object },
		payableKey: String,
		openKey: String,
		status: String,
		amountMinor: Number,
		currency: String,
		title: String,
		method: String,
		provider: String,
		gatewayId: String,
		clientSecret: String,
		checkoutUrl: String,
		chargeId: String,
		attempts: { type: Object },
		declines: { type: Object },
		lastError: { type: Object },
		lastAnswer: { type: Object },
		review: String,
		refundableMinor: Number,
		capturedAt: String,
		closedAt: String,
		closedBy: String,
		createdAt: String,
		updatedAt: String,
	},
	indexes: {
		openKey: { unique: true, sparse: true },
		gatewayId: { unique: true, sparse: true },
		userId: {},
		payableKey: {},
		status: {},
	},
});
