import { setTimeout as pause } from "node:timers/promises";
import type { Clock } from "../../../kernel/clock.ts";
import type { Ctx } from "../../../kernel/contract.ts";
import { problem } from "../../../kernel/errors.ts";
import { fact } from "../../../kernel/facts/fact.ts";
import { idFor } from "../../../kernel/ids.ts";
import type { Collection } from "../../../kernel/store/collection.ts";
import type { CredentialDoc } from "../../../models/identity/credential.model.ts";
import { auth } from "./auth.contract.ts";
import {
	issueToken,
	newLink,
	type Purpose,
	requestLink,
	spendReset,
	standingOf,
} from "./mail-links.ts";
import type { Welcome } from "./register.ts";

/** The school's pages that mails lead to. What follows # is sent to no server and stands in no log. */
const pages = { reset: "/school#/reset", verification: "/school#/verify-email" } as const;

/** An answer about an address takes this long, whatever there is to be done for it, ms. */
const forgotMs = 150;

/** Does something and takes at least `ms` for it. */
const atLeast = async (ms: number, work: () => Promise<void>): Promise<void> =>
	void (await Promise.all([work(), pause(ms)]));

export interface AccountLinksNeeds {
	credentials: Pick<Collection<CredentialDoc>, "get" | "findOne" | "advance">;
	clock: Clock;
	/** Where the school is reached, without a slash at its end. */
	publicUrl: string;
	hash(password: string): Promise<string>;
}

/** What a request of an account leads to by mail: another password, or an address that is confirmed. */
export class AccountLinks {
	readonly #needs: AccountLinksNeeds;

	constructor(needs: AccountLinksNeeds) {
		this.#needs = needs;
	}

	/** A link by which a user confirms their address, and the fact that has it sent. */
	welcome(ctx: Ctx, userId: string): Welcome {
		const { clock } = this.#needs;
		const linkId = idFor(ctx, "lnk");
		const told = { userId, linkId };
		return {
			verification: newLink(linkId, "verification", clock.now()),
			facts: [fact(ctx, clock, auth, "account.verification_requested", told)],
		};
	}

	/** Has a link sent by which whoever reads this address's mail sets another password; takes as long for nobody's. */
	async forgot(ctx: Ctx, email: string): Promise<void> {
		const { credentials, clock } = this.#needs;
		await atLeast(forgotMs, async () => {
			const found = await credentials.findOne({ email });
			const linkId = idFor(ctx, "lnk");
			const told = { userId: found?.id ?? "", linkId };
			const link = newLink(linkId, "reset", clock.now());
			await requestLink(credentials, found, "reset", link, [
				fact(ctx, clock, auth, "account.reset_requested", told),
			]);
		});
	}

	/**
	 * Gives the account of a reset token another password, once.
	 * @returns the user's id.
	 * @throws RESET_TOKEN_EXPIRED, RESET_TOKEN_INVALID
	 */
	async reset(ctx: Ctx, token: string, password: string): Promise<string> {
		const { credentials, clock, hash } = this.#needs;
		const now = clock.now();
		const { standing, userId } = await standingOf(credentials, "reset", token, now);
		if (standing === "expired") throw problem(auth, "RESET_TOKEN_EXPIRED");
		if (standing === "invalid") throw problem(auth, "RESET_TOKEN_INVALID");
		const passwordHash = await hash(password);
		const spent = await spendReset(credentials, token, passwordHash, now, id => [
			fact(ctx, clock, auth, "account.password_changed", { userId: id }),
		]);
		if (!spent) throw problem(auth, "RESET_TOKEN_INVALID");
		return userId;
	}

	/**
	 * The user whose address a verification token proves.
	 * @throws VERIFICATION_TOKEN_EXPIRED, VERIFICATION_TOKEN_INVALID
	 */
	async proven(token: string): Promise<string> {
		const { credentials, clock } = this.#needs;
		const { standing, userId } = await standingOf(credentials, "verification", token, clock.now());
		if (standing === "expired") throw problem(auth, "VERIFICATION_TOKEN_EXPIRED");
		if (standing === "invalid") throw problem(auth, "VERIFICATION_TOKEN_INVALID");
		return userId;
	}

	/** Has another link sent by which a user confirms their address; none within 60 s of the last. */
	async welcomeAgain(ctx: Ctx, id: string): Promise<void> {
		const { verification, facts } = this.welcome(ctx, id);
		await requestLink(this.#needs.credentials, { id }, "verification", verification, facts);
	}

	/** A link as one mail carries it, with a token of its own; null where it is not wanted any more. */
	async url(purpose: Purpose, userId: string, linkId: string): Promise<string | null> {
		const { credentials, clock, publicUrl } = this.#needs;
		const token = await issueToken(credentials, clock, purpose, userId, linkId);
		return token && `${publicUrl}${pages[purpose]}?token=${token}`;
	}
}
