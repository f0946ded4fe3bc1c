/**
 * How much farther a video is between two looks than its speed explains, s of video at normal speed, that is watching
 * still. Browsers look 4 times a second; a page that hangs looks later.
 */
const longestStep = 1.5;
/** So many stretches are told at once; the server takes no more. */
const toldAtOnce = 200;
const tenth = value => Math.round(value * 10) / 10;

/** The union of stretches `[from, to]`, in order. */
export function merged(stretches) {
	const found = [];
	for (const [from, to] of [...stretches].sort((a, b) => a[0] - b[0])) {
		const last = found.at(-1);
		if (last && from <= last[1]) last[1] = Math.max(last[1], to);
		else if (to > from) found.push([from, to]);
	}
	return found;
}

/** What of a video was watched and has not been told yet. Skipping is not watching. */
export class Watched {
	#stretches = [];
	#all = [];
	#at;
	#lookedAt = 0;

	/**
	 * The video is at `position` (s) and plays at `rate`; what went by since the last look was watched.
	 * @param now s of any clock.
	 */
	look(position, rate = 1, now = performance.now() / 1_000) {
		const from = this.#at;
		const passed = now - this.#lookedAt;
		this.#at = position;
		this.#lookedAt = now;
		if (from === undefined || position <= from) return;
		const farthest = longestStep * Math.max(rate, 1) + passed * rate;
		if (position - from <= farthest) this.#stretches.push([from, position]);
	}

	/** The video jumps, or stands still: what follows begins anew. */
	cut() {
		this.#at = undefined;
	}

	/** What is to be told, the earliest first, in tenths of a second; it is then taken for told. */
	take() {
		const stretches = merged(this.#stretches)
			.map(([from, to]) => [tenth(from), tenth(to)])
			.filter(([from, to]) => to > from);
		const told = stretches.slice(0, toldAtOnce);
		this.#stretches = stretches.slice(toldAtOnce);
		this.#all = merged([...this.#all, ...told]);
		return told;
	}

	/** The server counted fewer seconds than it was told: all of it is told again. */
	counted(seconds) {
		const told = this.#all.reduce((sum, [from, to]) => sum + to - from, 0);
		if (seconds < Math.floor(told)) this.#stretches.push(...this.#all);
	}

	/** What was taken did not arrive. */
	giveBack(stretches) {
		this.#stretches.push(...stretches);
	}
}
