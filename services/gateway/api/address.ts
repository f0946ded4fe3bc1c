import { BlockList, isIP } from "node:net";

/** Proxies whose word about the client's address is believed. */
export function trustedProxies(networks: readonly string[]): BlockList {
	const list = new BlockList();
	for (const network of networks) {
		const [address, bits] = network.split("/") as [string, string?];
		const family = isIP(address) === 6 ? "ipv6" : "ipv4";
		if (bits === undefined) list.addAddress(address, family);
		else list.addSubnet(address, Number(bits), family);
	}
	return list;
}

const plain = (address: string): string =>
	address.startsWith("::ffff:") ? address.slice(7) : address;

/** The address of the client: the peer's, or the last one in `X-Forwarded-For` that no trusted proxy is. */
export function clientAddress(
	peer: string,
	forwardedFor: string | undefined,
	trusted: BlockList,
): string {
	if (!forwardedFor) return plain(peer);
	const isTrusted = (address: string) =>
		isIP(address) !== 0 && trusted.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
	const hops = [...forwardedFor.split(",").map(hop => hop.trim()), peer].map(plain);
	while (hops.length > 1 && isTrusted(hops.at(-1) as string)) hops.pop();
	const client = hops.at(-1) as string;
	return isIP(client) === 0 ? plain(peer) : client;
}

/** Whom a limit by address counts: an IPv4 address, or the /64 of an IPv6 one, all of which one client may use. */
export function networkOf(address: string): string {
	if (isIP(address) !== 6) return address;
	const [head = "", tail] = (address.split("%")[0] as string).split("::") as [string, string?];
	const groups = head === "" ? [] : head.split(":");
	const rest = tail ? tail.split(":") : [];
	const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - rest.length);
	const all = [...groups, ...Array<string>(zeros).fill("0"), ...rest];
	return `${all
		.slice(0, 4)
		.map(group => Number.parseInt(group, 16).toString(16))
		.join(":")}::/64`;
}
