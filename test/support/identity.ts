import { randomUUID } from "node:crypto";
import type { Broker } from "../../kernel/contract.ts";
import type { Node } from "../../kernel/node.ts";
import type { Role, User } from "../../services/identity/users/users.contract.ts";

export interface SignedUp {
	user: User;
	email: string;
	password: string;
	/** Access token; to call as this user: `{ headers: { token } }`. */
	token: string;
	refreshToken: string;
}

/**
 * Makes an account with an e-mail of its own and signs it in. `node` needs the identity domain somewhere in its mesh.
 * @param role `admin` too, which nobody can register as.
 */
export async function signUp(
	{ broker }: Pick<Node, "broker">,
	{ role = "student", name = "Test User" }: { role?: Role; name?: string } = {},
): Promise<SignedUp> {
	const mesh = broker as unknown as Broker;
	const account = { email: `${randomUUID()}@example.com`, password: "a password for tests" };
	const wanted = { ...account, name, ...(role !== "admin" && { role }) };
	let signedIn = await mesh.call("auth.register", wanted);
	if (role === "admin") {
		await mesh.call("users.claim", { id: signedIn.user.id, name, roles: [role] });
		signedIn = await mesh.call("auth.login", account);
	}
	const { user, accessToken: token, refreshToken } = signedIn;
	return { user, ...account, token, refreshToken };
}
