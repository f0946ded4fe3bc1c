import { isIP } from "node:net";
import { type CrashAt, parseCrashAt } from "./crash-point.ts";

/** One variable: how its text is read, what it is when it is not set, what it is for. */
interface Variable<T> {
	help: string;
	/** @throws Error whose message says what was expected. */
	read(text: string): T;
	fallback: T;
}

const text = <T extends string | undefined>(help: string, fallback: T): Variable<string | T> => ({
	help,
	read: value => value,
	fallback,
});

const integer = (help: string, fallback: number, min: number, max: number): Variable<number> => ({
	help,
	fallback,
	read(value) {
		const number = Number(value);
		if (!/^\d+$/.test(value) || number < min || number > max)
			throw new Error(`expected a whole number from ${min} to ${max}`);
		return number;
	},
});

const flag = (help: string): Variable<boolean> => ({
	help,
	fallback: false,
	read(value) {
		if (["1", "on", "true"].includes(value)) return true;
		if (["0", "off", "false"].includes(value)) return false;
		throw new Error("expected on or off");
	},
});

const choice = <const V extends string>(
	help: string,
	values: readonly V[],
	fallback: V,
): Variable<V> => ({
	help,
	fallback,
	read(value) {
		const found = values.find(v => v === value);
		if (!found) throw new Error(`expected one of ${values.join(", ")}`);
		return found;
	},
});

const list = (help: string): Variable<readonly string[]> => ({
	help,
	fallback: [],
	read: value =>
		value
			.split(",")
			.map(part => part.trim())
			.filter(Boolean),
});

const url = (help: string, protocols: readonly string[]): Variable<string | undefined> => ({
	help,
	fallback: undefined,
	read(value) {
		for (const part of value.split(",")) {
			const parsed = URL.canParse(part) ? new URL(part).protocol : "";
			if (!protocols.includes(parsed)) throw new Error(`expected ${protocols.join(" or ")}//…`);
		}
		return value;
	},
});

/** One URL may name several servers, which no URL parser takes. */
const mongoUrl = (help: string): Variable<string | undefined> => ({
	help,
	fallback: undefined,
	read(value) {
		if (!/^mongodb(\+srv)?:\/\/[^\s/]+/.test(value))
			throw new Error("expected mongodb:// or mongodb+srv://…");
		return value;
	},
});

/** What is part of a NATS subject or a database's name. */
const name = <T extends string | undefined>(help: string, fallback: T): Variable<string | T> => ({
	help,
	fallback,
	read(value) {
		if (!/^[A-Za-z0-9_-]{1,63}$/.test(value))
			throw new Error("expected up to 63 letters, digits, - and _");
		return value;
	},
});

const integerOrOff = (
	help: string,
	fallback: number,
	least: number,
	most: number,
): Variable<number | "off"> => ({
	help,
	fallback,
	read: value => (value === "off" ? "off" : integer(help, fallback, least, most).read(value)),
});

const share = (help: string): Variable<number> => ({
	help,
	fallback: 1,
	read(value) {
		if (!/^(?:0(?:\.\d+)?|1(?:\.0+)?)$/.test(value))
			throw new Error("expected a number from 0 to 1");
		return Number(value);
	},
});

/** As W3C Baggage writes them: `name=value,name=value`, values percent-encoded. */
const headers = (help: string): Variable<Readonly<Record<string, string>>> => ({
	help,
	fallback: {},
	read: value =>
		Object.fromEntries(
			list(help)
				.read(value)
				.map(pair => {
					const [, name, text] = /^([\w-]+)=([\x21-\x7e ]*)$/.exec(pair) ?? [];
					if (!name || text === undefined || /%(?![0-9a-f]{2})/i.test(text))
						throw new Error("expected name=value,… with values percent-encoded");
					return [name, decodeURIComponent(text)];
				}),
		),
});

const isNetwork = (text: string): boolean => {
	const [address = "", bits, ...more] = text.split("/");
	const longest = isIP(address) === 4 ? 32 : isIP(address) === 6 ? 128 : -1;
	return more.length === 0 && /^\d+$/.test(bits ?? "0") && Number(bits ?? 0) <= longest;
};

const addresses = (help: string): Variable<readonly string[]> => ({
	help,
	fallback: [],
	read(value) {
		const parts = list(help).read(value);
		const wrong = parts.find(part => !isNetwork(part));
		if (wrong) throw new Error(`${wrong} is not an address or network`);
		return parts;
	},
});

