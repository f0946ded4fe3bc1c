import { Type } from "typebox";
import { defineContract } from "../../../kernel/contract.ts";

/** Watches the deployment's NATS and tells the mesh of a node that died. */
export const sentinel = defineContract("sentinel", {
	description: "Tells the mesh within milliseconds that a node is dead",
	actions: {
		watch: {
			description:
				"Whether this sentinel watches, and the nodes it declared dead since it started, the last first, 100 at most",
			kind: "read",
			access: ["internal", { roles: ["admin"] }],
			rest: "GET /api/sentinel",
			result: Type.Object(
				{
					state: Type.Enum(["off", "watching", "lost"], {
						description: "`off` without a system account; `lost` while NATS cannot be reached",
					}),
					dead: Type.Array(
						Type.Object({
							nodeId: Type.String(),
							at: Type.String({ format: "date-time" }),
							reason: Type.String({ description: "Why the connection ended, in NATS's words" }),
							isBack: Type.Boolean({ description: "It only lost its link, and was heard again" }),
						}),
					),
				},
				{ $id: "SentinelWatch" },
			),
			example: {},
		},
	},
});

declare module "../../../kernel/contract.ts" {
	interface Mesh {
		sentinel: typeof sentinel;
	}
}
