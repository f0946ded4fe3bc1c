import type { Caller } from "../../../../kernel/contract.ts";
import { within } from "../../../../kernel/within.ts";
import { durationOf, type ReadBytes } from "../duration.ts";
import type { Asset, VideoProvider } from "./port.ts";

const readWithinMs = 5_000;
/** A range of one file is read by one request, so small reads are served from what came with the last. */
const leastBytes = 4_096;

/** Reads ranges of what a link opens. @throws Error where it does not serve ranges. */
function reader(url: string): ReadBytes {
	let last = { offset: 0, bytes: Buffer.alloc(0) };
	return async (offset, length) => {
		const from = offset - last.offset;
		if (from >= 0 && from + length <= last.bytes.length)
			return last.bytes.subarray(from, from + length);
		const end = offset + Math.max(length, leastBytes) - 1;
		const response = await fetch(url, {
			headers: { range: `bytes=${offset}-${end}` },
			signal: AbortSignal.timeout(readWithinMs),
		});
		if (response.status !== 206) {
			await response.body?.cancel();
			throw new Error(`a range was answered by ${response.status}`);
		}
		last = { offset, bytes: Buffer.from(await response.arrayBuffer()) };
		return last.bytes.subarray(0, length);
	};
}

/** The sandbox: the uploaded file itself is the video, ready at once; how long it is, where its header tells. */
export function sandboxProvider(mesh: Caller): VideoProvider {
	async function assetOf(fileId: string): Promise<Asset> {
		const duration = await within(readWithinMs, measure(fileId)).catch(() => undefined);
		return {
			id: fileId,
			status: "ready",
			playbackId: fileId,
			...(duration !== undefined && { duration }),
		};
	}

	async function measure(fileId: string): Promise<number | undefined> {
		const [{ fileSize }, { url }] = await Promise.all([
			mesh.call("files.find", { id: fileId }),
			mesh.call("files.link", { id: fileId, seconds: 60 }),
		]);
		return durationOf(reader(url), fileSize);
	}

	return {
		name: "sandbox",
		create: async ({ fileId }) => ({ asset: await assetOf(fileId) }),
		findBy: async () => [],
		fetch: assetOf,
		remove: async () => {},
		async play({ fileId }, seconds) {
			const { url, expiresAt } = await mesh.call("files.link", { id: fileId, seconds });
			return { videoUrl: url, form: "file", expiresAt };
		},
	};
}