/** Every variable the product reads. Nothing else in the code looks at `process.env`. */
export const variables = {
	PORT: integer("HTTP port of this node; 0: none", 3000, 0, 65_535),
	HOST: text("Address the HTTP port is bound to", "127.0.0.1"),
	DATA_DIR: text("Where the embedded store and its secrets lie", "./data"),
	NATS_URL: url("NATS servers, comma separated; makes this node part of a mesh", ["nats:", "tls:"]),
	NATS_SYSTEM_URL: url(
		"NATS as its system account's user, for the sentinel; it is off where unset",
		["nats:", "tls:"],
	),
	MONGO_URL: mongoUrl("MongoDB; the embedded store where unset"),
	REDIS_URL: url("Redis for rate limits and kept answers; memory, or none on a mesh, where unset", [
		"redis:",
		"rediss:",
	]),
	SERVICES: list("Domains or services this node runs; all where unset, none for `none`"),
	MESH: list("Domains or services the whole deployment has; all where unset"),
	NODE_ID: text("Name of this node; made from host and process where unset", undefined),
	NAMESPACE: name("Separates deployments on one NATS, database or Redis", "zeolite"),
	LOG_LEVEL: choice(
		"Least level that is logged",
		["fatal", "error", "warn", "info", "debug", "trace"],
		"info",
	),
	PRODUCTION: flag("Refuses what must not be in production"),
	SANDBOX: choice(
		"Sandbox providers; auto: on in embedded mode on loopback",
		["auto", "on", "off"],
		"auto",
	),
	PUBLIC_URL: url("Where clients reach the gateway; http://HOST:PORT where unset", [
		"http:",
		"https:",
	]),
	HOME_PAGE: choice("What `/` shows", ["school", "docs", "ops"], "school"),
	REQUEST_TIMEOUT_MS: integer("Longest an action call may take, ms", 10_000, 1, 600_000),
	RATE_LIMIT: integerOrOff(
		"Requests per minute and client, or off; of pages and their files 50 times as many",
		600,
		1,
		1_000_000,
	),
	FAST_PATH: {
		...flag("Gateways go past moleculer-web's own way of a call; off: they take it"),
		fallback: true,
	},
	CORS_ORIGINS: list("Origins whose pages may call the API"),
	TRUSTED_PROXIES: addresses("Proxies whose X-Forwarded-For is believed"),
	METRICS_TOKEN: text("Bearer token that opens /metrics to others than loopback", undefined),
	OTEL_EXPORTER_OTLP_ENDPOINT: url(
		"OpenTelemetry collector that spans are sent to by OTLP over HTTP; no spans where unset",
		["http:", "https:"],
	),
	OTEL_EXPORTER_OTLP_HEADERS: headers("Headers for the collector, `name=value,…`"),
	OTEL_TRACES_SAMPLER_ARG: share("Share of the traces begun here that is recorded, 0 to 1"),
	TEACHER_APPROVAL: flag("Teachers need an admin's approval to publish a paid course"),
	SERVICE_SECRET_KEY: list(
		"Secrets of service signatures and key sealing; the first signs, all verify",
	),
	COURSE_SERVICE_API_KEY: text("Key that course-service must send", undefined),
	PAYMENT_SERVICE_API_KEY: text("Key that payment-service must send", undefined),
	FILE_SERVICE_API_KEY: text("Key that file-service must send", undefined),
	USER_SERVICE_API_KEY: text("Key that user-service must send", undefined),
	JWT_PRIVATE_KEY: text(
		"EC P-256 private key (PEM, or a path to one) that seeds the first signing key",
		undefined,
	),
	ADMIN_EMAIL: text("E-mail of the first admin", undefined),
	ADMIN_PASSWORD: text("Password of the first admin", undefined),
	RETENTION_DAYS: integerOrOff(
		"Days that the words of mails and of providers' events are kept after they were sent or applied, or off: for ever",
		90,
		1,
		36_500,
	),
	UPLOAD_QUOTA_GB: integerOrOff(
		"Bytes that the files of one user may have together, in GB (1,000,000,000 bytes), or off",
		100,
		1,
		1_000_000,
	),
	REFUND_WINDOW_DAYS: integer("How long after capture a buyer may ask for a refund", 30, 0, 3_650),
	STRIPE_SECRET_KEY: text("Stripe's secret key", undefined),
	STRIPE_WEBHOOK_SECRET: list("Stripe's webhook signing secrets"),
	STRIPE_PUBLISHABLE_KEY: text(
		"Stripe's publishable key, which the checkout page hands to Stripe's script",
		undefined,
	),
	STRIPE_API_BASE: url("Scheme, host and port of another Stripe than the real one, for tests", [
		"http:",
		"https:",
	]),
	RAZORPAY_KEY_ID: text("Razorpay's key id", undefined),
	RAZORPAY_KEY_SECRET: text("Razorpay's key secret", undefined),
	RAZORPAY_WEBHOOK_SECRET: list("Razorpay's webhook secrets"),
	RAZORPAY_API_BASE: url("Scheme, host and port of another Razorpay than the real one, for tests", [
		"http:",
		"https:",
	]),
	MUX_TOKEN_ID: text("Id of the Mux access token that videos are made with", undefined),
	MUX_TOKEN_SECRET: text("Secret of that token", undefined),
	MUX_WEBHOOK_SECRET: list("Mux's webhook signing secrets"),
	MUX_API_BASE: url("Another Mux than the real one, for tests", ["http:", "https:"]),
	MUX_SIGNING_KEY: text(
		"Id of the Mux signing key of playback; where unset, one is made and kept sealed",
		undefined,
	),
	MUX_SIGNING_PRIVATE_KEY: text("Private key of that key, as Mux gave it or as PEM", undefined),
	AWS_S3_BUCKET: text("Bucket of an S3 store that files are kept in", undefined),
	AWS_REGION: text("Region of the bucket", "us-east-1"),
	AWS_ACCESS_KEY_ID: text(
		"Key of who may use the bucket; where unset, as the AWS SDK finds one",
		undefined,
	),
	AWS_SECRET_ACCESS_KEY: text("Secret of that key", undefined),
	S3_ENDPOINT: url("Another S3 store than Amazon's, as servers and browsers reach it", [
		"http:",
		"https:",
	]),
	SMTP_URL: url(
		"Server that carries mail, `smtp://user:password@host:port`; `?from=` names the sender. The sandbox's inbox, or nobody, where unset",
		["smtp:", "smtps:"],
	),
	CRASH_AT: {
		help: "For tests: ends the process at a write, `<service>:<n>:before|after`",
		fallback: undefined,
		read: parseCrashAt,
	} as Variable<CrashAt | "count" | undefined>,
} satisfies Record<string, Variable<unknown>>;

