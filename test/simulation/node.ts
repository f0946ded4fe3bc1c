import type { ServiceSchema } from "moleculer";
import { Registry } from "prom-client";
import { Contracts } from "../../kernel/contracts.ts";
import { readEnv } from "../../kernel/env.ts";
import { platformProblem } from "../../kernel/errors.ts";
import { MemoryPipe } from "../../kernel/facts/memory-pipe.ts";
import type { Pipe } from "../../kernel/facts/pipe.ts";
import { accessMiddleware } from "../../kernel/middlewares/access.ts";
import { carryMiddleware } from "../../kernel/middlewares/carry.ts";
import { resultCheck } from "../../kernel/middlewares/result-check.ts";
import { scopeMiddleware } from "../../kernel/middlewares/scope.ts";
import { attachPlatform, type Platform } from "../../kernel/platform.ts";
import { Runners } from "../../kernel/runners.ts";
import type { Driver } from "../../kernel/store/collection.ts";
import type { Doc, Model } from "../../kernel/store/model.ts";
import { noTracing } from "../../kernel/tracing/tracing.ts";
import { SchemaChecks } from "../../kernel/validator.ts";
import { reviews } from "../../services/commerce/reviews/reviews.contract.ts";
import { files } from "../../services/content/files/files.contract.ts";
import { videos } from "../../services/content/videos/videos.contract.ts";
import { mail } from "../../services/engagement/mail/mail.contract.ts";
import { notifications } from "../../services/engagement/notifications/notifications.contract.ts";
import notificationsService from "../../services/engagement/notifications/notifications.service.ts";
import { auth } from "../../services/identity/auth/auth.contract.ts";
import { users } from "../../services/identity/users/users.contract.ts";
import { certificates } from "../../services/learning/certificates/certificates.contract.ts";
import { courses } from "../../services/learning/courses/courses.contract.ts";
import { enrollments } from "../../services/learning/enrollments/enrollments.contract.ts";
import enrollmentsService from "../../services/learning/enrollments/enrollments.service.ts";
import { ledger } from "../../services/money/ledger/ledger.contract.ts";
import ledgerService from "../../services/money/ledger/ledger.service.ts";
import { payments } from "../../services/money/payments/payments.contract.ts";
import paymentsService from "../../services/money/payments/payments.service.ts";
import type { PaymentProvider } from "../../services/money/payments/providers/port.ts";
import type { Owner } from "./scheduler.ts";

/** Beside those that are simulated, the ones whose facts these hear of. */
const around = [auth, certificates, courses, files, mail, reviews, users, videos];
export const contracts = new Contracts([payments, ledger, enrollments, notifications, ...around]);
const checks = new SchemaChecks(contracts);

/** The services that are simulated, by the domain that runs them. */
const domains = {
	money: [paymentsService, ledgerService],
	learning: [enrollmentsService],
	engagement: [notificationsService],
} satisfies Record<string, ServiceSchema[]>;
export type Domain = keyof typeof domains;

/** Those whose receipts a fact waits for. */
const mesh: ReadonlySet<string> = new Set(
	Object.values(domains)
		.flat()
		.map(({ name }) => name),
);

/** Nothing in it is read by a schedule: those are run by the world. */
const CRASH_AT = "nothing:1:before";
const embedded = readEnv({ DATA_DIR: ":memory:", SANDBOX: "on", CRASH_AT });
const meshed = readEnv({
	NATS_URL: "nats://mesh",
	MONGO_URL: "mongodb://mesh",
	SANDBOX: "on",
	CRASH_AT,
});

/** What every course asks for: what its students say. */
const asReported = { completionRule: "reported", lessons: {}, version: 1 };

interface CallOptions {
	headers?: Record<string, unknown>;
	parentCtx?: SimulatedContext;
}
type Call = (action: string, params?: object, options?: CallOptions) => Promise<unknown>;
type Handler = (ctx: SimulatedContext) => Promise<unknown>;
interface Action {
	name: string;
	service: object;
}
interface Middleware {
	localAction(this: unknown, next: Handler, action: Action): Handler;
}
type Lifecycle = ((this: object) => unknown) | undefined;

/** As much of Moleculer's broker as services use. */
export interface SimulatedBroker {
	call: Call;
	/** Nobody hears events: they are hints. */
	emit(): void;
	logger: typeof logger;
	ContextFactory: { create(...args: unknown[]): SimulatedContext };
	openDriver(model: Model<Doc>): Driver;
}

/** What the world gives each of its processes. */
export interface Surroundings {
	isEmbedded: boolean;
	now(): number;
	openDriver(node: SimulatedNode, model: Model<Doc>): Driver;
	/** Between processes. */
	call(node: SimulatedNode, action: string, params: object, headers: object): Promise<unknown>;
	pipe(node: SimulatedNode): Pipe;
	provider(node: SimulatedNode): PaymentProvider;
	describeCourse(id: string): object;
	warned(node: SimulatedNode, message: string, error: unknown): void;
}

const silent = () => {};
const logger = { warn: silent, error: silent, info: silent, debug: silent };

class SimulatedContext {
	readonly locals: Record<string, unknown> = {};
	readonly meta: { $statusCode?: number } = {};
	readonly id = "request";
	readonly requestID = "request";
	readonly broker: SimulatedBroker;
	readonly headers: Record<string, unknown>;
	params: object;
	action: Action | undefined;
	service: object | undefined;

	constructor(broker: SimulatedBroker, params: object, headers: Record<string, unknown> = {}) {
		this.broker = broker;
		this.params = params;
		this.headers = headers;
	}

