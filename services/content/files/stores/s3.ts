import { randomUUID } from "node:crypto";
import {
	AbortMultipartUploadCommand,
	CompleteMultipartUploadCommand,
	CopyObjectCommand,
	CreateMultipartUploadCommand,
	DeleteObjectCommand,
	GetObjectCommand,
	HeadObjectCommand,
	ListMultipartUploadsCommand,
	ListPartsCommand,
	PutObjectCommand,
	paginateListObjectsV2,
	S3Client,
	UploadPartCommand,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import type { Clock } from "../../../../kernel/clock.ts";
import { contentDisposition } from "../../../../kernel/content-disposition.ts";
import type { Env } from "../../../../kernel/env.ts";
import { platformProblem } from "../../../../kernel/errors.ts";
import { partsOf } from "../rules.ts";
import type { FileStore, Part, Sealed, Stored } from "./port.ts";

type S3Env = Pick<
	Env,
	"AWS_S3_BUCKET" | "AWS_REGION" | "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" | "S3_ENDPOINT"
>;

const minuteMs = 60_000;
/** How long the store may say nothing, which it does while it copies, ms. */
const silenceMs = 50_000;

/** Where clients write to, and where files lie that were confirmed. */
const incomingPrefix = "incoming/";
const keptPrefix = "files/";
const incoming = (id: string): string => `${incomingPrefix}${id}`;
const kept = (id: string): string => `${keptPrefix}${id}/`;
const partsKey = (id: string): string => `${kept(id)}parts`;

const isMissing = (error: unknown): boolean =>
	["NotFound", "NoSuchKey", "NoSuchUpload"].includes((error as Error).name);

const orMissing = (error: unknown): undefined => {
	if (!isMissing(error)) throw error;
};

/** Whether the store did not answer, or said that it cannot now: not that it refused what was asked. */
function isAway(error: unknown): boolean {
	const { name, code, $metadata } = error as {
		name?: string;
		code?: unknown;
		$metadata?: { httpStatusCode?: number };
	};
	const status = $metadata?.httpStatusCode;
	if (status === undefined) return name === "TimeoutError" || typeof code === "string";
	return status >= 500 || status === 429;
}

/** A failure as it is told: SERVICE_UNAVAILABLE where the store is away, else as it is. */
function told(error: unknown): unknown {
	if (!isAway(error)) return error;
	const { name, code } = error as { name: string; code?: string };
	const detail = `The store of files is away: ${code ?? name}`;
	return platformProblem("SERVICE_UNAVAILABLE", { retryAfter: 5 }, detail);
}

/** The client of the bucket. Checksums only where S3 asks for them: a presigned PUT would carry that of an empty body. */
function clientOf(env: S3Env, socketTimeout: number): S3Client {
	const client = new S3Client({
		region: env.AWS_REGION,
		...(env.S3_ENDPOINT && { endpoint: env.S3_ENDPOINT, forcePathStyle: true }),
		...(env.AWS_ACCESS_KEY_ID &&
			env.AWS_SECRET_ACCESS_KEY && {
				credentials: {
					accessKeyId: env.AWS_ACCESS_KEY_ID,
					secretAccessKey: env.AWS_SECRET_ACCESS_KEY,
				},
			}),
		requestChecksumCalculation: "WHEN_REQUIRED",
		responseChecksumValidation: "WHEN_REQUIRED",
		// The SDK's `requestTimeout` ends nothing: it warns.
		requestHandler: { connectionTimeout: 3_000, socketTimeout },
	});
	client.middlewareStack.add(
		next => async input => {
			try {
				return await next(input);
			} catch (error) {
				throw told(error);
			}
		},
		{ step: "initialize", name: "away" },
	);
	return client;
}

/**
 * Files in an S3 store. A presigned PUT can be used again until it expires, so what came by one is copied, while it is
 * confirmed, to where no address of a client leads; an upload in parts ends with its completion. What is signed is in the
 * address and cannot be left out: type and length. While the store is away all that asks it is SERVICE_UNAVAILABLE.
 */
export class S3Store implements FileStore {
	readonly #s3: S3Client;
	readonly #bucket: string;
	readonly #clock: Clock;

	/** @param timeoutMs how long the store may say nothing. */
	constructor(env: S3Env, clock: Clock, timeoutMs = silenceMs) {
		this.#s3 = clientOf(env, timeoutMs);
		this.#bucket = env.AWS_S3_BUCKET as string;
		this.#clock = clock;
	}

	close(): void {
		this.#s3.destroy();
	}

	async open({ id, contentType, partSize }: Stored): Promise<string | undefined> {
		if (partSize === undefined) return undefined;
		const { UploadId } = await this.#s3.send(
			new CreateMultipartUploadCommand({ ...this.#at(partsKey(id)), ContentType: contentType }),
		);
		return UploadId;
	}

	uploadUrl({ id, contentType, fileSize }: Stored, expiresAt: number): Promise<string> {
		const command = new PutObjectCommand({
			...this.#at(incoming(id)),
			ContentType: contentType,
			ContentLength: fileSize,
		});
		return getSignedUrl(this.#s3, command, {
			expiresIn: this.#secondsUntil(expiresAt),
			signableHeaders: new Set(["host", "content-type", "content-length"]),
		});
	}

	partUrl({ id, uploadId }: Stored, { number, size }: Part, expiresAt: number): Promise<string> {
		const command = new UploadPartCommand({
			...this.#at(partsKey(id)),
			UploadId: uploadId,
			PartNumber: number,
			ContentLength: size,
		});
		return getSignedUrl(this.#s3, command, {
			expiresIn: this.#secondsUntil(expiresAt),
			signableHeaders: new Set(["host", "content-length"]),
		});
	}

	async parts(file: Stored): Promise<Part[]> {
		const listed = await this.#listed(file);
		return (listed ?? []).map(({ number, size }) => ({ number, size }));
	}

	async seal(file: Stored): Promise<Sealed | undefined> {
		return file.partSize === undefined ? this.#copied(file) : this.#completed(file);
	}

	async first(key: string, length: number): Promise<Uint8Array> {
		const { Body } = await this.#s3.send(
			new GetObjectCommand({ ...this.#at(key), Range: `bytes=0-${length - 1}` }),
		);
		const bytes = await Body?.transformToByteArray().catch(error => {
			throw told(error);
		});
		return bytes ?? new Uint8Array();
	}

	link(
		{ key, contentType, fileName }: Stored & { fileName: string; key: string },
		disposition: "inline" | "attachment",
		expiresAt: number,
	): Promise<string> {
		const command = new GetObjectCommand({
			...this.#at(key),
			ResponseContentType: contentType,
			ResponseContentDisposition: contentDisposition(disposition, fileName),
		});
		// Signed as of the minute: who asks again in it gets the same address, which a browser knows.
		const signedAt = Math.floor(this.#clock.now() / minuteMs) * minuteMs;
		return getSignedUrl(this.#s3, command, {
			signingDate: new Date(signedAt),
			expiresIn: Math.ceil((expiresAt - signedAt) / 1_000),
		});
	}

	async purge({ id }: Pick<Stored, "id">, keep?: string): Promise<void> {
		await this.#abort(kept(id));
		await this.#delete(incoming(id));
		for await (const key of this.#keys(kept(id))) if (key !== keep) await this.#delete(key);
	}

	async tidy(before: number): Promise<number> {
		let dropped = await this.#abort(keptPrefix, before);
		for await (const key of this.#keys(incomingPrefix, before)) {
			await this.#delete(key);
			dropped++;
		}
		return dropped;
	}

	/** What came by one PUT, copied as it is at this moment, under a name of its own for each who confirms. */
	async #copied({ id }: Stored): Promise<Sealed | undefined> {
		const key = `${kept(id)}${randomUUID()}`;
		const copied = await this.#s3
			.send(
				new CopyObjectCommand({
					...this.#at(key),
					CopySource: `${this.#bucket}/${incoming(id)}`,
				}),
			)
			.catch(orMissing);
		return copied && this.#sealed(key);
	}

	/** What came in parts, as one; by now completed, by a confirmation that broke off. */
	async #completed(file: Stored): Promise<Sealed | undefined> {
		const key = partsKey(file.id);
		const listed = await this.#listed(file);
		if (listed) {
			const wanted = partsOf(file.fileSize, file.partSize);
			const isWhole =
				listed.length === wanted.length &&
				listed.every(({ number, size }) => size === wanted[number - 1]);
			if (!isWhole) return undefined;
			await this.#s3
				.send(
					new CompleteMultipartUploadCommand({
						...this.#at(key),
						UploadId: file.uploadId,
						MultipartUpload: {
							Parts: listed.map(({ number, etag }) => ({ PartNumber: number, ETag: etag })),
						},
					}),
				)
				.catch(orMissing);
		}
		return this.#sealed(key);
	}

	/** The parts of an open upload by number; undefined where it is not open. */
	async #listed({ id, uploadId }: Stored): Promise<(Part & { etag: string })[] | undefined> {
		const found: (Part & { etag: string })[] = [];
		// By hand: the SDK's own goes on from the last page's marker, too, which S3 gives.
		for (let after: string | undefined, isMore = true; isMore; ) {
			const page = await this.#s3
				.send(
					new ListPartsCommand({
						...this.#at(partsKey(id)),
						UploadId: uploadId,
						PartNumberMarker: after,
					}),
				)
				.catch(orMissing);
			if (!page) return undefined;
			for (const { PartNumber = 0, Size = 0, ETag = "" } of page.Parts ?? [])
				found.push({ number: PartNumber, size: Size, etag: ETag });
			after = page.NextPartNumberMarker;
			isMore = page.IsTruncated === true;
		}
		return found.sort((a, b) => a.number - b.number);
	}

	async #sealed(key: string): Promise<Sealed | undefined> {
		const found = await this.#s3.send(new HeadObjectCommand(this.#at(key))).catch(orMissing);
		return found && { key, size: found.ContentLength ?? 0 };
	}

	async *#keys(prefix: string, before = Number.POSITIVE_INFINITY): AsyncGenerator<string> {
		const input = { Bucket: this.#bucket, Prefix: prefix };
		for await (const { Contents = [] } of paginateListObjectsV2({ client: this.#s3 }, input))
			for (const { Key, LastModified } of Contents)
				if (Key && (LastModified?.getTime() ?? 0) < before) yield Key;
	}

	/** Ends uploads in parts that were begun before `before`; those that are listed at once, later ones next time. */
	async #abort(prefix: string, before = Number.POSITIVE_INFINITY): Promise<number> {
		const { Uploads = [] } = await this.#s3.send(
			new ListMultipartUploadsCommand({ Bucket: this.#bucket, Prefix: prefix }),
		);
		const over = Uploads.filter(({ Initiated }) => (Initiated?.getTime() ?? 0) < before);
		for (const { Key, UploadId } of over)
			await this.#s3
				.send(new AbortMultipartUploadCommand({ Bucket: this.#bucket, Key, UploadId }))
				.catch(orMissing);
		return over.length;
	}

	async #delete(key: string): Promise<void> {
		await this.#s3.send(new DeleteObjectCommand(this.#at(key)));
	}

	#at(key: string): { Bucket: string; Key: string } {
		return { Bucket: this.#bucket, Key: key };
	}

	#secondsUntil(ms: number): number {
		return Math.max(1, Math.ceil((ms - this.#clock.now()) / 1_000));
	}
}
