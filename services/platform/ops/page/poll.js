const longestMs = 30_000;

/**
 * Does `work` each `everyMs` while somebody looks; after a failure later and later, up to 30 s.
 * @param work rejects where it failed. @param onDelay is told when the next try is, ms from now.
 */
export function poll(everyMs, work, onDelay = () => {}) {
	let timer;
	let waitMs = everyMs;
	let isOn = false;
	let isBusy = false;

	async function turn() {
		clearTimeout(timer);
		if (!isOn || isBusy || document.hidden) return;
		isBusy = true;
		try {
			await work();
			waitMs = everyMs;
		} catch {
			waitMs = Math.min(waitMs * 2, longestMs);
			onDelay(waitMs);
		}
		isBusy = false;
		if (isOn) timer = setTimeout(turn, waitMs);
	}

	const again = () => {
		waitMs = everyMs;
		void turn();
	};
	document.addEventListener("visibilitychange", again);
	addEventListener("online", again);
	return {
		start() {
			isOn = true;
			again();
		},
		stop() {
			isOn = false;
			clearTimeout(timer);
		},
		/** At once. */
		now: again,
	};
}
