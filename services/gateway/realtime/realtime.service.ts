import type { Server } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import type { Context, ServiceBroker } from "moleculer";
import { Gauge } from "prom-client";
import { defineMixin, implement } from "../../../kernel/implement.ts";
import { platformOf } from "../../../kernel/platform.ts";
import type { Push } from "./fan-out.ts";
import { Hub } from "./hub.ts";
import { realtime } from "./realtime.contract.ts";

/** As long as the gateway itself serves on; see its `drain`. */
const noticeMs = 2_000;

interface WithHub {
	hub: Hub | undefined;
}

/** Hints to people's pages: `push` comes to one gateway, which hands it on; `deliver` to all. */
const heard = defineMixin({
	brings: undefined as WithHub | undefined,
	events: {
		"realtime.push"(this: WithHub, { params }: Context<Push>) {
			this.hub?.push(params);
		},
		"realtime.deliver"(this: WithHub, { params }: Context<Push>) {
			this.hub?.deliver(params);
		},
	},
});

/** Live events on the gateway's own HTTP server; without that in this process it does nothing. */
export default implement(realtime, {
	mixins: [heard],

	actions: {
		async connections() {
			return this.hub?.connections ?? { sockets: 0, users: 0 };
		},
	},

	async started() {
		const broker = this.broker as unknown as ServiceBroker;
		const { server } = (broker.getLocalService("api") ?? {}) as unknown as { server?: Server };
		if (!server) return;
		const { clock, env, metrics, problems, runners, tokens } = platformOf(this.broker);
		const hub = new Hub({
			server,
			env,
			tokens,
			clock,
			isDraining: () => problems.has("draining"),
			announce: push => void broker.broadcast("realtime.deliver", push, ["realtime"]),
		});
		this.hub = hub;
		new Gauge({
			name: "zeolite_realtime_sockets",
			help: "Sockets that are open at this gateway",
			registers: [metrics.registry],
			collect() {
				this.set(hub.connections.sockets);
			},
		});
		await runners.add({
			start: async () => {},
			async stop() {
				if (env.mode === "mesh") await pause(noticeMs);
				await hub.close();
			},
		});
	},
});
