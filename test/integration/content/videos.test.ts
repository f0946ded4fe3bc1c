import assert from "node:assert/strict";
import { test } from "node:test";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import type { Broker } from "../../../kernel/contract.ts";
import { eventually } from "../../support/http.ts";
import { lectureFlow } from "../../support/lecture-flow.ts";
import { meshEnv } from "../../support/mesh.ts";
import { FakeMux, type MuxAsset } from "../../support/mux/fake-mux.ts";
import { acquainted, startNode } from "../../support/node.ts";
import { freePort } from "../../support/ports.ts";
import { needs, s3Keys } from "../../support/servers.ts";

const servers = await needs("nats", "mongo", "s3");
if (servers)
	test("the seed's Flow 2 on a mesh, with Mux and an S3 store", async t => {
		const mux = await FakeMux.start(t);
		const port = await freePort();
		const env = {
			...meshEnv(),
			...mux.env,
			...s3Keys,
			NATS_URL: servers.nats.url,
			MONGO_URL: servers.mongo.url,
			S3_ENDPOINT: servers.s3.url,
			AWS_S3_BUCKET: `videos-${port}`,
			LOG_LEVEL: "fatal",
			MESH: "gateway,identity,learning,content",
		};
		const s3 = new S3Client({
			endpoint: servers.s3.url,
			region: "us-east-1",
			forcePathStyle: true,
			credentials: {
				accessKeyId: s3Keys.AWS_ACCESS_KEY_ID,
				secretAccessKey: s3Keys.AWS_SECRET_ACCESS_KEY,
			},
		});
		await s3.send(new CreateBucketCommand({ Bucket: env.AWS_S3_BUCKET }));
		s3.destroy();
		const nodes = await Promise.all([
			startNode(t, { env: { ...env, SERVICES: "gateway,identity", PORT: String(port) } }),
			startNode(t, { env: { ...env, SERVICES: "learning,content" } }),
			startNode(t, { env: { ...env, SERVICES: "content" } }),
		]);
		await acquainted(nodes);
		const [, one, other] = nodes;
		const base = `http://127.0.0.1:${port}`;
		const assetOf = async (fileId: string): Promise<MuxAsset> => {
			const [asset] = await eventually(
				async () => mux.of(fileId),
				assets => assets.length > 0,
			);
			return asset as MuxAsset;
		};

		await t.test("uploaded, fetched by Mux, told by its webhook, watched", async () => {
			const { fileId, film, seen } = await lectureFlow(base, async id => {
				const asset = await assetOf(id);
				const input = await fetch(mux.inputs.get(asset.id) as string);
				assert.equal(input.status, 200);
				mux.finish(asset);
				const all = mux.events.filter(event => event.object.id === asset.id);
				await mux.deliver(base, all, { times: 3, shuffle: 1, parallel: 6 });
			});
			const [asset, ...more] = mux.of(fileId);
			assert.deepEqual(more, []);
			const input = await fetch(mux.inputs.get(asset?.id as string) as string);
			assert.deepEqual(Buffer.from(await input.arrayBuffer()), film);
			assert.deepEqual([mux.open(seen.videoUrl), mux.open(seen.thumbnailUrl)], [200, 200]);
			assert.equal(seen.videoForm, "hls");
		});

		await t.test("both nodes of content sign with one key", async () => {
			const { fileId, seen } = await lectureFlow(base, async id => {
				await mux.deliver(base, [mux.finish(await assetOf(id))]);
			});
			const play = { fileId, seconds: 600 };
			const played = await Promise.all(
				[one, other].map(({ broker }) =>
					(broker as unknown as Broker).call("videos.play", play, { nodeID: broker.nodeID }),
				),
			);
			for (const { videoUrl } of [...played, seen]) assert.equal(mux.open(videoUrl), 200);
			assert.equal(mux.keys.size, 1);
		});
	});
