import type { CallingOptions, Context, ServiceBroker } from "moleculer";
import type { Static, TObject, TSchema } from "typebox";

/** Who may call an action. There is no default: a service whose action does not say so is refused at start. */
export type Access =
	| "public"
	| "user"
	| { roles: readonly string[] }
	/** The mesh only, never HTTP. */
	| "internal"
	/** Other systems' servers over HTTP, by HMAC, under one of these names. */
	| { service: readonly string[] };

/** An error an action may answer with; its code is the key it stands under. */
export interface Problem {
	status: number;
	title: string;
	/** What the caller can do about it; shown at `/problems/:slug`. */
	explanation?: string;
	/** Extra members of the problem document. */
	data?: TObject;
}

/** How long answers are kept, for whom, and what they are about. */
export interface AnswerCache {
	/** How old an answer may be, seconds, where nobody says that it changed. */
	ttlSeconds: number;
	/** The param that names what an answer is about, or `caller`: the caller's own. `forget` drops what is about it. */
	about: string;
	/** With this param nothing is kept. */
	exceptWith?: string;
	/** Kept once for everybody while `status` is this, and not at all while it is not; for each caller where not given. */
	sharedWhile?: string;
}

export interface ActionContract {
	/** What it does, with units. The only documentation of an action: pages and help are made from it. */
	description: string;
	/** Reads are retried on an infrastructure fault, writes never. */
	kind: "read" | "write";
	/** Any of these. Who owns the thing is asked in the query, not here. */
	access: Access | readonly Access[];
	/** `METHOD /canonical/path/:param`, or several. None: mesh only. */
	rest?: string | readonly string[];
	/** Status of success (200); further ones are chosen by the handler with `answerWith`. */
	status?: number | readonly [number, ...number[]];
	params?: TObject;
	result: TSchema;
	errors?: Record<string, Problem>;
	/** A sample call: shown by the REPL and the docs, run by a test. */
	example?: Record<string, unknown>;
	/** Refused with 503 where this node's list of revoked sessions is older than 30 s: money and admin writes. */
	sensitive?: boolean;
	/** Stricter than `RATE_LIMIT`: calls over HTTP per minute of one address, or of one caller where one is known. */
	limit?: { perMinute: number; by: "address" | "caller" };
	/** A page, script or style that holds no data: it counts for itself, up to 50 times `RATE_LIMIT`. */
	isStatic?: true;
	/** Longest it may take, ms, up to 60,000 (6 h where it takes a stream); `REQUEST_TIMEOUT_MS` where not given. */
	timeoutMs?: number;
	/** Answers are kept for a short time. Only for what nobody decides money or access by. */
	cache?: AnswerCache;
	/**
	 * What it changes is told, with who changed it, by a fact in the same write: a write whose contract says
	 * `facts: { ...audited("subject") }`. Which values may be told, the models say under `told`.
	 */
	audit?: true;
	/** The bearer token of the request is not verified; the action finds it in `ctx.headers.bearer`. */
	ignoresToken?: boolean;
	/**
	 * The action exists only where this holds: `sandbox`, where sandbox providers may serve; `disk`, where the one
	 * process there is keeps files on its disk.
	 */
	onlyWhere?: "sandbox" | "disk";
	/**
	 * `raw`: the body reaches the action as base64 with its headers, unparsed (webhooks). `stream`: it is `ctx.stream`,
	 * of any length, and the params are `StreamHead` beside the path's. Default `json`.
	 */
	accepts?: "json" | "raw" | "stream";
	/**
	 * `file`: the result is `{contentType, content}` and goes out as it is. `stream`: it is a `StreamAnswer`, whose bytes
	 * go out as fast as they are taken, by range too. Default `json`.
	 */
	answers?: "json" | "file" | "stream";
	/** Media types it may answer in, for the documents; where it is not JSON alone. */
	media?: readonly string[];
}

/** A durable fact: past tense, delivered at least once, in no order. */
export interface FactContract {
	v: number;
	/** Ids, amounts and states only; never names or addresses. */
	data: TObject;
}

