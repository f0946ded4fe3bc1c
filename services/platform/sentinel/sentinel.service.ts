import { Counter } from "prom-client";
import { iso } from "../../../kernel/clock.ts";
import type { Result } from "../../../kernel/contract.ts";
import { defineMixin, implement } from "../../../kernel/implement.ts";
import { sayGoodbyeFor } from "../../../kernel/link-watch.ts";
import { nodeOfLink } from "../../../kernel/nats-link.ts";
import { platformOf } from "../../../kernel/platform.ts";
import { sentinel } from "./sentinel.contract.ts";
import { Watch } from "./watch.ts";

const remembered = 100;

interface Death {
	nodeId: string;
	/** ms */
	at: number;
	reason: string;
}

/** What one sentinel saw. */
const watching = defineMixin({
	brings: undefined as { deaths: Death[]; watch: Watch | undefined; lost: Counter } | undefined,
	created(this: { broker: object; deaths: Death[]; lost: Counter }) {
		this.deaths = [];
		this.lost = new Counter({
			name: "zeolite_nodes_lost_total",
			help: "Nodes that this sentinel declared dead",
			registers: [platformOf(this.broker).metrics.registry],
		});
	},
});

/**
 * A dead node is noticed by Moleculer after the heartbeats it misses, 6 to 12 s. NATS knows at once: the connection
 * ended. The sentinel then says in the node's name the goodbye that it could not say itself, which every node
 * understands. A node that only lost its link is taken back when it tells of itself again. Two sentinels may run.
 */
export default implement(sentinel, {
	mixins: [watching],

	methods: {
		/** Whoever knows the node as there lets go of it, and of the calls that wait for its answer. */
		async declareDead(nodeId: string, reason: string) {
			if (!this.broker.registry.nodes.get(nodeId)?.available) return;
			await sayGoodbyeFor(this.broker as never, nodeId);
			this.lost.inc();
			this.deaths.unshift({ nodeId, at: this.clock.now(), reason });
			this.deaths.length = Math.min(this.deaths.length, remembered);
			this.logger.warn(`${nodeId} is dead: ${reason}`);
		},
	},

	actions: {
		async watch() {
			const { nodes } = this.broker.registry;
			const on = this.watch?.isLost ? "lost" : "watching";
			const state: Result<"sentinel.watch">["state"] = this.watch ? on : "off";
			return {
				state,
				dead: this.deaths.map(({ at, ...death }) => ({
					...death,
					at: iso(at),
					isBack: nodes.get(death.nodeId)?.available === true,
				})),
			};
		},
	},

	async started() {
		const { NATS_URL, NATS_SYSTEM_URL, NAMESPACE } = this.env;
		if (!NATS_URL) return;
		if (!NATS_SYSTEM_URL) {
			this.logger.info("The sentinel is off: NATS_SYSTEM_URL is not set");
			return;
		}
		this.watch = new Watch({
			servers: NATS_SYSTEM_URL,
			name: `${NAMESPACE}-sentinel-${this.broker.nodeID}`,
			onEnd: (name, reason) => {
				const nodeId = nodeOfLink(NAMESPACE, name);
				if (nodeId)
					void this.declareDead(nodeId, reason).catch(error =>
						this.logger.error(`${nodeId} is dead, and the mesh was not told`, error),
					);
			},
			log: {
				info: message => this.logger.info(message),
				warn: (message, error) => this.logger.warn(message, error),
			},
		});
		void this.watch.start();
	},

	async stopped() {
		await this.watch?.stop();
	},
});
