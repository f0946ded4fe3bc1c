import { randomBytes } from "node:crypto";

const slots = 4_096;

/**
 * Makes the ids of calls: unique in the mesh by what they begin with, and counted, by which `PendingRequests` finds them.
 * @returns a generator for one broker
 */
export function callIds(): () => string {
	const prefix = randomBytes(6).toString("base64url");
	let made = 0;
	return () => `${prefix}~${(made++).toString(36)}`;
}

const radix = 36;
const tilde = 0x7e;
const nine = 0x39;

/** Where a call of this id lies: by the number after its `~`; NaN for an id of another form. */
function slotOf(id: string): number {
	let slot = 0;
	let weight = 1;
	for (let i = id.length - 1; i >= 0; i--) {
		const code = id.charCodeAt(i);
		if (code === tilde) return slot % slots;
		const digit = code <= nine ? code - 0x30 : code - 0x57;
		if (digit < 0 || digit >= radix) return Number.NaN;
		slot += digit * weight;
		weight = (weight * radix) % slots;
	}
	return Number.NaN;
}

/**
 * Calls that wait for their answer, by id, as the part of a `Map` that Moleculer's transit uses. A `Map` that is filled
 * and emptied all the time is built anew every few dozen entries, and an object's keys are entered into a table of all
 * strings there are; here a call lies where its number says (`docs/decisions/0024-the-fast-path.md`).
 */
export class PendingRequests<T> {
	readonly #slots: ({ id: string; request: T } | undefined)[] = new Array(slots).fill(undefined);
	/** Those whose place is taken, and those that were not numbered. */
	readonly #others = new Map<string, T>();
	#inSlots = 0;

	get size(): number {
		return this.#inSlots + this.#others.size;
	}

	get(id: string): T | undefined {
		const entry = this.#slots[slotOf(id)];
		return entry?.id === id ? entry.request : this.#others.get(id);
	}

	has(id: string): boolean {
		return this.get(id) !== undefined;
	}

	set(id: string, request: T): this {
		const slot = slotOf(id);
		const entry = this.#slots[slot];
		if (Number.isNaN(slot) || this.#others.has(id) || (entry && entry.id !== id)) {
			this.#others.set(id, request);
			return this;
		}
		if (!entry) this.#inSlots++;
		this.#slots[slot] = { id, request };
		return this;
	}

	delete(id: string): boolean {
		const slot = slotOf(id);
		if (this.#slots[slot]?.id !== id) return this.#others.delete(id);
		this.#slots[slot] = undefined;
		this.#inSlots--;
		return true;
	}

	clear(): void {
		this.#slots.fill(undefined);
		this.#inSlots = 0;
		this.#others.clear();
	}

	/** What `visit` deletes meanwhile it is not shown. */
	forEach(visit: (request: T, id: string) => void): void {
		for (const entry of this.#slots) if (entry) visit(entry.request, entry.id);
		this.#others.forEach(visit);
	}
}
