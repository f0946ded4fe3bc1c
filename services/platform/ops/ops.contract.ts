import { type Static, Type } from "typebox";
import { audited } from "../../../kernel/audit.ts";
import { defineContract } from "../../../kernel/contract.ts";
import { FileAnswer, Timestamp } from "../../../kernel/schemas.ts";

const admins = ["internal", { roles: ["admin"] }] as const;

const figures = {
	callsPerSecond: Type.Number({ description: "Over the last 10 s" }),
	p99Ms: Type.Optional(Type.Number({ description: "ms; none where nothing was called" })),
	faultShare: Type.Number({
		description: "Share of calls, 0 to 1, that failed by a bug or an outage",
	}),
	refusedShare: Type.Number({
		description: "Share of calls, 0 to 1, that were answered with an error of their contract",
	}),
};

const Trouble = Type.Object({
	severity: Type.Enum(["bad", "warning"]),
	text: Type.String(),
	nodeId: Type.Optional(Type.String()),
	service: Type.Optional(Type.String()),
});
export type Trouble = Static<typeof Trouble>;

const NodeState = Type.Enum(["ready", "degraded", "unready", "silent", "gone"], {
	description:
		"silent: there, and did not answer; gone: was there within the last 10 min, died or left",
});

const MeshNode = Type.Object({
	nodeId: Type.String(),
	state: NodeState,
	reason: Type.Optional(Type.String({ description: "Why it is not ready" })),
	goneAt: Type.Optional(Timestamp),
	version: Type.Optional(Type.String()),
	startedAt: Type.Optional(Timestamp),
	memoryBytes: Type.Optional(Type.Integer({ description: "Resident" })),
	busy: Type.Optional(
		Type.Number({ description: "Share of time, 0 to 1, in which its event loop was busy" }),
	),
	lagMs: Type.Optional(
		Type.Number({ description: "What every turn of its event loop was late by, ms" }),
	),
	roundTripMs: Type.Optional(Type.Number({ description: "To NATS and back, ms" })),
	links: Type.Array(
		Type.Object({
			name: Type.String({
				description: "`transport` carries calls, `facts` the stream; none in one process",
			}),
			isThere: Type.Boolean(),
		}),
	),
	services: Type.Array(
		Type.Object({
			name: Type.String(),
			domain: Type.String(),
			contract: Type.String({
				description: "Fingerprint: two of one service are two versions of it",
			}),
		}),
	),
	...figures,
});
export type MeshNode = Static<typeof MeshNode>;

const ServiceFigures = Type.Object({
	service: Type.String(),
	nodes: Type.Integer({ description: "Nodes that run it" }),
	...figures,
	calls: Type.Array(Type.Number(), { description: "Per second, for each tick of `history`" }),
});

const Breaker = Type.Object({
	seenBy: Type.String({ description: "The node that does not call" }),
	nodeId: Type.String({ description: "The node that is not called" }),
	action: Type.String(),
	state: Type.Enum(["open", "half_open"], { description: "half_open: one call is let through" }),
});
export type Breaker = Static<typeof Breaker>;

const OpsMesh = Type.Object(
	{
		at: Timestamp,
		mode: Type.Enum(["embedded", "mesh"], { description: "embedded: all in one process" }),
		troubles: Type.Array(Trouble, { description: "What is wrong, the worst first" }),
		nodes: Type.Array(MeshNode),
		total: Type.Object(figures),
		services: Type.Array(ServiceFigures),
		history: Type.Array(
			Type.Object({
				at: Timestamp,
				callsPerSecond: Type.Number(),
				p99Ms: Type.Optional(Type.Number({ description: "ms" })),
				faultShare: Type.Number(),
			}),
			{ description: "A tick each 2 s, oldest first, two minutes at most" },
		),
		breakers: Type.Array(Breaker),
	},
	{ $id: "OpsMesh" },
);
export type OpsMesh = Static<typeof OpsMesh>;

const OpsCalls = Type.Object(
	{
		items: Type.Array(
			Type.Object({
				action: Type.String(),
				service: Type.String(),
				nodes: Type.Integer({ description: "Nodes that ran it" }),
				...figures,
			}),
		),
	},
	{ $id: "OpsCalls" },
);
export type OpsCalls = Static<typeof OpsCalls>;

const silent = Type.Array(Type.Object({ service: Type.String(), reason: Type.String() }), {
	description: "Services that did not answer",
});

const OpsFacts = Type.Object(
	{
		items: Type.Array(
			Type.Object({
				service: Type.String(),
				pending: Type.Optional(
					Type.Integer({ description: "In its outboxes; none where it writes no facts" }),
				),
				oldestMs: Type.Optional(Type.Number({ description: "Age of the oldest of them, ms" })),
				parked: Type.Optional(
					Type.Integer({ description: "Up to 500; none where it consumes no facts" }),
				),
			}),
		),
		silent,
	},
	{ $id: "OpsFacts" },
);
export type OpsFacts = Static<typeof OpsFacts>;