	call(action: string, params: object = {}, options: CallOptions = {}): Promise<unknown> {
		return this.broker.call(action, params, { ...options, parentCtx: this });
	}
}

/** A schema and its mixins, in the order in which Moleculer starts them. */
const layersOf = (schema: Partial<ServiceSchema>): Partial<ServiceSchema>[] => [
	...((schema.mixins ?? []) as Partial<ServiceSchema>[]).toReversed().flatMap(layersOf),
	schema,
];

const access = accessMiddleware(
	token => JSON.parse(token),
	async () => false,
);

/**
 * One process: the services of some domains with their own mixins, methods, handlers and facts, and the kernel's
 * checks of access, params and results around each action.
 */
export class SimulatedNode implements Owner {
	readonly name: string;
	readonly services: ReadonlySet<string>;
	readonly isProcess = true;
	isUp = false;
	hasStarted = false;
	readonly #world: Surroundings;
	readonly #actions = new Map<string, Handler>();
	readonly #broker: SimulatedBroker;
	readonly #platform: Platform;
	readonly #schemas: readonly ServiceSchema[];

	/** @param skewMs how far its clock is off. */
	constructor(name: string, runs: readonly Domain[], world: Surroundings, skewMs: number) {
		this.name = name;
		this.#world = world;
		this.#schemas = runs.flatMap(domain => domains[domain]);
		this.services = new Set([
			...this.#schemas.map(schema => schema.name),
			...(runs.includes("learning") ? [courses.name] : []),
			...(runs.includes("engagement") ? [mail.name] : []),
		]);
		const call = (carryMiddleware as unknown as { call(next: Call): Call }).call(
			(action, params = {}, { headers = {} } = {}) =>
				this.services.has(action.split(".")[0] as string)
					? this.run(action, params, headers).answer
					: world.call(this, action, params, headers),
		);
		const broker: SimulatedBroker = {
			call,
			emit: silent,
			logger,
			ContextFactory: {
				create: (_broker, _endpoint, params, options) =>
					new SimulatedContext(broker, params as object, (options as CallOptions).headers),
			},
			openDriver: model => world.openDriver(this, model),
		};
		this.#broker = broker;
		this.#platform = {
			env: world.isEmbedded ? embedded : meshed,
			clock: { now: () => world.now() + skewMs },
			contracts,
			checks,
			metrics: {
				registry: new Registry(),
				watchOutbox: silent,
				watchParked: silent,
				receiptLag: { of: () => ({ observe: silent }) },
				factsWritten: { of: () => ({ inc: silent }) },
			} as never,
			faults: { add: silent } as never,
			tracing: noTracing,
			tokens: undefined as never,
			links: undefined as never,
			lag: undefined as never,
			pipe: world.isEmbedded ? new MemoryPipe() : world.pipe(this),
			runners: new Runners(),
			mesh,
			problems: new Map(),
		};
		attachPlatform(broker, this.#platform);
	}

	async start(): Promise<void> {
		for (const schema of this.#schemas) await this.#load(schema);
		this.#actions.set("courses.describe", async ({ params }) =>
			this.#world.describeCourse((params as { id: string }).id),
		);
		this.#actions.set("courses.completion", async () => asReported);
		this.#actions.set("mail.send", async ({ params }) => ({
			id: (params as { key: string }).key,
			state: "sent",
		}));
		this.isUp = true;
		await this.#platform.runners.start();
		this.hasStarted = true;
	}

	/** Runs one of its own actions. @returns the answer, and the status it chose. */
	run(action: string, params: object, headers: object = {}) {
		const ctx = new SimulatedContext(this.#broker, params, { ...headers });
		const handler = this.#actions.get(action);
		const answer = handler
			? handler(ctx)
			: Promise.reject(platformProblem("SERVICE_UNAVAILABLE", {}, `${action} is not up`));
		return { answer, meta: ctx.meta };
	}

	async #load(schema: ServiceSchema): Promise<void> {
		const layers = layersOf(schema);
		const service: Record<string, unknown> = {
			name: schema.name,
			broker: this.#broker,
			logger: {
				...logger,
				warn: (message: string, error: unknown) => this.#world.warned(this, message, error),
			},
		};
		for (const { methods = {} } of layers)
			for (const [name, method] of Object.entries(methods))
				service[name] = (method as () => unknown).bind(service);
		for (const { created } of layers) (created as Lifecycle)?.call(service);
		for (const { started } of layers) await (started as Lifecycle)?.call(service);
		if (schema.name === payments.name)
			service.gateways = new Map([["sandbox", this.#world.provider(this)]]);
		for (const { actions = {} } of layers)
			for (const [name, definition] of Object.entries(actions)) {
				const { handler } = definition as unknown as { handler: Handler };
				this.#actions.set(
					`${schema.name}.${name}`,
					this.#guarded(`${schema.name}.${name}`, handler.bind(service as never), service),
				);
			}
	}

	/** From the handler outwards: its result is checked, what it audits told, its params checked, its caller known. */
	#guarded(name: string, handler: Handler, service: object): Handler {
		const action = { name, service };
		const around = (next: Handler, middleware: unknown): Handler =>
			(middleware as Middleware).localAction.call(this.#broker, next, action);
		const checked = around(around(handler, resultCheck), scopeMiddleware);
		const validated: Handler = ctx => {
			const found = checks.params(name, ctx.params);
			if ("errors" in found) throw platformProblem("VALIDATION_ERROR", found);
			ctx.params = found.params;
			return checked(ctx);
		};
		const admitted = around(validated, access);
		return async ctx => {
			ctx.action = action;
			ctx.service = service;
			return admitted(ctx);
		};
	}
}
