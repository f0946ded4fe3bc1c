import { connect, type JetStreamManager } from "nats";
import { natsLink } from "../../../kernel/nats-link.ts";
import type { Run } from "../drill.ts";
import type { Stage } from "./stage.ts";

/** Where the facts lie. */
export const streamOf = ({ namespace }: Stage): string => `FACTS_${namespace}`;

/** NATS's own manager of streams, as a node of the mesh may ask it; closed with the run. */
export async function manage(run: Run, stage: Stage): Promise<JetStreamManager> {
	const { NATS_URL = "" } = stage.urls("manager");
	const connection = await connect(natsLink(NATS_URL, "manager"));
	run.after(() => connection.close());
	return connection.jetstreamManager();
}

/** Facts that a group has yet to handle, counted for each group. */
export async function unacknowledged(stage: Stage, manager: JetStreamManager): Promise<number> {
	let count = 0;
	for await (const { num_pending, num_ack_pending } of manager.consumers.list(streamOf(stage)))
		count += num_pending + num_ack_pending;
	return count;
}
