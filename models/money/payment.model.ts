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

/** Money on its way back, or back. It takes its share of the headroom when its amount is known. */
export interface RefundDoc {
	/** Idempotency key at the provider, for ever. */
	id: string;
	/** `requested` until the amount is known; nothing was asked of the provider before. */
	status: "requested" | "pending" | "succeeded" | "failed";
	/** What an admin wants given back, minor units; by the unused share where not given. */
	wantedMinor?: number;
	/** Minor units. */
	amountMinor?: number;
	/** Whether what was bought ends with it. */
	endsAccess: boolean;
	/** Whether the owner of what was bought freezes it meanwhile. */
	holds: boolean;
	reason?: string;
	/** The provider's id of it. */
	gatewayId?: string;
	attempt?: Attempt;
	failure?: { code: string; message: string };
	createdAt: string;
	succeededAt?: string;
	failedAt?: string;
}

/** Money that the provider holds or took because the buyer's bank asks for it. */
export interface DisputeDoc {
	/** The provider's id of it. */
	id: string;
	status: "open" | "won" | "lost";
	amountMinor: number;
	openedAt: string;
	closedAt?: string;
}

/** One thing that happened to a payment, written with the change it tells. */
export interface LogEntry {
	at: string;
	what: string;
	/** Who or what caused it: `user usr_…`, `webhook evt_…`, `reconciler`, … */
	by: string;
	detail?: string;
	/** Ids of the facts that went out with it, by name. */
	facts?: Record<string, string>;
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
	/** What can still be refunded: what was captured less what refunds and disputes hold; there from capture on. */
	refundableMinor?: number;
	/** What went back; there from capture on. */
	refundedMinor?: number;
	refunds: Record<string, RefundDoc>;
	/** The one refund under way. */
	openRefund?: string;
	/** By the provider's id. */
	disputes: Record<string, DisputeDoc>;
	/** What the provider keeps for it, in the currency it settles in. */
	fee?: { amountMinor: number; currency: string };
	feeAt?: string;
	/** The provider will tell a fee and has not yet. */
	isFeeDue?: boolean;
	/** Closed here while the provider could not close it: money may come until then, ms. */
	lateUntil?: number;
	/** When the provider is asked again, ms; there while anything has no known end. */
	askAt?: number;
	/** How often it was asked since anything changed. */
	asks?: number;
	/** Everything that happened, by an id that sorts in order. */
	log: Record<string, LogEntry>;
	/** Place in the trace of the request that made it, which whatever settles it continues. */
	traceparent?: string;
	/** Counts every write: each is made on what was read, or not at all. */
	version: number;
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
		refundedMinor: Number,
		refunds: { type: Object },
		openRefund: String,
		disputes: { type: Object },
		fee: { type: Object },
		feeAt: String,
		isFeeDue: Boolean,
		lateUntil: Number,
		askAt: Number,
		asks: Number,
		log: { type: Object },
		traceparent: String,
		version: Number,
		capturedAt: String,
		closedAt: String,
		closedBy: String,
		createdAt: String,
		updatedAt: String,
	},
	indexes: {
		openKey: { unique: true, sparse: true },
		gatewayId: { unique: true, sparse: true },
		payableKey: {},
		status: {},
		askAt: { sparse: true },
	},
	compound: [["userId", "createdAt"]],
	told: [
		"status",
		"refundableMinor",
		"refundedMinor",
		"openRefund",
		"refunds.*.status",
		"refunds.*.amountMinor",
		"refunds.*.wantedMinor",
		"refunds.*.gatewayId",
	],
});
