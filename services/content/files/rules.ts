import { fileTypeFromBuffer } from "file-type";
import { invalidField } from "../../../kernel/errors.ts";
import type { videoTypes } from "./files.contract.ts";

const KiB = 1024;
const MiB = KiB * KiB;
const GiB = KiB * MiB;

/** The largest file that comes by one PUT, bytes: a store copies it while it is confirmed. */
const largestWhole = GiB;
/** The least that S3 takes as a part which is not the last, bytes. */
const smallestPart = 5 * MiB;
const mostParts = 1_000;

/** What files of a purpose may be: announced type → what file-type says of such a file's first bytes. */
interface Rules {
	largest: number;
	types: Readonly<Record<string, readonly string[]>>;
}

const isoMedia = ["video/mp4", "video/x-m4v", "video/quicktime"] as const;
const matroska = ["video/matroska", "video/x-matroska"] as const;

const rules = {
	lecture: {
		largest: 20 * GiB,
		types: {
			"video/mp4": isoMedia,
			"video/x-m4v": isoMedia,
			"video/quicktime": isoMedia,
			"video/webm": ["video/webm"],
			"video/x-matroska": matroska,
			"video/matroska": matroska,
		} satisfies Record<(typeof videoTypes)[number], readonly string[]>,
	},
} as const satisfies Record<string, Rules>;

/** How many of a file's first bytes say of what type it is. */
export const tellingBytes = 4_100;

interface Announced {
	purpose: keyof typeof rules;
	fileSize: number;
	contentType: string;
	multipart?: boolean;
}

/**
 * Holds an announced file against what its purpose allows, sizes in bytes.
 * @returns the size of its parts where it comes in parts.
 * @throws VALIDATION_ERROR
 */
export function planOf({
	purpose,
	fileSize,
	contentType,
	multipart,
}: Announced): number | undefined {
	const { largest, types } = rules[purpose];
	if (!Object.hasOwn(types, contentType))
		throw invalidField("/contentType", "ENUM", `must be one of ${Object.keys(types).join(", ")}`);
	if (fileSize > largest) throw invalidField("/fileSize", "MAXIMUM", `must be <= ${largest}`);
	if (multipart) return partSizeOf(fileSize);
	if (fileSize > largestWhole)
		throw invalidField("/fileSize", "MAXIMUM", `must be <= ${largestWhole}, or come as multipart`);
	return undefined;
}

/** Bytes of every part but the last: 5 MiB, in whole MiB as many as make at most 1,000 parts. */
export const partSizeOf = (fileSize: number): number =>
	Math.max(smallestPart, Math.ceil(fileSize / mostParts / MiB) * MiB);

/** The bytes of each part of a file, by number from 1 at index 0; one for a file that comes whole. */
export function partsOf(fileSize: number, partSize: number = fileSize): number[] {
	const count = Math.ceil(fileSize / partSize);
	return Array.from({ length: count }, (_, i) => Math.min(partSize, fileSize - i * partSize));
}

/** Whether a file that begins with these bytes is what was announced. */
export async function isOfType(
	{ purpose, contentType }: Pick<Announced, "purpose" | "contentType">,
	first: Uint8Array,
): Promise<boolean> {
	const found = await fileTypeFromBuffer(first);
	const { types }: Rules = rules[purpose];
	return found !== undefined && (types[contentType]?.includes(found.mime) ?? false);
}
