import type { ServiceBroker } from "moleculer";
import type { NatsConnection } from "nats";
import { platformOf } from "./platform.ts";

/**
 * Follows the NATS client itself: Moleculer does not notice a lost link. A lost one makes the node unready; one that is
 * closed for good ends the process through `onClosed`.
 */
export function watchLink(broker: ServiceBroker, onClosed: (reason: string) => void): void {
	const client = (broker.transit as { tx?: { client?: NatsConnection } } | undefined)?.tx?.client;
	if (!client) return;
	const { problems } = platformOf(broker);
	const follow = async () => {
		for await (const { type } of client.status()) {
			if (type === "disconnect") problems.set("nats", "the link to NATS is lost");
			if (type === "reconnect") problems.delete("nats");
		}
	};
	void follow();
	void client.closed().then(error => {
		if (broker.stopping) return;
		problems.set("nats", "the link to NATS is closed");
		onClosed(`The NATS client closed for good: ${error?.message ?? "no reason given"}`);
	});
}
