/**
 * What NATS publishes under `$SYS.ACCOUNT.<account>.CONNECT` and `….DISCONNECT`, as far as it is read here.
 * https://docs.nats.io/running-a-nats-service/configuration/sys_accounts
 */
export interface Advisory {
	server: { id: string };
	client: { id: number; name?: string };
	/** Why the connection ended. */
	reason?: string;
}

const keyOf = ({ server, client }: Advisory): string => `${server.id}/${client.id}`;

/**
 * The connections that were seen to open, by name. NATS may notice the end of an old connection after its node has
 * opened a new one; that node is not dead.
 */
export class Connections {
	readonly #open = new Map<string, Set<string>>();

	connected(advisory: Advisory): void {
		const { name } = advisory.client;
		if (!name) return;
		const open = this.#open.get(name) ?? new Set();
		this.#open.set(name, open.add(keyOf(advisory)));
	}

	/** @returns the name whose last connection this was, as far as is known. */
	disconnected(advisory: Advisory): string | undefined {
		const { name } = advisory.client;
		if (!name) return undefined;
		const open = this.#open.get(name);
		open?.delete(keyOf(advisory));
		if (open && open.size > 0) return undefined;
		this.#open.delete(name);
		return name;
	}

	/** Whatever was seen may be over: advisories were missed. */
	forget(): void {
		this.#open.clear();
	}
}
