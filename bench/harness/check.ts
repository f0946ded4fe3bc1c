import assert from "node:assert/strict";
import type { Running } from "./variants.ts";
import type { WireRequest, World } from "./world.ts";

const send = (url: string, { method, path, headers, body }: WireRequest): Promise<Response> =>
	fetch(url + path, { method, headers, ...(body !== undefined && { body }) });

/** The token with another signature. */
const forged = (authorization: string): string =>
	authorization.replace(/\.(.)(?=[^.]*$)/, (_, first) => (first === "A" ? ".B" : ".A"));

/**
 * Asks a variant before it is measured: the right course, the rating understood, nobody let in without a token where it
 * asks for one, the limit told, an unknown course not there, and the histogram counting.
 * @throws AssertionError naming the variant
 */
export async function check({ variant, url }: Running, world: World): Promise<void> {
	const { id, asksForToken, does } = variant;
	const reads = world.requests("get");
	for (const at of [0, 1, 999, 4_711]) {
		const answer = await send(url, reads[at] as WireRequest);
		assert.equal(answer.status, 200, `${id} answers a read with ${answer.status}`);
		const course = world.courses[at % world.courses.length];
		assert.deepEqual(await answer.json(), course, `${id} answers with another course`);
		if (!asksForToken) continue;
		const names = [...answer.headers.keys()];
		assert.ok(
			names.some(name => /rate-?limit/.test(name)),
			`${id} tells of no limit`,
		);
	}
	const write = world.requests("post")[7] as WireRequest;
	const rated = await send(url, write);
	assert.ok(rated.ok, `${id} answers a write with ${rated.status}`);
	const rating = (await rated.json()) as object;
	const expected = { courseId: world.courses[7]?.id, ...JSON.parse(write.body as string) };
	assert.deepEqual({ ...rating, ...expected }, rating, `${id} understood another rating`);

	const read = reads[0] as WireRequest;
	const unknown = await send(url, { ...read, path: `${read.path}0` });
	assert.equal(unknown.status, 404, `${id} answers for a course there is not`);
	if (asksForToken)
		for (const authorization of ["", "Bearer x.y.z", forged(read.headers.authorization ?? "")]) {
			const headers: Record<string, string> = { ...read.headers, authorization };
			if (!authorization) delete headers.authorization;
			const refused = await send(url, { ...read, headers });
			assert.equal(refused.status, 401, `${id} lets in whoever has no token that holds`);
		}
	if (!does) return;
	const metrics = await (await fetch(`${url}/metrics`)).text();
	const counted = /^http_server_request_duration_seconds_count\{.*bench.*\} ([1-9]\d*)/m;
	assert.match(metrics, counted, `${id} has no histogram of its requests`);
}

/** @throws AssertionError where a variant that exports traces has not sent any. */
export async function checkTraces({ variant: { id, collector } }: Running): Promise<void> {
	if (!collector) return;
	const { taken } = (await (await fetch(collector)).json()) as { taken: number };
	assert.ok(taken > 0, `${id} has exported no traces`);
}
