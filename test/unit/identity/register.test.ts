import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../../../kernel/clock.ts";
import type { Collection } from "../../../kernel/store/collection.ts";
import { type CredentialDoc, CredentialModel } from "../../../models/identity/credential.model.ts";
import {
	finishClaim,
	type RegisterNeeds,
	type Registration,
	register,
} from "../../../services/identity/auth/register.ts";
import type { Role } from "../../../services/identity/users/users.contract.ts";
import { memoryCollection } from "../../support/memory.ts";

interface Profile {
	id: string;
	email: string;
	name: string;
	roles: Role[];
	claimed?: boolean;
}

const clock: Clock = { now: () => 1_750_000_000_000 };

/** The users service, as its contract says. */
class Profiles {
	readonly byEmail = new Map<string, Profile>();

	async create(profile: Profile): Promise<Profile> {
		const there = this.byEmail.get(profile.email);
		if (there) return there;
		this.byEmail.set(profile.email, { ...profile });
		return profile;
	}

	async claim({ id, name, roles }: Pick<Profile, "id" | "name" | "roles">): Promise<void> {
		const profile = [...this.byEmail.values()].find(p => p.id === id);
		if (profile && !profile.claimed) Object.assign(profile, { name, roles, claimed: true });
	}
}

class Crash extends Error {}

/** Two services whose `crashAt`-th step (0: the first) ends the process before it is done, or right after. */
async function system() {
	const profiles = new Profiles();
	const credentials = await memoryCollection(CredentialModel);
	const needs = (crashAt = Number.POSITIVE_INFINITY, done = false): RegisterNeeds => {
		let steps = 0;
		let dead = false;
		const step =
			<A extends unknown[], R>(run: (...args: A) => Promise<R>) =>
			async (...args: A): Promise<R> => {
				if (dead || (steps === crashAt && !done)) {
					dead = true;
					throw new Crash();
				}
				const result = await run(...args);
				if (steps++ === crashAt) {
					dead = true;
					throw new Crash();
				}
				return result;
			};
		return {
			clock,
			hash: step(async password => `hash of ${password}`),
			createProfile: step(async profile => profiles.create(profile)),
			claimProfile: step(async claim => profiles.claim(claim)),
			credentials: {
				findOne: step((...args) => credentials.findOne(...args)),
				insert: step((...args) => credentials.insert(...args)),
				advance: step((...args) => credentials.advance(...args)),
			} as Pick<Collection<CredentialDoc>, "findOne" | "insert" | "advance">,
		};
	};
	return { profiles, credentials, needs };
}

const first: Registration = {
	id: "usr_1",
	email: "ada@example.com",
	password: "the first password",
	name: "First",
	roles: ["teacher"],
};
const second: Registration = {
	...first,
	id: "usr_2",
	password: "the second password",
	name: "Second",
	roles: ["student"],
};

test("a registration makes one profile and one credential with one id", async () => {
	const { profiles, credentials, needs } = await system();
	const made = await register(needs(), first);
	assert.equal(made?.id, "usr_1");
	assert.equal((await credentials.get("usr_1"))?.passwordHash, "hash of the first password");
	assert.equal(profiles.byEmail.get("ada@example.com")?.name, "First");
});

test("a taken e-mail changes nothing", async () => {
	const { profiles, credentials, needs } = await system();
	await register(needs(), first);
	assert.equal(await register(needs(), second), null);
	assert.equal((await credentials.findOne({}))?.passwordHash, "hash of the first password");
	assert.equal(profiles.byEmail.get("ada@example.com")?.name, "First");
});

/**
 * What must hold after a run was cut off anywhere and another came with its own password, name and role: one of the
 * two has the account, all of it.
 */
async function assertOneHasAll(
	{ profiles, credentials, needs }: Awaited<ReturnType<typeof system>>,
	winner: Registration,
) {
	const all = await credentials.find({});
	assert.equal(all.length, 1);
	const [credential] = all as [CredentialDoc];
	assert.equal(credential.passwordHash, `hash of ${winner.password}`);
	await finishClaim(needs(), credential);
	assert.equal(profiles.byEmail.size, 1);
	const profile = profiles.byEmail.get("ada@example.com");
	assert.equal(profile?.id, credential.id);
	assert.equal(profile?.name, winner.name);
	assert.deepEqual(profile?.roles, winner.roles);
	assert.equal((await credentials.get(credential.id))?.claim, undefined);
}

for (const done of [false, true])
	for (let crashAt = 0; crashAt < 4; crashAt++)
		test(`cut off ${done ? "after" : "before"} step ${crashAt}, the e-mail stays usable`, async () => {
			const cut = await system();
			await assert.rejects(register(cut.needs(crashAt, done), first), Crash);
			const retried = await register(cut.needs(), second);
			await assertOneHasAll(cut, retried ? second : first);
		});

for (const done of [false, true])
	for (let crashAt = 0; crashAt < 6; crashAt++)
		test(`taking up a profile and cut off ${done ? "after" : "before"} step ${crashAt}, too`, async () => {
			const cut = await system();
			await assert.rejects(register(cut.needs(2, true), first), Crash);
			await assert.rejects(register(cut.needs(crashAt, done), second), Crash);
			const third = { ...first, id: "usr_3", password: "the third one", name: "Third" };
			const retried = await register(cut.needs(), third);
			await assertOneHasAll(cut, retried ? third : second);
		});

test("who takes up a profile that was to be an admin's is none", async () => {
	const { profiles, needs } = await system();
	await assert.rejects(register(needs(2, true), { ...first, roles: ["admin"] }), Crash);
	await register(needs(), second);
	const [profile] = profiles.byEmail.values();
	assert.deepEqual(profile?.roles, ["student"]);
});

test("of parallel registrations one has the account, with its own name and role", async () => {
	const raced = await system();
	const wanted = Array.from({ length: 20 }, (_, i) => ({
		...first,
		id: `usr_${i}`,
		password: `password ${i}`,
		name: `Name ${i}`,
		roles: [i % 2 ? "teacher" : "student"] as Role[],
	}));
	const results = await Promise.all(wanted.map(w => register(raced.needs(), w)));
	const winners = wanted.filter((_, i) => results[i] !== null);
	assert.equal(winners.length, 1);
	await assertOneHasAll(raced, winners[0] as Registration);
});
