import { get, local, post } from "./api.js";
import { wordsOf } from "./problems.js";
import { user } from "./session.js";
import { isSame, SendError, upload } from "./upload.js";

/** Uploads go on while one looks at other pages. By lecture: `{name, size, bytes, state, problem}`. */
const running = new Map();
const listeners = new Set();

export const onUploads = listener => {
	listeners.add(listener);
	return () => listeners.delete(listener);
};

const tell = lectureId => {
	for (const listener of listeners) listener(lectureId);
};

const placeOf = lectureId => `zeolite.upload.${user()?.id}.${lectureId}`;

/** What is known of an upload that broke off with an earlier page. */
export function begunOf(lectureId) {
	return JSON.parse(localStorage.getItem(placeOf(lectureId)) ?? "null") ?? undefined;
}

/** How an upload stands that this page makes. */
export const uploadOf = lectureId => running.get(lectureId);

/** Sends bytes by PUT and tells how many have gone out, which fetch does not. */
const send = (url, blob, onBytes, signal, contentType) =>
	new Promise((resolve, reject) => {
		const request = new XMLHttpRequest();
		request.open("PUT", local(url));
		if (contentType) request.setRequestHeader("content-type", contentType);
		request.upload.addEventListener("progress", ({ loaded }) => onBytes(loaded));
		const fail = () => reject(new SendError(request.status));
		request.addEventListener("load", () => (request.status < 300 ? resolve() : fail()));
		request.addEventListener("error", fail);
		request.addEventListener("abort", fail);
		signal.addEventListener("abort", () => request.abort(), { once: true });
		request.send(blob);
	});

/** Waits; not longer than until the connection is back. */
const wait = (ms, signal) =>
	new Promise(resolve => {
		const done = () => {
			clearTimeout(timer);
			removeEventListener("online", done);
			resolve();
		};
		const timer = setTimeout(done, ms);
		addEventListener("online", done);
		signal.addEventListener("abort", done, { once: true });
	});

const words = error => {
	if (error.status === 422 && !("code" in error))
		return "The file is not what it says it is. Choose another.";
	return "code" in error ? wordsOf(error) : "The upload broke off. Choose the file again to go on.";
};

/** Begins to upload a file for a lecture, or goes on with one that broke off. Gives back its video, or nothing. */
export async function begin(lectureId, file) {
	running.get(lectureId)?.controller.abort();
	const controller = new AbortController();
	const entry = { name: file.name, size: file.size, bytes: 0, state: "sending", controller };
	running.set(lectureId, entry);
	const change = more => {
		if (running.get(lectureId) !== entry) return;
		Object.assign(entry, more);
		tell(lectureId);
	};
	const { name, size, lastModified } = file;
	const begun = begunOf(lectureId);
	const place = placeOf(lectureId);
	const remember = ticket => {
		if (ticket)
			localStorage.setItem(place, JSON.stringify({ ...ticket, name, size, lastModified }));
		else localStorage.removeItem(place);
	};
	tell(lectureId);
	try {
		const video = await upload(lectureId, file, {
			api: { get, post },
			send,
			wait,
			remember,
			begun: isSame(begun, file) ? begun : undefined,
			onBytes: bytes => change({ bytes }),
			onState: state => change({ state }),
			signal: controller.signal,
		});
		running.delete(lectureId);
		tell(lectureId);
		return video;
	} catch (error) {
		if (controller.signal.aborted) return undefined;
		change({ state: "failed", problem: words(error) });
		return undefined;
	}
}

/** Ends an upload; what is there of it stays, for who goes on. */
export function cancel(lectureId) {
	running.get(lectureId)?.controller.abort();
	running.delete(lectureId);
	tell(lectureId);
}

addEventListener("beforeunload", event => {
	const isBusy = [...running.values()].some(({ state }) => state !== "failed");
	if (isBusy) event.preventDefault();
});
