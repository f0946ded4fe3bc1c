import { type TObject, type TSchema, Type } from "typebox";

/** Words that every contract uses, so that they mean the same everywhere. */

export const Timestamp = Type.String({ format: "date-time", description: "ISO 8601, UTC" });

/** An id in a body. In a path an id is any string: one that names nothing is 404, not 422. */
export const Id = Type.String({ minLength: 1, maxLength: 64 });

export const PastRetention = Type.Boolean({
	description: "What it said was removed, `RETENTION_DAYS` after it was needed last",
});

export const Currency = Type.String({ pattern: "^[A-Z]{3}$", description: "ISO 4217" });

/** An amount as answers show it. */
export const amountFields = {
	amount: Type.Number({ description: "Major units" }),
	amountMinor: Type.Integer({ description: "Minor units" }),
	currency: Currency,
};

/** The result of an action whose contract `answers: "file"`: text, or bytes as base64, that goes out as it is. */
export const FileAnswer = Type.Object(
	{
		contentType: Type.String(),
		content: Type.String(),
		encoding: Type.Optional(
			Type.Literal("base64", { description: "Of the content, where it is no text" }),
		),
		headers: Type.Optional(
			Type.Record(Type.String(), Type.String(), {
				description:
					"Further headers, names in lower case; one that has the `etag` is told to be as it was",
			}),
		),
	},
	{ $id: "FileAnswer" },
);

/** Beside its path, the params of an action whose contract `accepts: "stream"`; the body is `ctx.stream`. */
export const StreamHead = {
	contentType: Type.Optional(Type.String({ maxLength: 255 })),
	contentLength: Type.Optional(Type.Integer({ minimum: 0, description: "Bytes" })),
};

/**
 * The result of an action whose contract `answers: "stream"`: which stored bytes the gateway sends, whole or the range
 * of them that is asked for.
 */
export const StreamAnswer = Type.Object(
	{
		contentType: Type.String(),
		fileName: Type.String(),
		disposition: Type.Enum(["inline", "attachment"], { description: "Shown or saved" }),
		etag: Type.String({ description: "Entity tag, in quotes; the same bytes have the same one" }),
		pieces: Type.Array(
			Type.Object({
				path: Type.String({ description: "Beneath `DATA_DIR/files`" }),
				size: Type.Integer({ description: "Bytes" }),
			}),
			{ description: "What it is put together from, in order" },
		),
	},
	{ $id: "StreamAnswer" },
);

/** The result of an action that answers 204. */
export const Nothing = Type.Null({ $id: "Nothing" });

export const listParams = {
	page: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
	pageSize: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
	cursor: Type.Optional(Type.String({ maxLength: 512 })),
};

/** A page of a list; `nextCursor` where there is more, `totalIsLowerBound` past 10,000. */
export const pageOf = <T extends TSchema, E extends Record<string, TSchema> = {}>(
	$id: string,
	item: T,
	extra: E = {} as E,
) =>
	Type.Object(
		{
			items: Type.Array(item),
			page: Type.Integer(),
			pageSize: Type.Integer(),
			total: Type.Integer(),
			totalIsLowerBound: Type.Optional(Type.Literal(true)),
			nextCursor: Type.Optional(Type.String()),
			...extra,
		},
		{ $id },
	);

/** The params of an action that takes an id in its path. */
export const byId: TObject<{ id: ReturnType<typeof Type.String> }> = Type.Object({
	id: Type.String(),
});
