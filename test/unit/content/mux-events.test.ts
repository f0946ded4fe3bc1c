import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { assetOf, muxEvent } from "../../../services/content/videos/providers/mux-events.ts";

const event = (change: object, data: object = {}) =>
	muxEvent(
		Buffer.from(
			JSON.stringify({
				id: "evt-1",
				type: "video.asset.ready",
				data: {
					id: "asset1",
					status: "ready",
					passthrough: "fil_1",
					duration: 9.9,
					playback_ids: [
						{ id: "open", policy: "public" },
						{ id: "play", policy: "signed" },
					],
					...data,
				},
				...change,
			}),
		),
	);

test("an event tells how an asset stands, of which file", () => {
	assert.deepEqual(event({}), {
		id: "evt-1",
		type: "video.asset.ready",
		kind: "asset",
		fileId: "fil_1",
		asset: { id: "asset1", status: "ready", playbackId: "play", duration: 9.9 },
	});
	assert.equal(event({ type: "video.asset.deleted" })?.kind, "deleted");
	const errors = { type: "invalid_input", messages: ["Bad", "file"] };
	assert.deepEqual(event({}, { status: "errored", errors })?.asset, {
		id: "asset1",
		status: "failed",
		failure: { code: "invalid_input", message: "Bad file" },
	});
	assert.deepEqual(event({}, { status: "preparing" })?.asset, {
		id: "asset1",
		status: "preparing",
	});
});

test("what is of no file of ours, or of another type, means nothing here", () => {
	for (const found of [
		event({ type: "video.asset.static_renditions.ready" }),
		event({ type: "constructor" }),
		event({}, { passthrough: "lesson-1" }),
		event({}, { passthrough: undefined }),
		event({}, { id: "a.b" }),
		event({ data: null }),
	])
		assert.deepEqual(Object.keys(found ?? {}).sort(), ["id", "kind", "type"]);
	for (const found of [event({ id: 7 }), event({ type: null }), event({ id: "x".repeat(101) })])
		assert.equal(found, null);
	for (const body of ["", "no JSON", "null", "[]"])
		assert.equal(muxEvent(Buffer.from(body)), null, body);
});

test("what nobody could play has failed; what went wrong is told in words", () => {
	for (const playback_ids of [[], [{ id: "open", policy: "public" }], null])
		assert.equal(assetOf({ id: "a", status: "ready", playback_ids }).failure?.code, "not_signed");
	for (const errors of [undefined, null, {}, { type: "Odd type", messages: null }]) {
		const { failure } = assetOf({
			id: "a",
			status: "errored",
			...(errors !== undefined && { errors }),
		});
		assert.deepEqual(failure, { code: "errored", message: "The video could not be processed" });
	}
});

test("no body, whatever is in it, breaks the reading", () => {
	const odd = fc.anything({ maxDepth: 3, withNullPrototype: false });
	const asset = fc.record({
		id: fc.constantFrom("asset1", "", 7),
		passthrough: fc.constantFrom("fil_1", 1),
		status: fc.constantFrom("ready", "errored", "preparing", 1),
		playback_ids: odd,
		errors: odd,
		duration: odd,
	});
	fc.assert(
		fc.property(fc.oneof(asset, odd), data => {
			const body = { id: "evt-1", type: "video.asset.ready", data };
			const text = JSON.stringify(body, (_, v) => (typeof v === "bigint" ? String(v) : v));
			const read = muxEvent(Buffer.from(text));
			assert.ok(read?.kind === "other" || (read?.fileId && read.asset));
		}),
		{ numRuns: 500 },
	);
});