export interface Contract<N extends string = string> {
	name: N;
	/** What the service is for, in one sentence. */
	description: string;
	actions: Record<string, ActionContract>;
	facts?: Record<string, FactContract>;
	/** Facts of other services that this one handles, and from when a new group hears them. */
	consumes?: Record<string, { from: "start" | "now" }>;
	/** What others may look this service up for: a role (`payable:course`) → the action that plays it. */
	provides?: Record<string, string>;
	/** Action → ISO 8601 duration (`PT30S`), or a cron expression with an IANA zone (`0 3 * * * UTC`). */
	schedules?: Record<string, string>;
}

const contractMark = Symbol("contract");

/**
 * Declares a service's face. The value types every `ctx.call` of it and is what params checks, REST aliases,
 * OpenAPI, problem pages and REPL help are made from.
 */
export const defineContract = <const N extends string, const C extends Omit<Contract<N>, "name">>(
	name: N,
	contract: C,
): C & { name: N } => Object.defineProperty({ name, ...contract }, contractMark, { value: true });

/** Whether an imported value was made by `defineContract`. */
export const isContract = (value: unknown): value is Contract =>
	typeof value === "object" && value !== null && contractMark in value;

/** Every `*.contract.ts` merges itself in here, under its service's name. */
// biome-ignore lint/suspicious/noEmptyInterface: open for declaration merging
export interface Mesh {}

export type UnionToIntersection<U> = (U extends unknown ? (k: U) => void : never) extends (
	k: infer I,
) => void
	? I
	: never;
type Qualified<C> = C extends { name: infer N extends string; actions: infer A }
	? { [K in keyof A & string as `${N}.${K}`]: A[K] }
	: never;
type Actions = UnionToIntersection<Qualified<Mesh[keyof Mesh]>>;
type Facts = UnionToIntersection<
	Mesh[keyof Mesh] extends infer C ? (C extends { facts: infer F } ? F : never) : never
>;

export type In<A> = A extends { params: infer P extends TSchema } ? Static<P> : {};
export type Out<A> = A extends { result: infer R extends TSchema } ? Static<R> : never;

export type ActionName = keyof Actions & string;
export type FactName = keyof Facts & string;
export type Params<K extends ActionName> = In<Actions[K]>;
export type Result<K extends ActionName> = Out<Actions[K]>;
export type Fact<K extends FactName> = Facts[K] extends { data: infer P extends TSchema }
	? Static<P>
	: never;

type CallArgs<K extends ActionName> =
	{} extends Params<K>
		? [params?: Params<K>, opts?: CallingOptions]
		: [params: Params<K>, opts?: CallingOptions];

export interface Caller {
	call<K extends ActionName>(action: K, ...args: CallArgs<K>): Promise<Result<K>>;
}

/** Who the verified token says is calling. */
export interface Identity {
	id: string;
	roles: readonly string[];
	/** Session the token belongs to. */
	sid: string;
}

/** Set by the access middleware of the callee, from the token it verified; never taken from another node. */
export interface Locals {
	/** The caller. On a `public` action without a token, and on mesh and service calls, nobody. */
	user: Identity;
	/** The caller where there may be none. */
	caller?: Identity;
	/** The other system's server that signed the request. */
	service?: string;
}

export type Ctx<P = {}> = Omit<Context<P & {}, {}, Locals>, keyof Caller> & Caller;
export type Broker = Omit<ServiceBroker, keyof Caller> & Caller;

/** The service of an action, by its full name. */
export const serviceOf = (action: string): string => action.slice(0, action.indexOf("."));

/** The access rules of an action as a list. */
export const accessOf = (action: ActionContract): readonly Access[] =>
	Array.isArray(action.access) ? action.access : [action.access as Access];

/** The REST aliases of an action as a list. */
export const aliasesOf = (action: ActionContract): readonly string[] =>
	action.rest === undefined ? [] : typeof action.rest === "string" ? [action.rest] : action.rest;

/** The success statuses of an action, the default first. */
export const statusesOf = (action: ActionContract): readonly number[] =>
	action.status === undefined
		? [200]
		: typeof action.status === "number"
			? [action.status]
			: action.status;
