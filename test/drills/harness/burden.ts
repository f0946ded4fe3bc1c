/**
 * Preloaded into the processes of a drill. SIGUSR2: it holds 350 MB more, as a leak would. SIGWINCH: each turn of its
 * event loop takes 250 ms, until the next one.
 */
const leak: Buffer[] = [];
let isBusy = false;

process.on("SIGUSR2", () => leak.push(Buffer.alloc(350 * 2 ** 20, 1)));

function busy(): void {
	const until = performance.now() + 250;
	while (performance.now() < until);
	if (isBusy) setImmediate(busy);
}

process.on("SIGWINCH", () => {
	isBusy = !isBusy;
	if (isBusy) busy();
});

export {};
