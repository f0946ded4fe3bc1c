import type { Env } from "../../../kernel/env.ts";

/** Who may take a payment on the checkout page. */
export type Widget = "stripe" | "razorpay";

/** Directives of a Content-Security-Policy with the sources each allows. */
type Sources = Record<string, readonly string[]>;

/** Variables that say which hosts the school's pages have to do with. */
export type Hosts = Pick<
	Env,
	| "MUX_TOKEN_ID"
	| "S3_ENDPOINT"
	| "AWS_S3_BUCKET"
	| "AWS_REGION"
	| "STRIPE_PUBLISHABLE_KEY"
	| "RAZORPAY_KEY_ID"
>;

const own: Sources = {
	"default-src": ["'none'"],
	"script-src": ["'self'"],
	"style-src": ["'self'"],
	"img-src": ["'self'"],
	"connect-src": ["'self'"],
	"base-uri": ["'none'"],
	"form-action": ["'self'"],
	"frame-ancestors": ["'none'"],
};

/** Streams and pictures; hls.js feeds a stream to the player through a blob. https://www.mux.com/docs/core/content-security-policy */
const mux: Sources = {
	"connect-src": ["https://*.mux.com"],
	"media-src": ["https://*.mux.com"],
	"img-src": ["https://image.mux.com"],
};

/** https://docs.stripe.com/security/guide#content-security-policy, https://razorpay.com/docs/payments/payment-gateway/web-integration */
const widgets: Record<Widget, Sources> = {
	stripe: {
		"script-src": ["https://js.stripe.com"],
		"frame-src": ["https://js.stripe.com", "https://hooks.stripe.com"],
		"connect-src": ["https://api.stripe.com"],
	},
	razorpay: {
		"script-src": ["https://checkout.razorpay.com"],
		"frame-src": ["https://api.razorpay.com", "https://checkout.razorpay.com"],
		"connect-src": ["https://api.razorpay.com"],
	},
};

const joined = (...all: readonly Sources[]): string => {
	const names = [...new Set(all.flatMap(Object.keys))];
	return names
		.map(name => [name, ...new Set(all.flatMap(sources => sources[name] ?? []))].join(" "))
		.join(";");
};

/** Where files lie that are sent to and taken from their store directly; none where that is this host. */
function storeOrigins({ S3_ENDPOINT, AWS_S3_BUCKET, AWS_REGION }: Hosts): string[] {
	if (!AWS_S3_BUCKET) return [];
	if (!S3_ENDPOINT)
		return [`https://${AWS_S3_BUCKET}.s3.${AWS_REGION ?? "us-east-1"}.amazonaws.com`];
	const { protocol, host, origin } = new URL(S3_ENDPOINT);
	return [origin, `${protocol}//${AWS_S3_BUCKET}.${host}`];
}

/** The policy of the school's pages: their own scripts, no markup made of text, media from where they are kept. */
export function schoolPolicy(hosts: Hosts): string {
	const store = storeOrigins(hosts);
	return joined(
		own,
		{ "media-src": ["'self'", "blob:", ...store], "connect-src": store },
		hosts.MUX_TOKEN_ID ? mux : {},
		{ "require-trusted-types-for": ["'script'"], "trusted-types": ["lit-html"] },
	);
}

/** Whose widget the checkout page shows: that of a provider whose public key is there. */
export function widgetOf(hosts: Hosts, method: Widget | undefined): Widget | undefined {
	const keys = { stripe: hosts.STRIPE_PUBLISHABLE_KEY, razorpay: hosts.RAZORPAY_KEY_ID };
	return method && keys[method] ? method : undefined;
}

/** The policy of the checkout page: that provider's origins and no other's. */
export const checkoutPolicy = (widget: Widget | undefined): string =>
	joined(own, widget ? widgets[widget] : {});