const ParkedFact = Type.Object({
	service: Type.String({ description: "The consumer that gave it up" }),
	factId: Type.String(),
	name: Type.String(),
	subjectId: Type.String({ description: "Id of the document whose change it tells" }),
	writtenAt: Timestamp,
	parkedAt: Timestamp,
	tries: Type.Integer(),
	lastError: Type.Optional(Type.String({ description: "Without personal data and secrets" })),
	data: Type.Object({}, { additionalProperties: true, description: "Ids, amounts and states" }),
});
export type ParkedFact = Static<typeof ParkedFact>;

const OpsFault = Type.Object({
	nodeId: Type.String(),
	where: Type.String({ description: "`service.action`, `METHOD /route`, or `fact → service`" }),
	code: Type.String(),
	message: Type.String({ description: "Without personal data and secrets" }),
	requestId: Type.Optional(Type.String({ description: "Of the last request it failed for" })),
	at: Timestamp,
	times: Type.Integer({ description: "How often, since it is listed" }),
});
export type OpsFault = Static<typeof OpsFault>;

const NO_SUCH_CONSUMER = { status: 404, title: "No service of this name consumes facts" } as const;
const factId = "fct_0190f3c2-0000-7000-8000-000000000000";

/** What the mesh does, for those who run it: as a page at `/ops`, as actions, and as verbs of the console. */
export const ops = defineContract("ops", {
	description: "What the mesh does and what is wrong with it, for those who run it",
	actions: {
		page: {
			description:
				"The page for operators. It holds no data: that is asked for by an admin's token",
			kind: "read",
			access: "public",
			ignoresToken: true,
			isStatic: true,
			rest: "GET /ops",
			answers: "file",
			media: ["text/html"],
			result: FileAnswer,
			example: {},
		},
		file: {
			description: "A script or the style of that page",
			kind: "read",
			access: "public",
			ignoresToken: true,
			isStatic: true,
			rest: "GET /ops/:file",
			answers: "file",
			media: ["text/javascript", "text/css"],
			params: Type.Object({ file: Type.String() }),
			result: FileAnswer,
			errors: { FILE_NOT_FOUND: { status: 404, title: "The page has no such file" } },
			example: { file: "ops.css" },
		},
		mesh: {
			description:
				"Nodes with what they run and how they are, calls by service, breakers that are open, and what is " +
				"wrong. A node that hangs is told so; at most a second old",
			kind: "read",
			access: admins,
			rest: "GET /api/ops/mesh",
			result: OpsMesh,
			example: {},
		},
		calls: {
			description: "Actions that were called in the last 10 s, the most called first",
			kind: "read",
			access: admins,
			rest: "GET /api/ops/calls",
			params: Type.Object({ service: Type.Optional(Type.String({ maxLength: 64 })) }),
			result: OpsCalls,
			example: { service: "courses" },
		},
		errors: {
			description:
				"What failed of late by a bug or an outage, newest first: the last 100 that differ of each node",
			kind: "read",
			access: admins,
			rest: "GET /api/ops/errors",
			result: Type.Object(
				{
					items: Type.Array(OpsFault),
					silent: Type.Array(Type.Object({ nodeId: Type.String(), reason: Type.String() }), {
						description: "Nodes that did not answer",
					}),
				},
				{ $id: "OpsErrors" },
			),
			example: {},
		},
		facts: {
			description: "Facts that wait in outboxes, and facts that were given up, by service",
			kind: "read",
			access: admins,
			rest: "GET /api/ops/facts",
			result: OpsFacts,
			example: {},
		},
		parked: {
			description: "Facts that a service gave up, newest first, up to 500",
			kind: "read",
			access: admins,
			rest: "GET /api/ops/facts/:service",
			params: Type.Object({ service: Type.String() }),
			result: Type.Object({ items: Type.Array(ParkedFact) }, { $id: "OpsParked" }),
			errors: { NO_SUCH_CONSUMER },
			example: { service: "ledger" },
		},
		replay: {
			description:
				"Tries a parked fact once more; it stays parked until a try succeeds. Who asked for it is told " +
				"before it is tried, and how it ended after",
			kind: "write",
			access: admins,
			rest: "POST /api/ops/facts/:service/:factId/replay",
			params: Type.Object({ service: Type.String(), factId: Type.String() }),
			result: Type.Object(
				{
					state: Type.Enum(["done", "parked", "trying", "unknown"], {
						description: "trying: it is not parked any more; unknown: the service never met it",
					}),
					lastError: Type.Optional(Type.String({ description: "Of one that is parked again" })),
				},
				{ $id: "OpsReplayed" },
			),
			errors: { NO_SUCH_CONSUMER },
			sensitive: true,
			audit: true,
			example: { service: "ledger", factId },
		},
	},
	facts: { ...audited("replay") },
	provides: {
		"ops:mesh": "mesh",
		"ops:calls": "calls",
		"ops:errors": "errors",
		"ops:replay": "replay",
	},
});

declare module "../../../kernel/contract.ts" {
	interface Mesh {
		ops: typeof ops;
	}
}
