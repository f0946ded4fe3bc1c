import { SpanKind } from "@opentelemetry/api";
import type { Service, ServiceSchema } from "moleculer";
import type { Contract, Ctx } from "../contract.ts";
import { type Platform, platformOf } from "../platform.ts";
import type { Collection } from "../store/collection.ts";
import type { Doc } from "../store/model.ts";
import { openCollection } from "../store/open.ts";
import { currentPlace, runIn } from "../tracing/scope.ts";
import { inSpan } from "../tracing/spans.ts";
import { readCarried, traceIdOf } from "../tracing/traceparent.ts";
import { Consumer, receiptsModel } from "./consumer.ts";
import type { consumerActions, publisherActions, StoredFact } from "./contract.ts";
import { Publisher } from "./publisher.ts";

type Handler = (data: object, ctx: object) => Promise<void>;
interface Facts extends Service {
	collections?: Collection<Doc>[];
	consumer: Consumer;
	publisher: Publisher;
}

const kernelAction = (
	contract: Contract,
	name: keyof typeof consumerActions | keyof typeof publisherActions,
	// biome-ignore lint/suspicious/noExplicitAny: each action has its own params, which the contract checks
	handler: (this: Facts, ctx: Ctx<any>) => unknown,
) => [name, { params: { $contract: `${contract.name}.${name}` }, visibility: "public", handler }];

const requestIdOf = ({ traceparent, id }: StoredFact): string =>
	traceparent ? traceIdOf(traceparent) : id;

/** Runs what handles a fact in the trace of what wrote it. */
const runFor = <R>(fact: StoredFact, { tracing }: Platform, run: () => R): R =>
	runIn({ requestId: requestIdOf(fact), ...readCarried(fact), spans: tracing.spans }, run);

/** The same in a span, which is linked to the request of who has the fact tried again. */
function handling(platform: Platform, group: string, fact: StoredFact, work: () => Promise<void>) {
	const asked = currentPlace()?.traceparent;
	const about = {
		name: `process ${fact.name}`,
		kind: SpanKind.CONSUMER,
		attributes: {
			"messaging.operation.type": "process",
			"messaging.destination.name": fact.name,
			"messaging.consumer.group.name": group,
			"messaging.message.id": fact.id,
		},
		link: asked === fact.traceparent ? undefined : asked,
	};
	return runFor(fact, platform, () => inSpan(about, work));
}

/** The context a handler gets: nested calls carry the fact as their seed, so that what they make is made once. */
function factContext(service: Service, fact: StoredFact) {
	const ctx = service.broker.ContextFactory.create(service.broker, null as never, fact.data, {
		headers: { seed: fact.id },
		requestID: requestIdOf(fact),
	});
	ctx.service = service;
	const { id, name, subjectId, at } = fact;
	return Object.assign(ctx, { fact: { id, name, subjectId, at } });
}

/**
 * Holds a fact against its schema: what another version or a bug wrote otherwise is tried again, then parked and in sight,
 * before it does half of what it should.
 * @throws TypeError where it does not fit.
 */
function assertFits({ contracts, checks }: Platform, { name, id, data }: StoredFact): void {
	const errors = checks.errors(contracts.factData(name), data);
	if (errors.length > 0)
		throw new TypeError(
			`${name} ${id} does not fit its schema: ${errors.map(e => `${e.path} ${e.message}`).join("; ")}`,
		);
}

function consuming(contract: Contract, on: Record<string, Handler>): Partial<ServiceSchema> {
	return {
		actions: Object.fromEntries([
			kernelAction(contract, "facts.receipts", function (ctx) {
				return this.consumer.states(ctx.params.ids);
			}),
			kernelAction(contract, "facts.parked", async function () {
				return { items: await this.consumer.parked() };
			}),
			kernelAction(contract, "facts.replay", async function (ctx) {
				return { state: await this.consumer.replay(ctx.params.factId) };
			}),
		]),
		async started(this: Facts) {
			const platform = platformOf(this.broker);
			const { clock, metrics, pipe, runners } = platform;
			const receiptLag = metrics.receiptLag.of({ service: contract.name });
			const receipts = await openCollection(
				this.broker,
				receiptsModel(contract.name),
				contract.name,
			);
			this.consumer = new Consumer({
				group: contract.name,
				receipts,
				clock,
				handle: fact =>
					handling(platform, contract.name, fact, async () => {
						const ctx = factContext(this, fact);
						try {
							assertFits(platform, fact);
							const handler = on[fact.name] as Handler;
							await handler.call(this, fact.data, ctx);
						} catch (error) {
							const where = `${fact.name} → ${contract.name}`;
							platform.faults.add(error, where, ctx.requestID ?? undefined);
							throw error;
						}
					}),
				onDone: lagMs => receiptLag.observe(lagMs / 1_000),
				warn: (message, error) => this.logger.warn(message, error),
			});
			metrics.watchParked(contract.name, () => receipts.count({ state: "parked" }));
			await runners.add({
				start: async () => {
					// All at once, before anything is awaited: what embedded publishers left behind comes right after.
					await Promise.all(
						Object.entries(contract.consumes ?? {}).map(([fact, { from }]) =>
							pipe.subscribe({
								group: contract.name,
								fact,
								from,
								handle: received =>
									runFor(received, platform, () => this.consumer.receive(received)),
							}),
						),
					);
					await this.consumer.prune();
				},
				stop: async () => {
					await pipe.unsubscribe(contract.name);
					await receipts.close();
				},
			});
		},
	} as Partial<ServiceSchema>;
}

function publishing(contract: Contract): Partial<ServiceSchema> {
	return {
		actions: Object.fromEntries([
			kernelAction(contract, "facts.sweep", function (ctx) {
				return this.publisher.sweep(ctx.params.now ?? false);
			}),
			kernelAction(contract, "facts.pending", function () {
				return this.publisher.pending();
			}),
		]),
		async started(this: Facts) {
			const { clock, contracts, env, mesh, metrics, pipe, runners } = platformOf(this.broker);
			const collections = this.collections ?? [];
			this.publisher = new Publisher({
				collections,
				pipe,
				contracts,
				mesh,
				clock,
				receipts: (group, ids) => this.broker.call(`${group}.facts.receipts`, { ids }),
				warn: (message, error) => this.logger.warn(message, error),
			});
			for (const collection of collections)
				collection.onFacts = (subjectId, facts) => {
					for (const { name } of facts) metrics.factsWritten.of({ fact: name }).inc();
					this.publisher.publish(subjectId, facts);
				};
			metrics.watchOutbox(contract.name, () => this.publisher.pending());
			await runners.add({
				start: async () => {},
				// What a kill took from the pipe in the process comes again at once.
				allStarted: async () => {
					if (env.mode === "embedded") await this.publisher.sweep(true);
				},
				stop: async () => {},
			});
		},
	} as Partial<ServiceSchema>;
}

/**
 * Gives a service what its contract says of facts: an outbox that is published and swept, and handlers with receipts.
 * The service itself only writes facts with its changes and says `on: { "payment.captured": … }`.
 */
export const factsMixin = (
	contract: Contract,
	on: Record<string, Handler>,
): Partial<ServiceSchema> => ({
	mixins: [
		...(contract.consumes ? [consuming(contract, on)] : []),
		...(contract.facts ? [publishing(contract)] : []),
	],
});
