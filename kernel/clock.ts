/** The only source of time: services take it from `this.clock`, so that tests can move it. */
export interface Clock {
	/** Milliseconds since the epoch. */
	now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** An instant as the ISO 8601 UTC string that documents and answers carry. */
export const iso = (ms: number): string => new Date(ms).toISOString();
