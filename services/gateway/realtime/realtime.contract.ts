import { Type } from "typebox";
import { defineContract } from "../../../kernel/contract.ts";

/** Sockets of people whose pages are open. They are told what happens; they have nothing to say. */
export const realtime = defineContract("realtime", {
	description:
		"Live events over Socket.IO at `/socket.io`, to who shows an access token in the handshake (`auth.token`)",
	actions: {
		connections: {
			description: "How many sockets are open at the gateway that answers, and of how many users",
			kind: "read",
			access: "internal",
			result: Type.Object(
				{ sockets: Type.Integer(), users: Type.Integer() },
				{ $id: "RealtimeConnections" },
			),
			example: {},
		},
	},
});

declare module "../../../kernel/contract.ts" {
	interface Mesh {
		realtime: typeof realtime;
	}
}
