import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { link, mkdir, open, readdir, rename, rm, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { problem } from "../../../../kernel/errors.ts";
import { files } from "../files.contract.ts";
import { partsOf } from "../rules.ts";
import { signTicket, type Ticket } from "../ticket.ts";
import type { FileStore, Part, Sealed, Stored } from "./port.ts";

export interface DiskOptions {
	dir: string;
	/** Base of the addresses that are handed out. */
	publicUrl: string;
	/** The secret that signs them. */
	secret: string;
}

/** How a body says that its client has gone. */
const cut = new Set(["ECONNRESET", "ERR_STREAM_PREMATURE_CLOSE", "ABORT_ERR"]);

const without = (code: string) => (error: NodeJS.ErrnoException) => {
	if (error.code !== code) throw error;
	return undefined;
};

/**
 * Files on the disk of the one process there is. What comes in lies in `tmp` until it is whole, then as a piece in
 * `open/<file>/<number>`; confirmed, the directory is renamed to `kept/<file>`, where no upload leads. Pieces are never
 * put together: a file is read through them.
 */
export class DiskStore implements FileStore {
	readonly #options: DiskOptions;
	/** What is coming in, by where it goes. */
	readonly #bodies = new Map<string, Readable>();

	constructor(options: DiskOptions) {
		this.#options = options;
	}

	/** Makes the directories; what a former process had not ended receiving is gone. */
	async start(): Promise<void> {
		await rm(this.#path("tmp"), { recursive: true, force: true });
		for (const name of ["tmp", "open", "kept"])
			await mkdir(this.#path(name), { recursive: true, mode: 0o700 });
	}

	async open({ id }: Stored): Promise<undefined> {
		await mkdir(this.#path("open", id), { recursive: true });
	}

	async uploadUrl({ id }: Stored, expiresAt: number): Promise<string> {
		return this.#address("uploads", { fileId: id, use: "whole", expiresAt });
	}

	async partUrl({ id }: Stored, { number }: Part, expiresAt: number): Promise<string> {
		return this.#address("uploads", { fileId: id, use: "part", number, expiresAt });
	}

	async link({ id }: Stored, use: "inline" | "attachment", expiresAt: number): Promise<string> {
		return this.#address("downloads", { fileId: id, use, expiresAt });
	}

	async parts({ id }: Pick<Stored, "id">): Promise<Part[]> {
		return this.pieces(`open/${id}`);
	}

	/** The pieces of a directory in order; none where there is no such directory, also if it goes while it is read. */
	async pieces(key: string): Promise<Part[]> {
		const names = (await readdir(this.#path(key)).catch(without("ENOENT"))) ?? [];
		const pieces = await Promise.all(
			names.map(async name => ({
				number: Number(name),
				size: (await stat(this.#path(key, name))).size,
			})),
		).catch(without("ENOENT"));
		return (pieces ?? []).sort((a, b) => a.number - b.number);
	}

	async seal({ id, fileSize, partSize }: Stored): Promise<Sealed | undefined> {
		const key = `kept/${id}`;
		const there = await this.parts({ id });
		if (there.length === partsOf(fileSize, partSize).length)
			await rename(this.#path("open", id), this.#path(key)).catch(without("ENOENT"));
		const kept = await this.pieces(key);
		if (kept.length === 0) return undefined;
		return { key, size: kept.reduce((sum, { size }) => sum + size, 0) };
	}

	async first(key: string, length: number): Promise<Uint8Array> {
		const file = await open(this.#path(key, "1"));
		try {
			const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, 0);
			return buffer.subarray(0, bytesRead);
		} finally {
			await file.close();
		}
	}

	async purge({ id }: Pick<Stored, "id">, keep?: string): Promise<void> {
		for (const place of ["open", "kept"])
			if (keep !== `${place}/${id}`)
				await rm(this.#path(place, id), { recursive: true, force: true });
	}

	async tidy(before: number): Promise<number> {
		let dropped = 0;
		for (const name of await readdir(this.#path("tmp"))) {
			const found = await stat(this.#path("tmp", name)).catch(without("ENOENT"));
			if (!found || found.mtimeMs >= before) continue;
			await rm(this.#path("tmp", name), { force: true });
			dropped++;
		}
		return dropped;
	}

	/**
	 * Takes a piece of exactly `size` bytes as it comes in, all of it or nothing. The whole of a file is taken once; a
	 * part may come again. Who sends the same piece anew ends what came of it before: its connection may be dead.
	 * @throws UPLOAD_MISMATCH, UPLOAD_CUT, UPLOAD_CLOSED
	 */
	async take({ fileId, number = 1, use }: Ticket, size: number, body: Readable): Promise<void> {
		const coming = this.#path("tmp", randomUUID());
		const target = this.#path("open", fileId, String(number));
		this.#bodies.get(target)?.destroy();
		this.#bodies.set(target, body);
		try {
			await this.#write(coming, size, body);
			await (use === "part" ? rename(coming, target) : link(coming, target));
		} catch (error) {
			const { code = "" } = error as NodeJS.ErrnoException;
			throw ["ENOENT", "EEXIST"].includes(code) ? problem(files, "UPLOAD_CLOSED") : error;
		} finally {
			if (this.#bodies.get(target) === body) this.#bodies.delete(target);
			await unlink(coming).catch(without("ENOENT"));
		}
	}

	/** Writes what comes to a file of its own. The body is left open where it is too long, so that it can be answered. */
	async #write(path: string, size: number, body: Readable): Promise<void> {
		let received = 0;
		const counted = async function* () {
			for await (const chunk of body.iterator({ destroyOnReturn: false })) {
				received += (chunk as Buffer).length;
				if (received > size) throw problem(files, "UPLOAD_MISMATCH");
				yield chunk;
			}
		};
		const file = createWriteStream(path, { flags: "wx", flush: true, mode: 0o600 });
		await pipeline(counted, file).catch(error => {
			throw cut.has(error.code) ? problem(files, "UPLOAD_CUT") : error;
		});
		if (received !== size) throw problem(files, "UPLOAD_MISMATCH");
	}

	#path(...parts: string[]): string {
		return join(this.#options.dir, ...parts);
	}

	#address(way: "uploads" | "downloads", ticket: Ticket): string {
		const { publicUrl, secret } = this.#options;
		return `${publicUrl}/api/files/${way}/${signTicket(secret, ticket)}`;
	}
}
