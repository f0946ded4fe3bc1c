import { generateKeyPairSync, type JsonWebKey } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import jwt from "jsonwebtoken";
import { tokenAudience, tokenIssuer } from "../../kernel/tokens.ts";
import type { Course } from "../../services/learning/courses/courses.contract.ts";
import { random } from "./stats.ts";

const courses = 1_000;
const courseBytes = 629;
const callers = 64;
const tokenSeconds = 4 * 3_600;
/** Of this many requests the client says of one that it is traced (`sampled` of W3C Trace Context). */
const sampledOneIn = 10;
/** Every pair of a course and a token once. */
const requests = 8_000;

export const coursePath = "/api/bench/courses/";

/** What is asked for: a course by its id, or to rate it. */
export type Scenario = "get" | "post";

export interface WireRequest {
	method: string;
	path: string;
	headers: Record<string, string>;
	body?: string;
}

/** What all variants have in common: the same courses, callers, tokens and requests. They read it from `dir`. */
export interface World {
	/** Holds `courses.json`, `key.json` (the public key, a JWK), `key.pem` (the same), and a load for wrk by scenario. */
	dir: string;
	courses: readonly Course[];
	tokens: readonly string[];
	/** The requests of a scenario, each with another pair of course and token. */
	requests(scenario: Scenario): WireRequest[];
	end(): void;
}

const hex = (next: () => number, digits: number): string =>
	Array.from({ length: digits }, () => Math.floor(next() * 16).toString(16)).join("");

function makeCourse(i: number, next: () => number): Course {
	const course: Course = {
		id: `crs_0190f3c2-${hex(next, 4)}-7${hex(next, 3)}-8${hex(next, 3)}-${i.toString(16).padStart(12, "0")}`,
		title: `Course ${i}: how a mesh is built, step by step`,
		description: "",
		price: 99.99,
		priceMinor: 9_999,
		currency: "USD",
		status: "published",
		completionRule: "reported",
		teacherId: `usr_0190f3c2-0000-7000-8000-${hex(next, 12)}`,
		enrollmentCount: i,
		ratingCount: 0,
		createdAt: "2026-01-02T03:04:05.678Z",
		updatedAt: "2026-02-03T04:05:06.789Z",
	};
	const words = "What it takes, in what order, and why each part is there. ".repeat(12);
	course.description = words.slice(0, courseBytes - JSON.stringify(course).length);
	return course;
}

/** The load of a scenario as a Lua table, which `bench/wrk.lua` reads. */
const luaPlan = (all: readonly WireRequest[]): string => {
	const quoted = (text: string) => `[==[${text}]==]`;
	const rows = all.map(
		({ method, path, headers, body }) =>
			`{${quoted(method)},${quoted(path)},{${Object.entries(headers)
				.map(([name, value]) => `["${name}"]=${quoted(value)}`)
				.join(",")}}${body === undefined ? "" : `,${quoted(body)}`}}`,
	);
	return `return {\n${rows.join(",\n")}\n}\n`;
};

/** Makes it, in a directory of its own. The keys are new each time, everything else follows from the seed. */
export function makeWorld(seed: number): World {
	const next = random(seed);
	const dir = mkdtempSync(join(tmpdir(), "zeolite-bench-"));
	const all = Array.from({ length: courses }, (_, i) => makeCourse(i, next));
	const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
	const kid = "key_bench";
	const tokens = Array.from({ length: callers }, (_, i) =>
		jwt.sign({ sid: `ses_bench${i}`, roles: ["student"] }, privateKey, {
			algorithm: "ES256",
			keyid: kid,
			subject: `usr_bench${i}`,
			issuer: tokenIssuer,
			audience: tokenAudience,
			expiresIn: tokenSeconds,
		}),
	);
	const made = new Map<Scenario, WireRequest[]>();
	const make = (scenario: Scenario): WireRequest[] =>
		Array.from({ length: requests }, (_, i) => {
			const headers: Record<string, string> = {
				authorization: `Bearer ${tokens[i % callers]}`,
				traceparent: `00-${hex(next, 32)}-${hex(next, 16)}-${i % sampledOneIn === 0 ? "01" : "00"}`,
			};
			const path = `${coursePath}${all[i % courses]?.id}`;
			if (scenario === "get") return { method: "GET", path, headers };
			return {
				method: "POST",
				path: `${path}/ratings`,
				headers: { ...headers, "content-type": "application/json" },
				body: JSON.stringify({
					stars: 1 + (i % 5),
					text: `Rating ${i}: clear, to the point, and every example ran as it stands.`,
				}),
			};
		});
	const requestsOf = (scenario: Scenario): WireRequest[] => {
		const known = made.get(scenario) ?? make(scenario);
		made.set(scenario, known);
		return known;
	};
	const jwk: JsonWebKey = publicKey.export({ format: "jwk" });
	const files = {
		"courses.json": JSON.stringify(all),
		"key.json": JSON.stringify({ kid, alg: "ES256", use: "sig", ...jwk }),
		"key.pem": publicKey.export({ format: "pem", type: "spki" }).toString(),
		"get.lua": luaPlan(requestsOf("get")),
		"post.lua": luaPlan(requestsOf("post")),
	};
	for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
	const end = () => rmSync(dir, { recursive: true, force: true });
	process.once("exit", end);
	return { dir, courses: all, tokens, requests: requestsOf, end };
}
