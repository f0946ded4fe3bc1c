import type { CallingOptions } from "moleculer";
import type { Clock } from "../clock.ts";
import { codeOf } from "../errors.ts";

/** What the action that signs an operator in answers with. */
export interface SignedIn {
	user: { id: string; email: string; roles: readonly string[] };
	accessToken: string;
	/** Life of the token, seconds. */
	expiresIn: number;
}

type User = SignedIn["user"];

/** As whom the operator at the prompt calls. */
export type Who =
	| { kind: "nobody" }
	| { kind: "service"; name: string }
	| { kind: "user"; user: User; token?: string; expiresAt: number };

/** A token is renewed this long before it expires. */
const marginMs = 30_000;

export interface OperatorOptions {
	call(action: string, params: object, options?: CallingOptions): Promise<unknown>;
	/** The mesh-internal action that takes `{email}` and answers `SignedIn`. */
	signIn: string;
	clock: Clock;
}

/** Who sits at the prompt: nobody, a user, or another system's server. Calls made through it carry who that is. */
export class Operator {
	readonly #options: OperatorOptions;
	#who: Who = { kind: "nobody" };

	constructor(options: OperatorOptions) {
		this.#options = options;
	}

	get who(): Who {
		return this.#who;
	}

	becomeNobody(): void {
		this.#who = { kind: "nobody" };
	}

	becomeService(name: string): void {
		this.#who = { kind: "service", name };
	}

	/** Signs the user with this e-mail in. @throws what the sign-in throws; who it was before stays. */
	async becomeUser(email: string): Promise<void> {
		this.#who = await this.#signIn(email);
	}

	/**
	 * Calls an action as who sits here, signing in again where the token is about to expire or was refused. Headers that
	 * are given go as they are.
	 */
	async call(action: string, params: object, options: CallingOptions = {}): Promise<unknown> {
		if (options.headers) return this.#options.call(action, params, options);
		const headers = await this.#headers();
		try {
			return await this.#options.call(action, params, { ...options, headers });
		} catch (error) {
			if (codeOf(error) === "UNAUTHENTICATED" && this.#who.kind === "user")
				this.#who = { ...this.#who, token: undefined };
			throw error;
		}
	}

	async #headers(): Promise<Record<string, string>> {
		const who = this.#who;
		if (who.kind === "nobody") return {};
		if (who.kind === "service") return { service: who.name };
		if (who.token && this.#options.clock.now() < who.expiresAt - marginMs)
			return { token: who.token };
		const renewed = await this.#signIn(who.user.email);
		this.#who = renewed;
		return { token: renewed.token };
	}

	async #signIn(email: string) {
		const { call, signIn, clock } = this.#options;
		const answer = await call(signIn, { email }, { headers: { userAgent: "Zeolite REPL" } });
		const { user, accessToken, expiresIn } = answer as SignedIn;
		const expiresAt = clock.now() + expiresIn * 1_000;
		return { kind: "user" as const, user, token: accessToken, expiresAt };
	}
}
