import { type Clock, iso } from "../../../kernel/clock.ts";
import {
	type Collection,
	isDuplicate,
	type OutgoingFact,
} from "../../../kernel/store/collection.ts";
import type { CredentialDoc, MailedLink } from "../../../models/identity/credential.model.ts";
import { checkedEmail } from "../email.ts";
import type { Role } from "../users/users.contract.ts";

export interface Registration {
	/** Id the user gets, unless an earlier run has left a profile behind. */
	id: string;
	email: string;
	password: string;
	name: string;
	roles: Role[];
}

/** What is stored with a new account: the link by which its address is confirmed, and the fact that has it sent. */
export interface Welcome {
	verification: MailedLink;
	facts: readonly OutgoingFact[];
}

export interface ClaimNeeds {
	credentials: Pick<Collection<CredentialDoc>, "advance">;
	/** Gives a profile left behind its name and roles, once. */
	claimProfile(claim: { id: string; name: string; roles: Role[] }): Promise<unknown>;
}

export interface RegisterNeeds extends ClaimNeeds {
	credentials: Pick<Collection<CredentialDoc>, "findOne" | "insert" | "advance">;
	clock: Clock;
	hash(password: string): Promise<string>;
	/** Makes the profile, or gives back the one that has the e-mail. */
	createProfile(profile: Omit<Registration, "password">): Promise<{ id: string }>;
	/** How a new account is welcomed; not at all where not given. */
	welcome?(userId: string): Welcome;
}

/**
 * Makes an account across two services. The profile comes first and reserves nothing but an id; whoever inserts the
 * credential, unique by e-mail, has the account. A run that was cut off before that leaves a profile that the next one
 * takes up, whatever password, name and role it brings; one cut off after it leaves an account that can be logged in
 * to. What a profile taken up is yet to be told is kept with the credential and made good by `finishClaim`.
 * @returns null when the e-mail has an account.
 * @throws VALIDATION_ERROR for what is no e-mail address.
 */
export async function register(
	needs: RegisterNeeds,
	wanted: Registration,
): Promise<CredentialDoc | null> {
	const { credentials, clock } = needs;
	const { password, ...profile } = wanted;
	const { id, name, roles } = profile;
	const email = checkedEmail(wanted.email);
	if (await credentials.findOne({ email })) return null;
	const passwordHash = await needs.hash(password);
	const made = await needs.createProfile(profile);
	const { verification, facts = [] }: Partial<Welcome> = needs.welcome?.(made.id) ?? {};
	try {
		const credential = await credentials.insert(
			{
				id: made.id,
				email,
				passwordHash,
				createdAt: iso(clock.now()),
				...(made.id !== id && { claim: { name, roles } }),
				...(verification && { verification }),
			},
			facts,
		);
		await finishClaim(needs, credential);
		return credential;
	} catch (error) {
		if (isDuplicate(error)) return null;
		throw error;
	}
}

/** Tells a profile that was taken up its name and roles, where that was cut off. Before any token is issued. */
export async function finishClaim(
	{ credentials, claimProfile }: ClaimNeeds,
	{ id, claim }: CredentialDoc,
): Promise<void> {
	if (!claim) return;
	await claimProfile({ id, ...claim });
	await credentials.advance({ id }, { $unset: { claim: true } });
}