type Values = {
	-readonly [K in keyof typeof variables]:
		| ReturnType<(typeof variables)[K]["read"]>
		| (typeof variables)[K]["fallback"];
};

export interface Env extends Readonly<Values> {
	/** One process with the embedded store, or a node of a NATS mesh. */
	readonly mode: "embedded" | "mesh";
	/** Whether sandbox providers may serve. */
	readonly sandbox: boolean;
	/** Where files are kept: in one process on its disk, on a mesh in an S3 store or nowhere. */
	readonly files: "disk" | "s3" | "none";
	/** Base of addresses that are handed out, without a slash at its end. */
	readonly publicUrl: string;
}

/** The environment cannot be used; `problems` lists every reason. */
export class EnvError extends Error {
	readonly problems: readonly string[];
	constructor(problems: readonly string[]) {
		super(`The environment cannot be used:\n${problems.map(p => `  - ${p}`).join("\n")}`);
		this.problems = problems;
	}
}

const loopback = (host: string): boolean =>
	host === "localhost" || host === "::1" || /^127\./.test(host);

const shortestSecret = 32;

/** Whether `SERVICES` says that a node runs no service: it then needs no store. */
export const runsNothing = (services: readonly string[]): boolean =>
	services.length === 1 && services[0] === "none";

/** What must not be together, or must not be in production. */
function refusals(v: Values): string[] {
	const found: string[] = [];
	if (v.NATS_URL && !v.MONGO_URL && !runsNothing(v.SERVICES))
		found.push("NATS_URL without MONGO_URL: the nodes of a mesh need one database");
	if ((v.ADMIN_EMAIL === undefined) !== (v.ADMIN_PASSWORD === undefined))
		found.push("ADMIN_EMAIL and ADMIN_PASSWORD go together");
	if ((v.AWS_ACCESS_KEY_ID === undefined) !== (v.AWS_SECRET_ACCESS_KEY === undefined))
		found.push("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY go together");
	const makesVideos = v.SERVICES.length === 0 || v.SERVICES.some(s => /^(content|videos)$/.test(s));
	if (v.MUX_TOKEN_SECRET && !v.MUX_TOKEN_ID) found.push("MUX_TOKEN_SECRET without MUX_TOKEN_ID");
	if (v.MUX_TOKEN_ID && !v.MUX_TOKEN_SECRET && makesVideos)
		found.push("MUX_TOKEN_ID without MUX_TOKEN_SECRET");
	if ((v.MUX_SIGNING_KEY === undefined) !== (v.MUX_SIGNING_PRIVATE_KEY === undefined))
		found.push("MUX_SIGNING_KEY and MUX_SIGNING_PRIVATE_KEY go together");
	if (v.S3_ENDPOINT && !v.AWS_S3_BUCKET) found.push("S3_ENDPOINT without AWS_S3_BUCKET");
	if (v.RAZORPAY_KEY_SECRET !== undefined && v.RAZORPAY_KEY_ID === undefined)
		found.push("RAZORPAY_KEY_SECRET is set and RAZORPAY_KEY_ID is not");
	if (!v.PRODUCTION) return found;
	if (v.SERVICE_SECRET_KEY.length === 0)
		found.push("SERVICE_SECRET_KEY is missing, which PRODUCTION=1 refuses");
	if (v.SERVICE_SECRET_KEY.some(secret => secret.length < shortestSecret))
		found.push(
			`SERVICE_SECRET_KEY is shorter than ${shortestSecret} characters, which PRODUCTION=1 refuses`,
		);
	if (v.SANDBOX === "on") found.push("SANDBOX=on, which PRODUCTION=1 refuses");
	if (v.CRASH_AT) found.push("CRASH_AT is for tests only");
	if (v.MUX_TOKEN_ID && v.MUX_API_BASE?.startsWith("http:"))
		found.push("MUX_API_BASE is not https://, which PRODUCTION=1 refuses");
	const stripeIsLive = /^[sr]k_live_/.test(v.STRIPE_SECRET_KEY ?? "");
	if (stripeIsLive && v.STRIPE_WEBHOOK_SECRET.length === 0)
		found.push("STRIPE_SECRET_KEY is live and STRIPE_WEBHOOK_SECRET is missing");
	if (stripeIsLive && v.STRIPE_API_BASE?.startsWith("http:"))
		found.push("STRIPE_SECRET_KEY is live and STRIPE_API_BASE is not https://");
	const razorpayIsLive = v.RAZORPAY_KEY_ID?.startsWith("rzp_live_");
	// The key id alone is public: the gateway's pages name it.
	if (razorpayIsLive && v.RAZORPAY_KEY_SECRET && v.RAZORPAY_WEBHOOK_SECRET.length === 0)
		found.push("RAZORPAY_KEY_ID is live and RAZORPAY_WEBHOOK_SECRET is missing");
	if (razorpayIsLive && v.RAZORPAY_API_BASE?.startsWith("http:"))
		found.push("RAZORPAY_KEY_ID is live and RAZORPAY_API_BASE is not https://");
	return found;
}

/**
 * Reads the environment against `variables`. An empty value counts as not set.
 * @throws EnvError with all problems at once.
 */
export function readEnv(source: Record<string, string | undefined>): Env {
	const problems: string[] = [];
	const values: Record<string, unknown> = {};
	for (const [name, variable] of Object.entries<Variable<unknown>>(variables)) {
		const value = source[name];
		try {
			values[name] = value ? variable.read(value) : variable.fallback;
		} catch (error) {
			problems.push(`${name}: ${(error as Error).message}`);
			values[name] = value;
		}
	}
	const read = values as Values;
	problems.push(...refusals(read));
	if (problems.length > 0) throw new EnvError(problems);
	const mode = read.NATS_URL ? "mesh" : "embedded";
	return Object.freeze({
		...read,
		mode,
		sandbox:
			read.SANDBOX === "on" ||
			(read.SANDBOX === "auto" && mode === "embedded" && loopback(read.HOST) && !read.PRODUCTION),
		files: read.AWS_S3_BUCKET ? "s3" : mode === "embedded" ? "disk" : "none",
		publicUrl: (read.PUBLIC_URL ?? `http://${read.HOST}:${read.PORT}`).replace(/\/$/, ""),
	});
}
