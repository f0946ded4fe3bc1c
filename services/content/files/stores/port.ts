import type { FileDoc } from "../../../../models/content/file.model.ts";

/** What a store needs to know of a file. */
export type Stored = Pick<FileDoc, "id" | "fileSize" | "contentType" | "partSize" | "uploadId">;

/** Where a file lies once nobody can write there any more, and how many bytes it has there. */
export interface Sealed {
	key: string;
	size: number;
}

/** A part that is there whole; sizes in bytes. */
export interface Part {
	number: number;
	size: number;
}

/**
 * Where bytes are kept. Clients bring and fetch them by signed addresses; whatever is done here may be done again after a
 * crash, and is then done once.
 */
export interface FileStore {
	/** Opens an upload in parts; its name in the store, where it has one. */
	open(file: Stored): Promise<string | undefined>;
	/** An address that takes the whole file by PUT until `expiresAt` (ms): of the announced type and length, and once. */
	uploadUrl(file: Stored, expiresAt: number): Promise<string>;
	/** An address that takes a part of `size` bytes by PUT until `expiresAt` (ms). */
	partUrl(file: Stored, part: Part, expiresAt: number): Promise<string>;
	/** The parts that are there. */
	parts(file: Stored): Promise<Part[]>;
	/** Puts what was uploaded where nobody can write; undefined while the whole is not there. */
	seal(file: Stored): Promise<Sealed | undefined>;
	/** The first bytes of a sealed file, at most `length`. */
	first(key: string, length: number): Promise<Uint8Array>;
	/** An address that opens a sealed file until `expiresAt` (ms). */
	link(
		file: Stored & { fileName: string; key: string },
		disposition: "inline" | "attachment",
		expiresAt: number,
	): Promise<string>;
	/** Drops all that there is of a file but what lies at `keep`. */
	purge(file: Pick<Stored, "id">, keep?: string): Promise<void>;
	/** Drops what belongs to no file and was there before `before` (ms): uploads that broke off without a record. */
	tidy(before: number): Promise<number>;
}
