import { availableParallelism } from "node:os";
import { hash, verify } from "@node-rs/argon2";
import { Bounded } from "../../../kernel/bounded.ts";

/** OWASP Password Storage Cheat Sheet, argon2id: 19 MiB, two passes, one lane. The package's default is argon2id. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/**
 * Hashing takes tens of milliseconds of a core and a thread of libuv's pool, of which there are four; files and name
 * lookups need one, too.
 */
const hashing = new Bounded({ atOnce: Math.min(availableParallelism(), 3), longestWaitMs: 3_000 });

/** Of a random password that nobody knows, with the same cost. */
const dummyHash =
	"$argon2id$v=19$m=19456,t=2,p=1$ejRZ6LbpWISebHyj+Y9MfQ$i8XVeNjmm6Fc5g7TVzRT9PbhRYAra227PwSg2/Qkovc";

/** Passwords are compared as NFKC (NIST SP 800-63B §3.1.1.2), so that keyboards that compose differently agree. */
const normal = (password: string): string => password.normalize("NFKC");

/** The argon2id hash of a password, as a PHC string. @throws SERVICE_UNAVAILABLE while too many are hashed. */
export const hashPassword = (password: string): Promise<string> =>
	hashing.run(() => hash(normal(password), cost));

const verifyHash = (passwordHash: string, password: string): Promise<boolean> =>
	verify(passwordHash, password);

/**
 * Whether `password` is the one of `passwordHash`. Where there is no hash, the same work is done on a dummy, so that
 * the time does not tell whether an account exists.
 * @throws SERVICE_UNAVAILABLE while too many are hashed.
 */
export async function checkPassword(
	passwordHash: string | undefined,
	password: string,
	verifies = verifyHash,
): Promise<boolean> {
	const right = await hashing.run(() => verifies(passwordHash ?? dummyHash, normal(password)));
	return passwordHash !== undefined && right;
}
