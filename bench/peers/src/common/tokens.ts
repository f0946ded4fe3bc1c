import { createPublicKey } from "node:crypto";
import jwt from "jsonwebtoken";
import { publicKey } from "./bench";

export interface User {
	id: string;
	roles: readonly string[];
}

const most = 10_000;

/** Verifies ES256 access tokens; what was verified is remembered by token, its expiry looked at every time. */
export class Tokens {
	private readonly key = createPublicKey(publicKey());
	private known = new Map<string, { user: User; expires: number }>();

	/** @throws Error where the token does not hold */
	verify(token: string): User {
		const { user, expires } = this.known.get(token) ?? this.verifyNew(token);
		if (Date.now() / 1000 >= expires) throw new Error("expired");
		return user;
	}

	private verifyNew(token: string): { user: User; expires: number } {
		const claims = jwt.verify(token, this.key, {
			algorithms: ["ES256"],
			issuer: "zeolite",
			audience: "zeolite-api",
		}) as { sub: string; roles: string[]; exp: number };
		const verified = { user: { id: claims.sub, roles: claims.roles }, expires: claims.exp };
		if (this.known.size >= most) this.known = new Map();
		this.known.set(token, verified);
		return verified;
	}
}

/** The token of an `Authorization: Bearer` header. */
export const bearer = (authorization: string | undefined): string | undefined =>
	authorization?.startsWith("Bearer ") ? authorization.slice(7) : undefined;
