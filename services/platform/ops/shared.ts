/**
 * Asks once for all who ask at the same time or within `ms` after: ten pages that look at a mesh load it like one. What
 * failed is asked anew.
 */
export function shared<T>(ms: number, ask: () => Promise<T>): () => Promise<T> {
	let last: { at: number; answer: Promise<T> } | undefined;
	return () => {
		if (last && performance.now() - last.at < ms) return last.answer;
		const made = { at: performance.now(), answer: ask() };
		last = made;
		made.answer.catch(() => {
			if (last === made) last = undefined;
		});
		return made.answer;
	};
}
