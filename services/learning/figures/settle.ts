/**
 * Writes what follows from other documents, and looks again until what was written is what follows: of two that run at
 * once, whoever wrote the older value sees so. Who dies in between is run again by the fact that it has no receipt for.
 * @param derive gives the same text as JSON for the same state.
 */
export async function settle<V>(
	derive: () => Promise<V>,
	write: (value: V) => Promise<unknown>,
): Promise<V> {
	for (let written: string | undefined; ; ) {
		const value = await derive();
		const text = JSON.stringify(value);
		if (text === written) return value;
		await write(value);
		written = text;
	}
}
