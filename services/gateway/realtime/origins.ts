/** What a handshake says of where it comes from. */
export interface Handshake {
	/** Of the page, where a browser asks. */
	origin?: string | undefined;
	host?: string | undefined;
}

/** Whether a page may open a socket here: one of this gateway's own, or of an origin that is let in. */
export function isAllowedOrigin(
	{ origin, host }: Handshake,
	allowed: readonly string[],
	publicUrl: string,
): boolean {
	if (origin === undefined || allowed.includes(origin)) return true;
	if (!URL.canParse(origin)) return false;
	const { protocol, host: from } = new URL(origin);
	if (!["http:", "https:"].includes(protocol)) return false;
	return from === host || origin === new URL(publicUrl).origin;
}
