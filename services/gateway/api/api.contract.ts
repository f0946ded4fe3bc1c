import { Type } from "typebox";
import { defineContract } from "../../../kernel/contract.ts";
import { FileAnswer } from "../../../kernel/schemas.ts";

const Health = Type.Object(
	{
		gateway: Type.Literal("healthy"),
		services: Type.Record(Type.String(), Type.Enum(["healthy", "unavailable"])),
	},
	{ $id: "Health" },
);

const PROBLEM_NOT_FOUND = { status: 404, title: "No action answers with this code" } as const;
const bySlug = Type.Object({
	slug: Type.String({ description: "The code in lower case, `-` for `_`" }),
});

/** The REST face. Its routes are the other contracts'; these are its own. */
export const api = defineContract("api", {
	description: "The REST face of the mesh",
	actions: {
		health: {
			description: "Which services of the deployment are there; 503 when one is not",
			kind: "read",
			access: "public",
			rest: "GET /api/health",
			status: [200, 503],
			result: Health,
			example: {},
		},
		openapi: {
			description: "This API as OpenAPI 3.1",
			kind: "read",
			access: "public",
			rest: "GET /openapi.json",
			result: Type.Object(
				{ openapi: Type.String() },
				{ $id: "OpenApi", additionalProperties: true },
			),
			example: {},
		},
		docs: {
			description: "The page that shows this API and tries it",
			kind: "read",
			access: "public",
			ignoresToken: true,
			isStatic: true,
			rest: "GET /docs",
			answers: "file",
			media: ["text/html"],
			result: FileAnswer,
			example: {},
		},
		docsFile: {
			description: "A script or the style of that page",
			kind: "read",
			access: "public",
			ignoresToken: true,
			isStatic: true,
			rest: "GET /docs/:file",
			answers: "file",
			media: ["text/javascript", "text/css"],
			params: Type.Object({ file: Type.String() }),
			result: FileAnswer,
			errors: { FILE_NOT_FOUND: { status: 404, title: "The page has no such file" } },
			example: { file: "docs.css" },
		},
		docsProblem: {
			description: "What an error code means, as a page; `/problems` leads browsers to it",
			kind: "read",
			access: "public",
			ignoresToken: true,
			isStatic: true,
			rest: "GET /docs/problems/:slug",
			answers: "file",
			media: ["text/html"],
			params: bySlug,
			result: FileAnswer,
			errors: { PROBLEM_NOT_FOUND },
			example: { slug: "validation-error" },
		},
		problem: {
			description: "What an error code means and who answers with it; a page where a browser asks",
			kind: "read",
			access: "public",
			rest: "GET /problems/:slug",
			media: ["application/json", "text/html"],
			params: bySlug,
			result: Type.Object(
				{
					code: Type.String(),
					status: Type.Integer(),
					title: Type.String(),
					explanation: Type.Optional(Type.String()),
					actions: Type.Array(Type.String()),
				},
				{ $id: "ProblemPage" },
			),
			errors: { PROBLEM_NOT_FOUND },
			example: { slug: "validation-error" },
		},
		icon: {
			description: "The mark that browsers show",
			kind: "read",
			access: "public",
			isStatic: true,
			rest: "GET /favicon.ico",
			answers: "file",
			media: ["image/svg+xml"],
			result: FileAnswer,
			example: {},
		},
		forget: {
			description:
				"Drops nonces of service signatures and answers under keys that are too old to be asked for",
			kind: "write",
			access: "internal",
			result: Type.Object({ dropped: Type.Integer() }, { $id: "ForgottenNonces" }),
			example: {},
		},
	},
	schedules: { forget: "PT5M" },
});

declare module "../../../kernel/contract.ts" {
	interface Mesh {
		api: typeof api;
	}
}
