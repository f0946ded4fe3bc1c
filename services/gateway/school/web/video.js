import { local } from "./api.js";

/** Between two tries to get a video that broke off, ms. */
const calmMs = 10_000;

/** Whether the browser plays a playlist of segments by itself. */
const playsHls = video => video.canPlayType("application/vnd.apple.mpegurl") !== "";

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
		if (videoForm !== "hls" || playsHls(video)) {
			video.src = local(videoUrl);
			return;
		}
		const { default: Hls } = await import("./hls.js");
		if (signal.aborted) return;
		if (!Hls.isSupported()) return onTrouble();
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
					video.currentTime = currentTime;
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
