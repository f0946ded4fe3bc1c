import type { Clock } from "../../../../kernel/clock.ts";
import type { Caller } from "../../../../kernel/contract.ts";
import type { Env } from "../../../../kernel/env.ts";
import type { PaymentMethod } from "../payments.contract.ts";
import type { PaymentProvider } from "./port.ts";
import { sandboxProvider } from "./sandbox.ts";
import { stripeProvider } from "./stripe.ts";

/** Every provider that is set up here, by name. Made once for a process: each keeps its connections. */
export function providersOf(
	env: Env,
	mesh: Caller,
	clock: Clock,
): ReadonlyMap<string, PaymentProvider> {
	const providers: PaymentProvider[] = [];
	if (env.sandbox) providers.push(sandboxProvider(mesh, clock));
	if (env.STRIPE_SECRET_KEY)
		providers.push(
			stripeProvider({
				secretKey: env.STRIPE_SECRET_KEY,
				webhookSecrets: env.STRIPE_WEBHOOK_SECRET,
				apiBase: env.STRIPE_API_BASE,
				clock,
			}),
		);
	return new Map(providers.map(provider => [provider.name, provider]));
}

/** Who serves a method: the sandbox where it may and the method's own keys are not set; undefined for nobody. */
export function providerFor(method: PaymentMethod, env: Env): string | undefined {
	if (method === "stripe" && env.STRIPE_SECRET_KEY) return "stripe";
	const key = { stripe: env.STRIPE_SECRET_KEY, razorpay: env.RAZORPAY_KEY_ID }[method];
	return env.sandbox && !key ? "sandbox" : undefined;
}

/** Whether a provider's webhook route is open: not without the secret its events are signed with. */
export const takesWebhooks = (provider: string, env: Env): boolean =>
	provider !== "stripe" || env.STRIPE_WEBHOOK_SECRET.length > 0;
