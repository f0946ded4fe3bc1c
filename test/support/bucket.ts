import { randomUUID } from "node:crypto";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { s3Keys, type TestServer } from "./servers.ts";

/** A new bucket, as the variables of a node name it, and a client that looks into it. */
export interface Bucket {
	env: Record<"S3_ENDPOINT" | "AWS_S3_BUCKET" | keyof typeof s3Keys, string>;
	client: S3Client;
}

/** Makes a bucket of a test's own; its client is closed after the test. */
export async function newBucket(
	t: { after(end: () => void): void },
	{ url }: Pick<TestServer, "url">,
): Promise<Bucket> {
	const client = new S3Client({
		endpoint: url,
		region: "us-east-1",
		forcePathStyle: true,
		credentials: {
			accessKeyId: s3Keys.AWS_ACCESS_KEY_ID,
			secretAccessKey: s3Keys.AWS_SECRET_ACCESS_KEY,
		},
	});
	t.after(() => client.destroy());
	const bucket = `t${randomUUID()}`;
	await client.send(new CreateBucketCommand({ Bucket: bucket }));
	return { env: { S3_ENDPOINT: url, AWS_S3_BUCKET: bucket, ...s3Keys }, client };
}
