/** Files longer than this go in parts, each of which can be sent again, bytes. */
const longestWhole = 8 * 1_024 * 1_024;
const firstWaitMs = 1_000;
const longestWaitMs = 15_000;
const atOnce = 2;

/** The bytes did not arrive; `status` 0 where the connection broke. */
export class SendError extends Error {
	constructor(status) {
		super(`the bytes were answered with ${status}`);
		this.status = status;
	}
}

/** Whether trying the same again may go better. */
const mayPass = error => error.status === 0 || error.status === 429 || error.status >= 500;

const isGone = error => error.status === 404 || error.status === 409;

/** Whether an upload that broke off was of this file. */
export const isSame = (begun, { name, size, lastModified }) =>
	begun !== undefined &&
	begun.name === name &&
	begun.size === size &&
	begun.lastModified === lastModified;

/** Numbers of the parts that are still to be sent. */
export const missing = ({ partCount, parts }) => {
	const there = new Set(parts.map(({ number }) => number));
	return Array.from({ length: partCount }, (_, i) => i + 1).filter(number => !there.has(number));
};

/**
 * Uploads the video of a lecture, through lost connections, and confirms it.
 * @param needs.api `get` and `post`. @param needs.send `(url, blob, onBytes, signal)` PUTs bytes, rejects with SendError.
 * @param needs.wait `(ms, signal)` until then, or until the connection is back.
 * @param needs.begun an upload of this file that broke off. @param needs.remember is given what goes on later by.
 * @param needs.onBytes is told how many bytes are there; needs.onState `sending`, `waiting`, `confirming`.
 * @returns the lecture's video, as the API answers. @throws Problem, SendError
 */
export async function upload(lectureId, file, needs) {
	const { api, send, wait, remember, onBytes, onState, signal } = needs;
	const contentType = file.type || "video/mp4";
	const announce = () =>
		api.post(`/api/lectures/${lectureId}/upload`, {
			fileName: file.name,
			fileSize: file.size,
			contentType,
			...(file.size > longestWhole && { multipart: true }),
		});

	/** Does something until it is done, later and later, as long as only the way to the server fails. */
	async function insist(work) {
		let waitMs = firstWaitMs;
		for (;;) {
			signal.throwIfAborted();
			try {
				return await work();
			} catch (error) {
				if (signal.aborted || !mayPass(error)) throw error;
				onState("waiting");
				await wait(waitMs, signal);
				waitMs = Math.min(waitMs * 2, longestWaitMs);
				onState("sending");
			}
		}
	}

	async function sendParts(fileId) {
		for (;;) {
			const known = await insist(() => api.get(`/api/files/${fileId}/parts`));
			const left = missing(known);
			if (left.length === 0) return;
			const sizes = new Map();
			const there = known.parts.reduce((sum, { size }) => sum + size, 0);
			const tell = () => onBytes(there + [...sizes.values()].reduce((a, b) => a + b, 0));
			tell();
			try {
				await sendSome(fileId, left, known.partSize, (number, bytes) => {
					sizes.set(number, bytes);
					tell();
				});
			} catch (error) {
				if (signal.aborted || !(mayPass(error) || error.status === 403)) throw error;
				// Which parts did arrive, the server knows.
				onState("waiting");
				await wait(firstWaitMs, signal);
				onState("sending");
			}
		}
	}

	async function sendSome(fileId, numbers, partSize, onPart) {
		const queue = numbers.slice(0, 20);
		const { parts } = await insist(() =>
			api.post(`/api/files/${fileId}/parts`, { numbers: queue }),
		);
		const next = () => parts.shift();
		const worker = async () => {
			for (let part = next(); part; part = next()) {
				const { number, url } = part;
				const from = (number - 1) * partSize;
				await send(url, file.slice(from, from + partSize), bytes => onPart(number, bytes), signal);
			}
		};
		await Promise.all(Array.from({ length: atOnce }, worker));
	}

	async function sendWhole() {
		const ticket = await insist(announce);
		remember({ fileId: ticket.fileId });
		await send(ticket.uploadUrl, file, onBytes, signal, contentType);
		return ticket.fileId;
	}

	async function inParts() {
		const { begun } = needs;
		if (begun?.partSize)
			try {
				await sendParts(begun.fileId);
				return begun.fileId;
			} catch (error) {
				// It was swept, or another one took its place: from the beginning.
				if (!isGone(error)) throw error;
			}
		const ticket = await insist(announce);
		const { fileId, partSize } = ticket;
		remember({ fileId, partSize });
		await sendParts(fileId);
		return fileId;
	}

	onState("sending");
	const fileId = await (file.size > longestWhole ? inParts() : insist(sendWhole));
	onState("confirming");
	const video = await insist(() =>
		api.post(`/api/lectures/${lectureId}/confirm-upload`, { fileId }),
	);
	remember(undefined);
	return video;
}
