/** Whether what one turn of the event loop sends is written together. */
export const isBatched = process.env.BATCHED === "on";

let queue: (() => void)[] = [];

function flush(): void {
	const all = queue;
	queue = [];
	for (const run of all) run();
}

/** Runs it at the end of this turn of the event loop, with all others of the turn. */
export function inTurn(run: () => void): void {
	if (queue.length === 0) setImmediate(flush);
	queue.push(run);
}
