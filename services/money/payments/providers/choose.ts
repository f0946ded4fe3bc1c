import type { Clock } from "../../../../kernel/clock.ts";
import type { Caller } from "../../../../kernel/contract.ts";
import type { Env } from "../../../../kernel/env.ts";
import type { PaymentMethod } from "../payments.contract.ts";
import type { PaymentProvider } from "./port.ts";
import { sandboxProvider } from "./sandbox.ts";

/** Every provider that is set up here, by name. */
export const providersOf = (
	env: Env,
	mesh: Caller,
	clock: Clock,
): ReadonlyMap<string, PaymentProvider> =>
	new Map(env.sandbox ? [["sandbox", sandboxProvider(mesh, clock)]] : []);

/** Who serves a method: the sandbox where it may and the method's own keys are not set; undefined for nobody. */
export function providerFor(method: PaymentMethod, env: Env): string | undefined {
	const key = { stripe: env.STRIPE_SECRET_KEY, razorpay: env.RAZORPAY_KEY_ID }[method];
	return env.sandbox && !key ? "sandbox" : undefined;
}
