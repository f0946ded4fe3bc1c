/** A straight line through points, by least squares. */
export interface Trend {
	/** Change of y for each 1 of x. */
	slope: number;
	/** Half of the slope's 95 % interval, by the normal distribution: good from some twenty points on. */
	within: number;
}

/** @returns slope 0, known not at all, of fewer than three points. */
export function trendOf(points: readonly [x: number, y: number][]): Trend {
	const n = points.length;
	if (n < 3) return { slope: 0, within: Number.POSITIVE_INFINITY };
	const mean = (of: (point: readonly [number, number]) => number) =>
		points.reduce((sum, point) => sum + of(point), 0) / n;
	const meanX = mean(([x]) => x);
	const meanY = mean(([, y]) => y);
	const spreadX = mean(([x]) => (x - meanX) ** 2) * n;
	const slope = (mean(([x, y]) => (x - meanX) * (y - meanY)) * n) / spreadX;
	const left = mean(([x, y]) => (y - meanY - slope * (x - meanX)) ** 2) * n;
	return { slope, within: 1.96 * Math.sqrt(left / (n - 2) / spreadX) };
}

/** The least value in each stretch of x: what of a heap is left after its collection. */
export function floorOf(
	points: readonly [x: number, y: number][],
	stretch: number,
): [x: number, y: number][] {
	const floors = new Map<number, [number, number]>();
	for (const point of points) {
		const at = Math.floor(point[0] / stretch);
		const least = floors.get(at);
		if (!least || point[1] < least[1]) floors.set(at, point);
	}
	return [...floors.values()];
}
