import type { EnrollmentDoc } from "../../models/learning/enrollment.model.ts";
import type { PaymentDoc } from "../../models/money/payment.model.ts";
import type { Remains } from "./verdict.ts";

const refunds = ({ refunds }: PaymentDoc) => Object.values(refunds);
const said = ({ log }: PaymentDoc, what: string) =>
	Object.values(log).some(entry => entry.what === what);

const isOrder = ({ gatewayId }: PaymentDoc) => gatewayId?.startsWith("order_") === true;

const situations = {
	captured: p => Boolean(p.capturedAt),
	"captured late": p =>
		Object.values(p.log).some(
			({ what, detail }) => what === "captured" && detail?.startsWith("after"),
		),
	canceled: p => p.status === "canceled",
	"captured at Razorpay": p => isOrder(p) && Boolean(p.capturedAt),
	"closed at Razorpay": p => isOrder(p) && (p.status === "canceled" || p.status === "expired"),
	"given back at Razorpay": p => isOrder(p) && (p.refundedMinor ?? 0) > 0,
	expired: p => p.status === "expired",
	"refused by the bank": p => p.status === "failed",
	declined: p => Object.keys(p.declines).length > 0,
	"fee told later": p => said(p, "fee told"),
	"no answer to create": p => said(p, "no answer to create"),
	"no answer to cancel": p => said(p, "no answer to cancel"),
	"no answer to a refund": p => said(p, "no answer to the refund"),
	"refund withdrawn": p => said(p, "refund withdrawn"),
	"refund made": p => refunds(p).some(r => r.status === "succeeded" && r.attempt),
	"several refunds": p => refunds(p).filter(r => r.status === "succeeded").length > 1,
	"refund made by hand": p => refunds(p).some(r => r.status === "succeeded" && !r.attempt),
	"refund failed": p => refunds(p).some(r => r.status === "failed" && !r.succeededAt),
	"refund came back": p => refunds(p).some(r => r.status === "failed" && r.succeededAt),
	"refund never arrived": p => refunds(p).some(r => r.failure?.code === "never_arrived"),
	"dispute won": p => Object.values(p.disputes).some(d => d.status === "won"),
	"dispute lost": p => Object.values(p.disputes).some(d => d.status === "lost"),
	"refund and dispute": p => refunds(p).length > 0 && Object.keys(p.disputes).length > 0,
} satisfies Record<string, (payment: PaymentDoc) => boolean>;

const ofSeats = {
	"seat dropped": seat => seat.status === "dropped",
	"seat completed": seat => seat.completedAt !== undefined,
	"paid twice for one seat": seat => Object.values(seat.payments).includes("surplus"),
	"bought again": seat =>
		Object.values(seat.payments).includes("refunded") &&
		Object.values(seat.payments).includes("captured"),
} satisfies Record<string, (seat: EnrollmentDoc) => boolean>;

/** How often each of these came about in a run: a simulation that never gets there shows nothing of it. */
export function reachedBy(documents: Remains["documents"]): Record<string, number> {
	const count = <T>(all: readonly T[], tests: Record<string, (each: T) => boolean>) =>
		Object.entries(tests).map(([name, test]) => [name, all.filter(test).length] as const);
	return Object.fromEntries([
		...count(documents("payments") as unknown as PaymentDoc[], situations),
		...count(documents("enrollments") as unknown as EnrollmentDoc[], ofSeats),
	]);
}
