import { iso } from "../../../kernel/clock.ts";
import type { Broker } from "../../../kernel/contract.ts";
import { problem } from "../../../kernel/errors.ts";
import type { Receipt } from "../../../kernel/facts/contract.ts";
import { idFor } from "../../../kernel/ids.ts";
import { defineMixin, implement } from "../../../kernel/implement.ts";
import {
	type Answered,
	askFaults,
	askReports,
	knownNodes,
	type NodeReport,
} from "../../../kernel/node-report.ts";
import { missingServices } from "../../../kernel/ops.ts";
import { platformOf } from "../../../kernel/platform.ts";
import { isDuplicate } from "../../../kernel/store/collection.ts";
import { Store } from "../../../mixins/store.mixin.ts";
import { type ReplayDoc, ReplayModel } from "../../../models/platform/replay.model.ts";
import { type AskFacts, overview, parkedView } from "./facts.ts";
import { byAction } from "./figures.ts";
import { isOpsFile, opsFile, opsPage } from "./files.ts";
import { meshOf } from "./mesh.ts";
import { type OpsFacts, ops } from "./ops.contract.ts";
import { shared } from "./shared.ts";

const reportsMs = 800;
const factsMs = 1_500;
const remembered = 100;

interface Disconnected {
	node: { id: string };
	unexpected: boolean;
}

/** The actions that the kernel gives services of facts: which those are is known at run time alone. */
const callUntyped = <T>(broker: Broker, action: string, params: object): Promise<T> =>
	broker.call(action as never, params as never, { timeout: factsMs } as never) as Promise<T>;

/** What is asked of the mesh, once for all pages that look at it. */
const looking = defineMixin({
	brings: undefined as
		| {
				reports: () => Promise<Answered<NodeReport>[]>;
				overview: () => Promise<OpsFacts>;
				/** Nodes whose heartbeats ended. */
				stale: Map<string, string>;
		  }
		| undefined,
	created(this: { broker: Broker; reports: unknown; overview: unknown; stale: unknown }) {
		const { contracts, mesh } = platformOf(this.broker);
		const there = contracts.all.filter(({ name }) => mesh.has(name));
		const services = {
			publishers: there.filter(({ facts }) => facts).map(({ name }) => name),
			consumers: there.filter(({ consumes }) => consumes).map(({ name }) => name),
		};
		const ask: AskFacts = {
			missing: () => missingServices(this.broker as never),
			pending: service => callUntyped(this.broker, `${service}.facts.pending`, {}),
			parked: service => callUntyped(this.broker, `${service}.facts.parked`, {}),
		};
		this.reports = shared(reportsMs, () => askReports(this.broker));
		this.overview = shared(factsMs, () => overview(services, ask));
		const stale = new Map<string, string>();
		this.stale = stale;
		this.broker.localBus.on("$node.disconnected", ({ node, unexpected }: Disconnected) => {
			if (unexpected) stale.set(node.id, "its heartbeats ended");
			for (const [oldest] of stale) if (stale.size > remembered) stale.delete(oldest);
		});
	},
});

export default implement(ops, {
	mixins: [Store({ replays: ReplayModel }), looking],

	methods: {
		/** Why nodes died: by the sentinel, which knows at once, and by their heartbeats. */
		async deaths(): Promise<ReadonlyMap<string, string>> {
			try {
				const { dead } = await this.broker.call("sentinel.watch", {}, { timeout: reportsMs });
				return new Map([...this.stale, ...dead.map(died => [died.nodeId, died.reason] as const)]);
			} catch {
				return this.stale;
			}
		},

		/** @throws NO_SUCH_CONSUMER */
		assertConsumes(service: string): void {
			const { contracts, mesh } = platformOf(this.broker);
			const found = contracts.all.find(({ name }) => name === service && mesh.has(name));
			if (!found?.consumes) throw problem(ops, "NO_SUCH_CONSUMER");
		},

		async parkedIn(service: string): Promise<Receipt[]> {
			return (await callUntyped<{ items: Receipt[] }>(this.broker, `${service}.facts.parked`, {}))
				.items;
		},
	},

	actions: {
		async page() {
			return opsPage();
		},

		async file(ctx) {
			const { file } = ctx.params;
			if (!isOpsFile(file)) throw problem(ops, "FILE_NOT_FOUND");
			return opsFile(file);
		},

		async mesh() {
			const [answers, deaths] = await Promise.all([this.reports(), this.deaths()]);
			return meshOf({
				now: this.clock.now(),
				mode: this.env.mode,
				nodes: knownNodes(this.broker),
				answers,
				deaths,
				missing: missingServices(this.broker as never),
			});
		},

		async calls(ctx) {
			const answers = await this.reports();
			const rates = answers.flatMap(answered => ("answer" in answered ? [answered.answer] : []));
			return { items: byAction(rates, ctx.params.service) };
		},

		async errors() {
			const answers = await askFaults(this.broker);
			const items = answers.flatMap(answered =>
				"answer" in answered
					? answered.answer.map(({ at, ...fault }) => ({
							nodeId: answered.nodeId,
							...fault,
							at: iso(at),
						}))
					: [],
			);
			return {
				items: items.sort((a, b) => b.at.localeCompare(a.at)),
				silent: answers.flatMap(answered => ("reason" in answered ? [answered] : [])),
			};
		},

		async facts() {
			return this.overview();
		},

		async parked(ctx) {
			const { service } = ctx.params;
			this.assertConsumes(service);
			const receipts = await this.parkedIn(service);
			return { items: receipts.map(receipt => parkedView(service, receipt)) };
		},

		async replay(ctx) {
			const { service, factId } = ctx.params;
			this.assertConsumes(service);
			const asked = { id: idFor(ctx, "rpl"), service, factId, at: this.clock.now() };
			const { id } = asked;
			try {
				await this.replays.insert({ ...asked, state: "asked" });
			} catch (error) {
				if (!isDuplicate(error, "id")) throw error;
			}
			const end = (state: ReplayDoc["state"]) => this.replays.advance({ id }, { $set: { state } });
			try {
				const action = `${service}.facts.replay`;
				const answer: unknown = await ctx.call(action as never, { factId } as never);
				const { state } = answer as Pick<Receipt, "state">;
				await end(state);
				if (state !== "parked") return { state };
				const again = (await this.parkedIn(service)).find(receipt => receipt.factId === factId);
				const lastError = again && parkedView(service, again).lastError;
				return { state, ...(lastError && { lastError }) };
			} catch (error) {
				await end("unanswered");
				throw error;
			}
		},
	},
});
