import { Type } from "typebox";
import { defineContract } from "../../../kernel/contract.ts";
import { FileAnswer } from "../../../kernel/schemas.ts";

const page = {
	kind: "read",
	access: "public",
	ignoresToken: true,
	isStatic: true,
	answers: "file",
	media: ["text/html"],
	result: FileAnswer,
} as const;

/** The school's pages. They hold no data: a browser asks the API for that, as every client does. */
export const school = defineContract("school", {
	description: "The school as pages for students and teachers, and the front door",
	actions: {
		home: {
			...page,
			description: "The page that `HOME_PAGE` names",
			rest: "GET /",
			example: {},
		},
		page: {
			...page,
			description: "The school: catalogue, courses, player, and the teacher's side",
			rest: "GET /school",
			example: {},
		},
		checkout: {
			...page,
			description:
				"The page on which a payment is made at its provider; the only one that may load that provider's script",
			rest: "GET /school/checkout",
			params: Type.Object({ method: Type.Optional(Type.Enum(["stripe", "razorpay"])) }),
			example: { method: "stripe" },
		},
		file: {
			description:
				"A script or a style of those pages. Under the version that the pages name it never changes",
			kind: "read",
			access: "public",
			ignoresToken: true,
			isStatic: true,
			rest: "GET /school/:version/:file",
			answers: "file",
			media: ["text/javascript", "text/css", "image/svg+xml"],
			params: Type.Object({ version: Type.String(), file: Type.String() }),
			result: FileAnswer,
			errors: { FILE_NOT_FOUND: { status: 404, title: "The page has no such file" } },
			example: { version: "now", file: "base.css" },
		},
	},
});

declare module "../../../kernel/contract.ts" {
	interface Mesh {
		school: typeof school;
	}
}
