import type { World } from "./world.ts";

/** What the command line asks of a bench. */
export interface Options {
	seed: number;
	/** How often everything is measured; the bench's own number where not given. */
	rounds: number | undefined;
	/** Length of a slice of load, whole seconds. */
	seconds: number | undefined;
	/** Connections of the closed loop. */
	connections: readonly number[] | undefined;
	/** Ids of the variants; all where not given. */
	variants: readonly string[] | undefined;
	/** Tiny, without wrk and peers: shows that it works, measures nothing. */
	small: boolean;
	/** Of the gateway bench: where the time goes, in place of how much of it. */
	profile: boolean;
	/** Keeps a run of other sizes than the defaults in `bench/results`, too. */
	keep: boolean;
	say(line: string): void;
}

/** Whether a run is of the default size, so that its figures may be cited. */
export const isWhole = ({
	rounds,
	seconds,
	connections,
	variants,
	small,
	keep,
}: Options): boolean =>
	!small && (keep || [rounds, seconds, connections, variants].every(value => value === undefined));

/** What a bench is given. */
export interface Stage {
	options: Options;
	world: World;
	natsUrl: string;
	/** CPU time of nats-server so far, µs; 0 where it is not ours. */
	natsCpu(): number;
}
