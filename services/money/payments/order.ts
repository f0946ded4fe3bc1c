import type { Ctx } from "../../../kernel/contract.ts";
import { invalidField } from "../../../kernel/errors.ts";
import { toMinor } from "../../../kernel/money/money.ts";
import type { Payable, PaymentMethod } from "./payments.contract.ts";

/** What a request asks a payment for. */
export interface Order {
	userId: string;
	payable: Payable;
	method: PaymentMethod;
	/** What the client believes to pay: major units. */
	amount?: number | undefined;
	currency?: string | undefined;
}

/** What a request asks a payment for. @throws VALIDATION_ERROR unless it says so once. */
export function payableOf(params: { courseId?: string; payable?: Payable }): Payable {
	const { courseId, payable } = params;
	if (courseId !== undefined && payable)
		throw invalidField("/payable", "CONFLICT", "must not come together with courseId");
	if (payable) return payable;
	if (courseId === undefined)
		throw invalidField("/courseId", "REQUIRED", "must have courseId or payable");
	return { kind: "course", id: courseId };
}

/** An amount to be given back, from major to minor units. @throws VALIDATION_ERROR for what is no positive amount. */
export function wantedMinor(amount: number, currency: string): number {
	try {
		const minor = toMinor(amount, currency);
		if (minor > 0) return minor;
	} catch {
		throw invalidField("/amount", "FRACTION", `is no whole number of ${currency} minor units`);
	}
	throw invalidField("/amount", "TOO_SMALL", "must be more than 0");
}

/** Who asks, as `explain` shows it. */
export function byUser({ locals }: Pick<Ctx, "locals">): string {
	if (locals.caller)
		return `${locals.caller.roles.includes("admin") ? "admin" : "user"} ${locals.caller.id}`;
	return locals.service ?? "mesh";
}
