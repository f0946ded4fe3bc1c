import { randomBytes } from "node:crypto";
import type { Env } from "../../../kernel/env.ts";
import { newId } from "../../../kernel/ids.ts";
import type { Runner } from "../../../kernel/runners.ts";
import { keptSecret } from "../../../kernel/secrets.ts";
import { checkedEmail } from "../email.ts";
import { type RegisterNeeds, register } from "./register.ts";

const firstRetryMs = 250;
const longestRetryMs = 5_000;

export interface AdminAccount {
	email: string;
	password: string;
	/** The password was made here, so its owner has to be told. */
	generated: boolean;
}

const makeAccount = (): string =>
	JSON.stringify({
		email: "admin@zeolite.example",
		password: randomBytes(18).toString("base64url"),
	});

function fromEnv(email: string, password: string): AdminAccount {
	try {
		checkedEmail(email);
	} catch {
		throw new Error("ADMIN_EMAIL is not an e-mail address");
	}
	const { length } = [...password];
	if (length < 8 || length > 128) throw new Error("ADMIN_PASSWORD must have 8 to 128 characters");
	return { email, password, generated: false };
}

/**
 * The account of the first admin: the environment's, else in embedded mode one that is kept in `DATA_DIR/admin`
 * (`{"email", "password"}`, readable by its owner alone); null where there is to be none.
 * @throws Error that names the variable which cannot be used.
 */
export function firstAdminAccount(env: Env): AdminAccount | null {
	if (env.ADMIN_EMAIL !== undefined && env.ADMIN_PASSWORD !== undefined)
		return fromEnv(env.ADMIN_EMAIL, env.ADMIN_PASSWORD);
	if (env.mode !== "embedded" || env.DATA_DIR === ":memory:") return null;
	const kept = JSON.parse(keptSecret(env.DATA_DIR, "admin", makeAccount)) as AdminAccount;
	return { email: kept.email, password: kept.password, generated: true };
}

export interface FirstAdminNeeds extends RegisterNeeds {
	rolesOf(email: string): Promise<readonly string[]>;
	/** Tells whoever started the node. */
	say(text: string): void;
	warn(message: string): void;
}

/**
 * Makes the first admin's account, once in the whole mesh. An account that has the address already stays as it is.
 * @param dataDir where a password that was made here is kept.
 */
export async function makeFirstAdmin(
	needs: FirstAdminNeeds,
	{ email, password, generated }: AdminAccount,
	dataDir: string,
): Promise<void> {
	const id = newId("usr", needs.clock.now());
	const wanted = { id, email, password, name: "Administrator", roles: ["admin" as const] };
	if (!(await register(needs, wanted))) {
		if (!(await needs.rolesOf(email)).includes("admin"))
			needs.warn(`${email} has an account that is no admin's, and stays as it is`);
	} else if (generated)
		needs.say(
			`The first admin is ${email} with the password ${password}\nBoth are kept in ${dataDir}/admin.\n`,
		);
}

/**
 * Tries something until it succeeds, from 250 ms to 5 s apart; needs that are not there yet do not stop the node.
 * @param waits whether the node's start waits for the first try.
 * @param onFailure told once, of the first failure.
 */
export function untilDone(
	attempt: () => Promise<void>,
	waits: boolean,
	onFailure: (error: unknown) => void,
): Runner {
	let timer: NodeJS.Timeout | undefined;
	let stopped = false;
	let running: Promise<void> = Promise.resolve();
	const run = async (retryMs: number): Promise<void> => {
		try {
			await attempt();
		} catch (error) {
			if (retryMs === firstRetryMs) onFailure(error);
			if (stopped) return;
			timer = setTimeout(() => {
				running = run(Math.min(longestRetryMs, retryMs * 2));
			}, retryMs).unref();
		}
	};
	return {
		async start() {
			running = run(firstRetryMs);
			if (waits) await running;
		},
		async stop() {
			stopped = true;
			clearTimeout(timer);
			await running;
		},
	};
}
