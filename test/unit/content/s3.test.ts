import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { systemClock } from "../../../kernel/clock.ts";
import { codeOf } from "../../../kernel/errors.ts";
import { S3Store } from "../../../services/content/files/stores/s3.ts";

const file = { id: "fil_1", fileSize: 10, contentType: "video/mp4" };

/** A store at a server that answers every request alike. */
async function storeAt(t: TestContext, answer: RequestListener): Promise<S3Store> {
	const server = createServer(answer).listen(0, "127.0.0.1");
	await once(server, "listening");
	const store = new S3Store(
		{
			AWS_S3_BUCKET: "school",
			AWS_REGION: "us-east-1",
			AWS_ACCESS_KEY_ID: "key",
			AWS_SECRET_ACCESS_KEY: "secret",
			S3_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
		},
		systemClock,
		200,
	);
	t.after(() => {
		store.close();
		server.closeAllConnections();
		server.close();
	});
	return store;
}

const refusing =
	(status: number, code: string): RequestListener =>
	(_request, response) =>
		void response
			.writeHead(status, { "content-type": "application/xml" })
			.end(`<Error><Code>${code}</Code><Message>no</Message></Error>`);

/** What each way of asking comes to. */
const outcomes = (store: S3Store) =>
	Promise.all(
		[
			store.seal(file),
			store.parts({ ...file, uploadId: "u", partSize: 5 }),
			store.first("files/fil_1/a", 4),
			store.purge(file),
			store.tidy(0),
		].map(asked =>
			asked.then(
				found => found,
				error => codeOf(error) ?? error.name,
			),
		),
	);

const away = Array.from({ length: 5 }, () => "SERVICE_UNAVAILABLE");

test("a store that says nothing is away, and is not waited for", async t => {
	assert.deepEqual(await outcomes(await storeAt(t, () => {})), away);
	const stalls: RequestListener = (_request, response) =>
		void response.writeHead(200, { "content-length": "4" }).write("ab");
	const stalled = (await storeAt(t, stalls)).first("files/fil_1/a", 4);
	await assert.rejects(stalled, error => codeOf(error) === "SERVICE_UNAVAILABLE");
});

test("a store that is overloaded, broken or hangs up is away", async t => {
	const hangsUp: RequestListener = request => request.socket.destroy();
	const answers = [refusing(503, "SlowDown"), refusing(500, "InternalError"), hangsUp];
	const found = await Promise.all(answers.map(async answer => outcomes(await storeAt(t, answer))));
	assert.deepEqual(found, [away, away, away]);
});

test("a store that refuses is not away, and what it does not have is not there", async t => {
	const denied = await outcomes(await storeAt(t, refusing(403, "AccessDenied")));
	assert.deepEqual(new Set(denied), new Set(["AccessDenied"]));
	const store = await storeAt(t, refusing(404, "NoSuchKey"));
	assert.equal(await store.seal(file), undefined);
});
