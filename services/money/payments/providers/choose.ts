import type { Clock } from "../../../../kernel/clock.ts";
import type { Caller } from "../../../../kernel/contract.ts";
import type { Env } from "../../../../kernel/env.ts";
import type { PaymentMethod } from "../payments.contract.ts";
import type { PaymentProvider } from "./port.ts";
import { razorpayProvider } from "./razorpay.ts";
import { razorpayClient } from "./razorpay-client.ts";
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
	if (env.RAZORPAY_KEY_ID && env.RAZORPAY_KEY_SECRET) {
		const { RAZORPAY_KEY_ID: keyId, RAZORPAY_KEY_SECRET: keySecret } = env;
		providers.push(
			razorpayProvider({
				client: razorpayClient({ keyId, keySecret, apiBase: env.RAZORPAY_API_BASE }),
				keySecret,
				webhookSecrets: env.RAZORPAY_WEBHOOK_SECRET,
				clock,
			}),
		);
	}
	return new Map(providers.map(provider => [provider.name, provider]));
}

/** Who serves a method: the sandbox where it may and the method's own keys are not set; undefined for nobody. */
export function providerFor(method: PaymentMethod, env: Env): string | undefined {
	if (method === "stripe" && env.STRIPE_SECRET_KEY) return "stripe";
	if (method === "razorpay" && env.RAZORPAY_KEY_ID)
		return env.RAZORPAY_KEY_SECRET ? "razorpay" : undefined;
	return env.sandbox ? "sandbox" : undefined;
}

/** Whether a provider's webhook route is open: not without the secret its events are signed with. */
export function takesWebhooks(provider: string, env: Env): boolean {
	if (provider === "stripe") return env.STRIPE_WEBHOOK_SECRET.length > 0;
	if (provider === "razorpay") return env.RAZORPAY_WEBHOOK_SECRET.length > 0;
	return true;
}
