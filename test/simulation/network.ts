import { Errors } from "moleculer";
import type { SimulatedNode } from "./node.ts";
import type { Owner, Scheduler } from "./scheduler.ts";

export interface Answered {
	value: unknown;
	/** Status that the action chose. */
	status: number | undefined;
}

interface Wire {
	message: string;
	code?: number;
	type?: string;
	data?: unknown;
	retryable?: boolean;
}

const copied = <T>(value: T): T =>
	value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T);

/** An error as it arrives on another node: its class is lost. */
function overTheWire(error: unknown): Error {
	const { message, code = 500, type, data, retryable = false } = error as Wire;
	const arrived = new Errors.MoleculerError(message, code, type ?? "", copied(data));
	return Object.assign(arrived, { retryable, cause: error, ...(type === undefined && { type }) });
}

interface Call {
	target: SimulatedNode;
	/** The caller hears that nobody answers. */
	abandon(): void;
}

/** Calls between processes: some never arrive, of some the answer does not, some take longer than their caller waits. */
export class Network {
	readonly #scheduler: Scheduler;
	readonly #nodes: () => readonly SimulatedNode[];
	readonly #underWay = new Set<Call>();

	readonly #answered: (node: SimulatedNode) => void;

	/** @param answered told when a process has done what it was asked for, before anybody hears of it. */
	constructor(
		scheduler: Scheduler,
		nodes: () => readonly SimulatedNode[],
		answered: (node: SimulatedNode) => void,
	) {
		this.#scheduler = scheduler;
		this.#nodes = nodes;
		this.#answered = answered;
	}

	call(from: Owner, action: string, params: object, headers: object): Promise<Answered> {
		const scheduler = this.#scheduler;
		const sent = copied({ params, headers });
		const words = () => `calls ${action} ${JSON.stringify(sent.params)}`;
		return new Promise((resolve, reject) => {
			const timeOut = () => reject(new Errors.RequestTimeoutError({ action, nodeID: "a node" }));
			const deliver = (answer: (outcome: () => void, words: string) => void) => {
				const target = this.#whoRuns(action);
				if (!target) {
					const away = new Errors.ServiceNotFoundError({ action });
					return answer(() => reject(away), `nobody runs ${action}`);
				}
				const abandon = () => answer(timeOut, `${action} is not answered: ${target.name} died`);
				const call = { target, abandon };
				this.#underWay.add(call);
				scheduler.note(target, () => `is asked for ${action}`);
				scheduler.owner = target;
				const run = target.run(action, sent.params, sent.headers);
				run.answer.then(
					value => {
						if (!this.#underWay.delete(call)) return;
						const answered = { value: copied(value), status: run.meta.$statusCode };
						if (scheduler.mishap(0.03)) answer(timeOut, `the answer to ${action} is lost`);
						else answer(() => resolve(answered), `hears ${JSON.stringify(answered.value)}`);
						this.#answered(target);
					},
					error => {
						if (this.#underWay.delete(call))
							answer(() => reject(overTheWire(error)), `hears ${(error as Error).message}`);
					},
				);
				if (scheduler.mishap(0.02)) answer(timeOut, `waits no longer for ${action}`);
			};
			const hear = (go: () => void, said: string) =>
				scheduler.add({ owner: from, words: () => said, go });
			scheduler.add({
				owner: from,
				words,
				go: () => (scheduler.mishap(0.03) ? timeOut() : deliver(hear)),
				orphan: () => deliver(() => {}),
			});
		});
	}

	/** A process died: whoever waits for its answers hears of none. */
	lose(node: SimulatedNode): void {
		for (const call of [...this.#underWay])
			if (call.target === node && this.#underWay.delete(call)) call.abandon();
	}

	#whoRuns(action: string): SimulatedNode | undefined {
		const service = action.split(".")[0] as string;
		const able = this.#nodes().filter(node => node.isUp && node.services.has(service));
		return able.length > 0 ? this.#scheduler.pick(able) : undefined;
	}
}
