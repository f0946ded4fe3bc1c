import { local } from "./api.js";

/** Between two tries to get a video that broke off, ms. */
const calmMs = 10_000;

/**
 * Lets a video element play `source`.
 * @param source `{videoUrl, videoForm, thumbnailUrl?}`. @param ask for a fresh one, as its addresses end soon.
 * @param onTrouble is told when it cannot be played.
 */
export function attach(video, source, { ask, onTrouble, signal }) {
	let player;
	let triedAt = Number.NEGATIVE_INFINITY;

	async function load({ videoUrl, videoForm, thumbnailUrl }) {
		player?.destroy();
		player = undefined;
		if (thumbnailUrl) video.poster = local(thumbnailUrl);
		const Hls = videoForm === "hls" ? (await import("./hls.js")).default : undefined;
		if (signal.aborted) return;
		// Where a browser plays streams by itself, too, some do so only in part: that is for those that leave nothing else.
		if (!Hls?.isSupported()) {
			video.src = local(videoUrl);
			return;
		}
		// A worker would need scripts made of text, which the page's policy forbids.
		player = new Hls({ enableWorker: false });
		player.on(Hls.Events.ERROR, (_event, { fatal }) => fatal && void again());
		player.loadSource(videoUrl);
		player.attachMedia(video);
	}

	/** The address may be over: a fresh one goes on where it broke off. */
	async function again() {
		if (signal.aborted) return;
		if (performance.now() - triedAt < calmMs) return onTrouble();
		triedAt = performance.now();
		const { currentTime, paused } = video;
		try {
			const fresh = await ask();
			if (signal.aborted || !fresh.videoUrl) return onTrouble();
			await load(fresh);
			video.addEventListener(
				"loadedmetadata",
				() => {
					if (currentTime > 0) video.currentTime = currentTime;
					if (!paused) video.play().catch(() => {});
				},
				{ once: true, signal },
			);
		} catch {
			onTrouble();
		}
	}

	video.addEventListener("error", () => void again(), { signal });
	signal.addEventListener("abort", () => {
		video.pause();
		player?.destroy();
		video.removeAttribute("src");
		video.load();
	});
	load(source).catch(onTrouble);
}
