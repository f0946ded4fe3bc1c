const dayMs = 86_400_000;

/** The least round number of 1, 2 or 5 and zeros that is not less. */
export function roundUp(value) {
	if (value <= 0) return 1;
	const power = 10 ** Math.floor(Math.log10(value));
	return [1, 2, 5, 10].map(step => step * power).find(step => step >= value - 1e-9);
}

/** Each day from `from` to `to` (YYYY-MM-DD) with what `worth` gives for it, nothing for days that are not there. */
export function daily(from, to, days, worth) {
	const known = new Map(days.map(one => [one.day, worth(one)]));
	const all = [];
	for (let at = Date.parse(from); at <= Date.parse(to); at += dayMs) {
		const name = new Date(at).toISOString().slice(0, 10);
		all.push({ day: name, value: known.get(name) ?? 0 });
	}
	return all;
}
