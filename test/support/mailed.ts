import assert from "node:assert/strict";
import { unsubscribeToken } from "../../services/engagement/notifications/unsubscribe.ts";
import type { School } from "./actors.ts";
import { eventually, send, uniqueEmail } from "./http.ts";

/** Where a link in a mail has its token. */
const tokenIn = /token=([\w.-]+)/;

interface Mail {
	template: string;
	text: string;
}

/** Somebody who has just registered. */
export interface Newcomer {
	id: string;
	email: string;
	headers: { authorization: string };
}

export async function newcomer(school: School): Promise<Newcomer> {
	const email = uniqueEmail();
	const account = { email, password: "password123" };
	const body = await school.must("nobody", "POST", "/api/auth/register", account);
	return { id: body.user.id, email, headers: { authorization: `Bearer ${body.accessToken}` } };
}

/** The token of the last mail of a kind that somebody got from the sandbox. */
export async function mailedToken(
	school: School,
	{ headers }: Newcomer,
	template: "password_reset" | "email_verification",
): Promise<string> {
	const request = { method: "GET", path: "/api/sandbox/mails", headers };
	const found = await eventually(
		async () => {
			const { body } = await school.ask("nobody", request);
			return (body.items as Mail[]).find(mail => mail.template === template);
		},
		mail => mail !== undefined,
	);
	const token = tokenIn.exec(found?.text ?? "")?.[1];
	assert.ok(token, found?.text);
	return token;
}

/** A token by which somebody new may choose another password. */
export async function resetToken(school: School): Promise<string> {
	const who = await newcomer(school);
	await school.must("nobody", "POST", "/api/auth/password/forgot", { email: who.email });
	return mailedToken(school, who, "password_reset");
}

const verifications = new WeakMap<School, Promise<string>>();

/** A token by which somebody confirms their address, the same each time: it is not used up. */
export function verificationToken(school: School): Promise<string> {
	const known = verifications.get(school);
	if (known) return known;
	const made = newcomer(school).then(who => mailedToken(school, who, "email_verification"));
	verifications.set(school, made);
	return made;
}

/** What the address in a mail of the owner's ends in. */
export const ownersUnsubscribeToken = ({ people }: School): string =>
	unsubscribeToken("a-secret-for-tests-0123456789abcdef", people.owner.id, "payment.failed");

/** What a student who has paid finds in their mailbox, and does with it: confirms the address, chooses another password. */
export async function mailFlow(
	base: string,
	{ token, email }: { token: string; email: string },
): Promise<void> {
	const mailOf = async (subject: string): Promise<Mail> => {
		const found = await eventually(
			async () => {
				const { body } = await send(base, "GET", "/api/sandbox/mails", { token });
				return (body.items as (Mail & { subject: string })[]).find(m => m.subject === subject);
			},
			mail => mail !== undefined,
		);
		return found as Mail;
	};
	const post = (path: string, body: object) => send(base, "POST", path, { body });
	assert.match((await mailOf("Payment received")).text, /We received \$99\.99\./);
	const verification = tokenIn.exec((await mailOf("Confirm your e-mail address")).text)?.[1];
	assert.equal((await post("/api/auth/email/verify", { token: verification })).status, 204);
	const me = await send(base, "GET", "/api/auth/me", { token });
	assert.equal(me.body.emailVerified, true);
	for (const address of [email, uniqueEmail()]) {
		const asked = await post("/api/auth/password/forgot", { email: address });
		assert.deepEqual([asked.status, asked.body], [202, { accepted: true }]);
	}
	const reset = {
		token: tokenIn.exec((await mailOf("Choose a new password")).text)?.[1],
		password: "a new password",
	};
	assert.equal((await post("/api/auth/password/reset", reset)).status, 204);
	const again = await post("/api/auth/password/reset", reset);
	assert.deepEqual([again.status, again.body.code], [400, "RESET_TOKEN_INVALID"]);
	await eventually(
		() => send(base, "GET", "/api/auth/me", { token }),
		({ status }) => status === 401,
	);
	const login = { email, password: reset.password };
	assert.equal((await post("/api/auth/login", login)).status, 200);
}
