/**
 * Calls that wait for their answer, by id, as the part of a `Map` that Moleculer's transit uses. A `Map` that is filled
 * and emptied all the time is built anew every few dozen entries; once one of its tables is old, garbage lives until the
 * next full collection, 5 KB for each request. An object in dictionary mode does not do that (`docs/decisions/0024`).
 */
export class PendingRequests<T> {
	#entries: Record<string, T> = Object.create(null);
	#size = 0;

	get size(): number {
		return this.#size;
	}

	get(id: string): T | undefined {
		return this.#entries[id];
	}

	has(id: string): boolean {
		return this.#entries[id] !== undefined;
	}

	set(id: string, request: T): this {
		if (this.#entries[id] === undefined) this.#size++;
		this.#entries[id] = request;
		return this;
	}

	delete(id: string): boolean {
		if (this.#entries[id] === undefined) return false;
		delete this.#entries[id];
		this.#size--;
		return true;
	}

	clear(): void {
		this.#entries = Object.create(null);
		this.#size = 0;
	}

	/** What `visit` deletes or adds meanwhile does not disturb it. */
	forEach(visit: (request: T, id: string) => void): void {
		for (const id of Object.keys(this.#entries)) {
			const request = this.#entries[id];
			if (request !== undefined) visit(request, id);
		}
	}
}
