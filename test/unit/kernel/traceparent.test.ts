import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
	isSampled,
	newPlace,
	newSpanId,
	newTraceId,
	placeOf,
	readPlace,
	readTraceparent,
	readTracestate,
	spanIdOf,
	traceIdOf,
} from "../../../kernel/tracing/traceparent.ts";

const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const span = "00f067aa0ba902b7";
const whole = `00-${trace}-${span}-01`;

describe("traceparent, as W3C Trace Context has it", () => {
	const goesOnAs: Record<string, string> = {
		[whole]: whole,
		[`00-${trace}-${span}-00`]: `00-${trace}-${span}-00`,
		[`00-${trace}-${span}-ff`]: whole,
		[`00-${trace}-${span}-02`]: `00-${trace}-${span}-00`,
		[`01-${trace}-${span}-01`]: whole,
		[`cc-${trace}-${span}-01-what-the-future-will-be-like`]: whole,
		[`cc-${trace}-${span}-01-`]: whole,
	};
	for (const [sent, read] of Object.entries(goesOnAs))
		test(`${sent} is taken`, () => assert.equal(readTraceparent(sent), read));

	const malformed: Record<string, unknown> = {
		none: undefined,
		"no text": 1,
		"several, as Node joins them": `${whole}, ${whole}`,
		empty: "",
		"version ff": `ff-${trace}-${span}-01`,
		"an upper-case version": `0A-${trace}-${span}-01`,
		"version 00 that is longer": `${whole}-what-the-future-will-be-like`,
		"version 00 with a dash more": `${whole}-`,
		"a future version that goes on without a dash": `cc-${trace}-${span}-01.what`,
		"a future version that is cut off": `cc-${trace}-${span}-0`,
		"a trace id of zeros": `00-${"0".repeat(32)}-${span}-01`,
		"a span id of zeros": `00-${trace}-${"0".repeat(16)}-01`,
		"an upper-case trace id": `00-${trace.toUpperCase()}-${span}-01`,
		"an upper-case span id": `00-${trace}-${span.toUpperCase()}-01`,
		"upper-case flags": `00-${trace}-${span}-0A`,
		"a short trace id": `00-${trace.slice(1)}-${span}-01`,
		"a long trace id": `00-${trace}0-${span}-01`,
		"a short span id": `00-${trace}-${span.slice(1)}-01`,
		"no hex": `00-${trace.replace("4", "g")}-${span}-01`,
		"one digit of flags": `00-${trace}-${span}-1`,
		"other dashes": whole.replaceAll("-", "_"),
		"spaces around it": ` ${whole} `,
		"a line break after it": `${whole}\n`,
	};
	for (const [what, sent] of Object.entries(malformed))
		test(`${what} is ignored`, () => assert.equal(readTraceparent(sent), undefined));

	test("whatever is read has the form that is written, and says the same", () => {
		const hex = (length: number) =>
			fc
				.string({
					unit: fc.constantFrom(..."0123456789abcdef"),
					minLength: length,
					maxLength: length,
				})
				.filter(text => /[^0]/.test(text));
		fc.assert(
			fc.property(hex(32), hex(16), fc.boolean(), (traceId, spanId, sampled) => {
				const written = placeOf(traceId, spanId, sampled);
				assert.equal(readTraceparent(written), written);
				assert.deepEqual(
					[traceIdOf(written), spanIdOf(written), isSampled(written)],
					[traceId, spanId, sampled],
				);
			}),
		);
	});
});

describe("tracestate", () => {
	const taken: Record<string, string> = {
		"rojo=00f067aa0ba902b7,congo=t61rcWkgMzE": "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
		" a=1 ,\tb=2": "a=1,b=2",
		"a=1,,b=2,": "a=1,b=2",
		"fw529a3039@dt=FfZ1,a-_*/0=x y": "fw529a3039@dt=FfZ1,a-_*/0=x y",
		[`a=${"v".repeat(256)}`]: `a=${"v".repeat(256)}`,
	};
	for (const [sent, read] of Object.entries(taken))
		test(`${sent.slice(0, 40)} is passed on`, () => assert.equal(readTracestate(sent), read));

	for (const sent of [
		undefined,
		"",
		" , ",
		"a",
		"A=1",
		"1=1",
		"a@=1",
		"a=1=2",
		"a=é",
		`a=${"v".repeat(257)}`,
		Array.from({ length: 33 }, (_, i) => `a${i}=1`).join(),
	])
		test(`${String(sent).slice(0, 20)} is dropped`, () =>
			assert.equal(readTracestate(sent), undefined));

	test("whole members are left out from its right past 512 characters", () => {
		const member = (name: string) => `${name}=${"v".repeat(198)}`;
		const sent = [member("a"), member("b"), member("c"), "d=1"].join();
		assert.equal(readTracestate(sent), `${member("a")},${member("b")}`);
	});

	test("it goes with a traceparent only", () => {
		const tracestate = "rojo=1";
		assert.deepEqual(readPlace({ traceparent: whole, tracestate }), {
			traceparent: whole,
			tracestate,
		});
		assert.deepEqual(readPlace({ traceparent: whole, tracestate: "?" }), { traceparent: whole });
		assert.equal(readPlace({ traceparent: "?", tracestate }), undefined);
		assert.equal(readPlace({ tracestate }), undefined);
	});
});

test("new ids are well-formed and differ, however many are asked for", () => {
	const ids = Array.from({ length: 5_000 }, () => [newTraceId(), newSpanId()] as const);
	assert.equal(new Set(ids.map(([traceId]) => traceId)).size, ids.length);
	assert.equal(new Set(ids.map(([, spanId]) => spanId)).size, ids.length);
	for (const [traceId, spanId] of ids) {
		const place = placeOf(traceId, spanId, false);
		assert.equal(readTraceparent(place), place);
	}
});

test("of the traces that begin here, the share that was asked for is recorded", () => {
	const recorded = (share: number) =>
		Array.from({ length: 4_000 }, () => newPlace(share)).filter(place =>
			isSampled(place.traceparent),
		).length;
	assert.equal(recorded(0), 0);
	assert.equal(recorded(1), 4_000);
	const quarter = recorded(0.25);
	assert.ok(quarter > 850 && quarter < 1_150, String(quarter));
});
