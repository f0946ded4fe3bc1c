/**
 * Where and how NATS is reached, for the transporter and for facts alike. Credentials are handed over decoded, since
 * Moleculer would send `%40` as it stands in the URL; `tls://` demands TLS. A lost link is redialled for ever.
 * @param urls `nats://` or `tls://`, comma separated; credentials and TLS are the first one's.
 * @param name of the connection, as NATS shows it.
 */
export function natsLink(urls: string, name: string) {
	const parsed = urls.split(",").map(url => new URL(url));
	const [first] = parsed as [URL, ...URL[]];
	return {
		servers: parsed.map(url => url.host),
		name,
		...(first.username && {
			user: decodeURIComponent(first.username),
			pass: decodeURIComponent(first.password),
		}),
		...(first.protocol === "tls:" && { tls: {} }),
		reconnectTimeWait: 250,
		maxReconnectAttempts: -1,
		ignoreAuthErrorAbort: true,
		pingInterval: 5_000,
		maxPingOut: 2,
		waitOnFirstConnect: true,
	};
}

/** What NATS shows the link of a node as; the sentinel reads it off an advisory. */
export const linkName = (namespace: string, nodeID: string): string => `${namespace}.${nodeID}`;

/** The node whose link bears this name; undefined for a link of something else. */
export const nodeOfLink = (namespace: string, name: string): string | undefined =>
	name.startsWith(`${namespace}.`) ? name.slice(namespace.length + 1) : undefined;
