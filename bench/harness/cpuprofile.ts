import { readFileSync } from "node:fs";

/** A profile as V8's inspector gives it: a tree of call frames, and which was on top at each sample. */
interface Profile {
	nodes: {
		id: number;
		callFrame: { functionName: string; url: string; lineNumber: number };
		children?: number[];
	}[];
	samples: number[];
	/** µs before each sample. */
	timeDeltas: number[];
}

interface Frame {
	name: string;
	url: string;
	line: number;
	parent: Frame | undefined;
	/** Time on top of the stack, µs. */
	self: number;
}

export interface Share {
	name: string;
	/** µs on top of the stack. */
	micros: number;
}

const packageOf = (url: string): string | undefined =>
	/.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];

/** Reads a profile into frames that know their parent and their own time. */
function framesOf({ nodes, samples, timeDeltas }: Profile): Frame[] {
	const frames = new Map<number, Frame>();
	for (const { id, callFrame } of nodes)
		frames.set(id, {
			name: callFrame.functionName || "(anonymous)",
			url: callFrame.url,
			line: callFrame.lineNumber + 1,
			parent: undefined,
			self: 0,
		});
	for (const { id, children = [] } of nodes)
		for (const child of children) (frames.get(child) as Frame).parent = frames.get(id);
	// The time before a sample was spent in what the one before it found on top.
	for (let i = 1; i < samples.length; i++) {
		const frame = frames.get(samples[i - 1] as number);
		if (frame) frame.self += timeDeltas[i] ?? 0;
	}
	return [...frames.values()];
}

const isUnder = (frame: Frame, test: (frame: Frame) => boolean): boolean => {
	for (let at: Frame | undefined = frame; at; at = at.parent) if (test(at)) return true;
	return false;
};

const socketWrite = /^write(v|Buffer|Utf8String|Latin1String|AsciiString|UcsString|Ucs2String)$/;
const textOfBytes =
	/^(utf8Slice|latin1Slice|asciiSlice|ucs2Slice|hexSlice|base64Slice|base64urlSlice|decodeUTF8|decode)$/;
const bytesOfText =
	/^(utf8Write|utf8WriteStatic|latin1Write|latin1WriteStatic|asciiWriteStatic|encodeUtf8String|encodeInto|encode|byteLengthUtf8|copy|compare|fill|indexOfString|indexOfNumber)$/;

/** Where a frame with a source belongs. */
function placeOf(url: string): string {
	const of = packageOf(url);
	if (of === "moleculer")
		return /\/middlewares\//.test(url) ? "moleculer middlewares" : "moleculer";
	if (of === "nats") return "nats.js";
	if (of) return of;
	if (/^node:(_http|internal\/http)/.test(url)) return "node http";
	if (/^node:(net|stream|internal\/stream|internal\/js_stream)/.test(url))
		return "node sockets and streams";
	if (/^node:(internal\/timers|timers)/.test(url)) return "node timers";
	if (/^node:(internal\/process\/task_queues|internal\/async)/.test(url)) return "promise jobs";
	if (url.startsWith("node:")) return "node, other";
	const own =
		/\/(kernel\/middlewares|kernel\/transit|kernel\/tracing|kernel|services\/gateway|bench|mixins|services|moleculer\.config)/.exec(
			url,
		)?.[1];
	return own ? `own: ${own}` : "other";
}

/** Where the time of a frame belongs; undefined for time in which nothing ran. */
function groupOf(frame: Frame): string | undefined {
	const { name, url } = frame;
	if (name === "(idle)" || name === "(root)") return undefined;
	if (name === "(garbage collector)") return "garbage collection";
	if (name === "(program)") return "native code without a frame";
	if (url) return placeOf(url);
	if (socketWrite.test(name)) {
		if (isUnder(frame, at => packageOf(at.url) === "nats")) return "socket write: NATS";
		if (isUnder(frame, at => /^node:(_http|internal\/http)/.test(at.url)))
			return "socket write: HTTP";
		return "socket write: deferred";
	}
	if (name === "runMicrotasks") return "promise jobs";
	if (textOfBytes.test(name)) return "bytes to text";
	if (bytesOfText.test(name)) return "text to bytes";
	for (let at = frame.parent; at; at = at.parent) if (at.url) return placeOf(at.url);
	return "native code";
}

/** Adds up, largest first. */
function sums(frames: readonly Frame[], key: (frame: Frame) => string | undefined): Share[] {
	const all = new Map<string, number>();
	for (const frame of frames) {
		const name = key(frame);
		if (name !== undefined) all.set(name, (all.get(name) ?? 0) + frame.self);
	}
	return [...all]
		.map(([name, micros]) => ({ name, micros }))
		.filter(({ micros }) => micros > 0)
		.sort((a, b) => b.micros - a.micros);
}

const shortUrl = (url: string): string =>
	url
		.replace(/^file:\/\//, "")
		.replace(/^.*\/node_modules\//, "")
		.replace(/^.*\/(?=(kernel|services|bench|mixins)\/)/, "");

/** Where the time of a `.cpuprofile` went: by group, and by function. */
export function readProfile(file: string): { groups: Share[]; functions: Share[] } {
	const frames = framesOf(JSON.parse(readFileSync(file, "utf8")) as Profile);
	return {
		groups: sums(frames, groupOf),
		functions: sums(frames, frame =>
			groupOf(frame) === undefined
				? undefined
				: `${frame.name}${frame.url ? ` ${shortUrl(frame.url)}:${frame.line}` : ""}`,
		),
	};
}
