import type { PaymentStatus } from "../../services/money/payments/payments.contract.ts";
import type { FakeStripe } from "./stripe/fake-stripe.ts";

/** What happens to a payment at Stripe, and what must come of it. */
export interface Fate {
	play(fake: FakeStripe, id: string): void;
	/** How many events Stripe tells of it. */
	events: number;
	status: PaymentStatus;
	declines: number;
	seats: string[];
	/** Entries in the journal. */
	booked: string[];
	facts: string[];
}

const captured: Fate = {
	play: (fake, id) => fake.pay(id),
	events: 3,
	status: "captured",
	declines: 0,
	seats: ["active"],
	booked: ["capture 9999", "fee 320"],
	facts: ["captured", "fee_charged"],
};

/** Captured, and more. */
const more = (
	change: Omit<Partial<Fate>, "booked" | "facts">,
	booked: string[] = [],
	facts: string[] = [],
): Fate => ({
	...captured,
	...change,
	booked: [...captured.booked, ...booked].sort(),
	facts: [...captured.facts, ...facts].sort(),
});

/** One cycle: fifty events of ten payments. */
export const fates: readonly Fate[] = [
	captured,
	captured,
	more({
		play(fake, id) {
			fake.pay(id, { threeDSecure: true });
			fake.authenticate(id);
		},
		events: 4,
	}),
	more({
		play(fake, id) {
			fake.decline(id);
			fake.pay(id);
		},
		events: 5,
		declines: 1,
	}),
	more({
		play(fake, id) {
			fake.pay(id, { processing: true });
			fake.process(id, "succeeded");
		},
		events: 5,
	}),
	{
		play: (fake, id) => fake.decline(id),
		events: 3,
		status: "requires_action",
		declines: 1,
		seats: [],
		booked: [],
		facts: [],
	},
	more(
		{
			play(fake, id) {
				fake.pay(id);
				fake.refundByHand(id, 1_000);
			},
			events: 5,
			status: "partially_refunded",
		},
		["refund 1000"],
		["refunded"],
	),
	more({ events: 7, status: "refunded", seats: ["dropped"] }, ["refund 9999"], ["refunded"]),
	more(
		{
			play(fake, id) {
				fake.pay(id);
				fake.dispute(id);
				fake.dispute(id, { status: "won" });
			},
			events: 8,
		},
		["dispute 9999", "dispute_reversal 9999"],
		["disputed", "reinstated"],
	),
	more(
		{
			play(fake, id) {
				fake.pay(id);
				fake.dispute(id, { status: "lost" });
			},
			events: 7,
			status: "disputed",
			seats: ["dropped"],
		},
		["dispute 9999"],
		["disputed", "charged_back"],
	),
];
/** The one whose payment is given back: by our refund, or by hand where it does not exist here yet. */
export const givenBack = fates[7] as Fate;
