import { setTimeout as pause } from "node:timers/promises";
import { Counter } from "prom-client";
import { iso } from "../../../kernel/clock.ts";
import type { Caller, Ctx } from "../../../kernel/contract.ts";
import { codeOf, problem } from "../../../kernel/errors.ts";
import { fact } from "../../../kernel/facts/fact.ts";
import { idFor, newId } from "../../../kernel/ids.ts";
import { defineMixin, implement } from "../../../kernel/implement.ts";
import { platformOf } from "../../../kernel/platform.ts";
import type { Guard } from "../../../kernel/store/guard.ts";
import { Store } from "../../../mixins/store.mixin.ts";
import { type CredentialDoc, CredentialModel } from "../../../models/identity/credential.model.ts";
import { LoginWindowModel } from "../../../models/identity/login-window.model.ts";
import { SessionModel } from "../../../models/identity/session.model.ts";
import { SigningKeyModel } from "../../../models/identity/signing-key.model.ts";
import { canonicalEmail } from "../email.ts";
import { auth, type SignedIn } from "./auth.contract.ts";
import { type AdminAccount, firstAdminAccount, untilDone } from "./first-admin.ts";
import { LoginThrottle } from "./login-throttle.ts";
import { issueToken, newLink, requestLink, spendReset, standingOf } from "./mail-links.ts";
import { checkPassword, hashPassword } from "./passwords.ts";
import { parseToken, rotate, tokenText } from "./refresh-tokens.ts";
import { finishClaim, type RegisterNeeds, register, type Welcome } from "./register.ts";
import {
	isLive,
	lastRevoked,
	liveSessions,
	newSession,
	revokeSession,
	revokeSessionsOf,
	toSession,
} from "./sessions.ts";
import { accessTokenSeconds, SigningKeys } from "./signing-keys.ts";

/** The school's pages that mails lead to. What follows # is sent to no server and stands in no log. */
const pages = { reset: "/school#/reset", verification: "/school#/verify-email" } as const;

/** An answer about an address takes this long, whatever there is to be done for it, ms. */
const forgotMs = 150;

/** Does something and takes at least `ms` for it. */
const atLeast = async (ms: number, work: () => Promise<void>): Promise<void> =>
	void (await Promise.all([work(), pause(ms)]));

/** What the service opens when it starts. */
const opened = defineMixin({
	brings: undefined as { keys: SigningKeys; throttle: LoginThrottle; reused: Counter } | undefined,
	created(this: { broker: object; reused: Counter }) {
		this.reused = new Counter({
			name: "zeolite_refresh_reused_total",
			help: "Refresh tokens that came once more after they were spent, each of which ended its session",
			registers: [platformOf(this.broker).metrics.registry],
		});
	},
});

/** Auth: proves who somebody is, and says so in tokens that every node can check by itself. */
export default implement(auth, {
	mixins: [
		Store({
			credentials: CredentialModel,
			sessions: SessionModel,
			signingKeys: SigningKeyModel,
			loginWindows: LoginWindowModel,
		}),
		opened,
	],

	methods: {
		registering(caller: Caller): RegisterNeeds {
			return {
				credentials: this.credentials,
				clock: this.clock,
				hash: hashPassword,
				createProfile: profile => caller.call("users.create", profile),
				claimProfile: claim => caller.call("users.claim", claim),
			};
		},

		/** A link by which a user confirms their address, and the fact that has it sent. */
		welcome(ctx: Ctx, userId: string): Welcome {
			const linkId = idFor(ctx, "lnk");
			const told = { userId, linkId };
			return {
				verification: newLink(linkId, "verification", this.clock.now()),
				facts: [fact(ctx, this.clock, auth, "account.verification_requested", told)],
			};
		},

		/**
		 * Opens a session. The roles in the token are read after the session is stored: a change of roles either finds
		 * the session and revokes it, or came first and is seen here; so does a change of the password.
		 * @throws INVALID_CREDENTIALS where the password has been changed meanwhile.
		 */
		async signIn(ctx: Ctx, credential: CredentialDoc): Promise<SignedIn> {
			const now = this.clock.now();
			const { session, token } = newSession(credential.id, ctx.headers.userAgent, now);
			await this.sessions.insert(session);
			try {
				await finishClaim(this.registering(ctx), credential);
				const user = await ctx.call("users.describe", { id: credential.id });
				const { passwordHash } = (await this.credentials.get(credential.id)) as CredentialDoc;
				if (passwordHash !== credential.passwordHash) throw problem(auth, "INVALID_CREDENTIALS");
				const claims = { sub: user.id, sid: session.id, roles: user.roles };
				return {
					user,
					accessToken: await this.keys.sign(claims, now),
					refreshToken: tokenText(token),
					expiresIn: accessTokenSeconds,
				};
			} catch (error) {
				await this.sessions.remove({ id: session.id });
				throw error;
			}
		},

		/** The account that a password opens; null where it opens none. */
		async rightful(email: string, password: string): Promise<CredentialDoc | null> {
			const credential = await this.credentials.findOne({ email });
			return (await checkPassword(credential?.passwordHash, password)) ? credential : null;
		},

		/** Revokes a live session and tells every node to fetch the list. */
		async revoke(guard: Guard): Promise<boolean> {
			const revoked = await revokeSession(this.sessions, guard, this.clock.now());
			if (revoked) this.broker.broadcast("auth.revoked");
			return revoked;
		},

		async revokeUserSessions(userId: string, before: string): Promise<number> {
			const revoked = await revokeSessionsOf(this.sessions, userId, before, this.clock);
			if (revoked > 0) this.broker.broadcast("auth.revoked");
			return revoked;
		},

		/** Makes the first admin's account, once in the whole mesh. */
		async makeFirstAdmin({ email, password, generated }: AdminAccount): Promise<void> {
			const made = await register(this.registering(this.broker), {
				id: newId("usr", this.clock.now()),
				email,
				password,
				name: "Administrator",
				roles: ["admin"],
			});
			if (!made) {
				const { roles } = await this.broker.call("users.findByEmail", { email });
				if (!roles.includes("admin"))
					this.logger.warn(`${email} has an account that is no admin's, and stays as it is`);
			} else if (generated)
				process.stdout.write(
					`The first admin is ${email} with the password ${password}\nBoth are kept in ${this.env.DATA_DIR}/admin.\n`,
				);
		},
	},

	actions: {
		async register(ctx) {
			const { email, password, name = "", role = "student" } = ctx.params;
			const id = idFor(ctx, "usr");
			const wanted = { id, email, password, name, roles: [role] };
			const welcome = (userId: string) => this.welcome(ctx, userId);
			const credential = await register({ ...this.registering(ctx), welcome }, wanted);
			if (!credential) throw problem(auth, "EMAIL_TAKEN");
			return this.signIn(ctx, credential);
		},

		async login(ctx) {
			const { password } = ctx.params;
			const email = canonicalEmail(ctx.params.email);
			const attempt = await this.throttle.enter(email, ctx.headers.address ?? "local");
			const credential = await this.rightful(email, password).catch(async error => {
				await attempt.passed();
				throw error;
			});
			if (!credential) {
				await attempt.failed();
				throw problem(auth, "INVALID_CREDENTIALS");
			}
			await attempt.passed();
			return this.signIn(ctx, credential);
		},

		async refresh(ctx) {
			const token = parseToken(ctx.params.refreshToken);
			const now = this.clock.now();
			const session = token && (await this.sessions.get(token.sessionId));
			if (!session) throw problem(auth, "REFRESH_INVALID");
			const user = await ctx.call("users.describe", { id: session.userId });
			const rotation = await rotate(this.sessions, token, now);
			switch (rotation.outcome) {
				case "invalid":
					throw problem(auth, "REFRESH_INVALID");
				case "revoked":
					throw problem(auth, "SESSION_REVOKED");
				case "reused":
					this.reused.inc();
					this.logger.warn(
						`A spent refresh token of ${user.id} came again, and ends ${session.id}`,
					);
					await this.revoke({ id: session.id });
					throw problem(auth, "REFRESH_REUSED");
			}
			const claims = { sub: user.id, sid: session.id, roles: user.roles };
			return {
				accessToken: await this.keys.sign(claims, now),
				refreshToken: tokenText(rotation.token),
				expiresIn: accessTokenSeconds,
			};
		},

		async logout(ctx) {
			await this.revoke({ id: ctx.locals.user.sid });
			return null;
		},

		async me(ctx) {
			return ctx.call("users.describe", { id: ctx.locals.user.id });
		},

		async verify(ctx) {
			const token: string | undefined = ctx.params.token ?? ctx.headers.bearer;
			try {
				const identity =
					token === undefined
						? ctx.locals.caller
						: await platformOf(this.broker).tokens.verify(token, 0);
				if (!identity || !isLive(await this.sessions.get(identity.sid), this.clock.now()))
					return { valid: false };
				return { valid: true, user: await ctx.call("users.describe", { id: identity.id }) };
			} catch (error) {
				if (codeOf(error) === "UNAUTHENTICATED") return { valid: false };
				throw error;
			}
		},

		async sessions(ctx) {
			const { id: userId, sid } = ctx.locals.user;
			const items = await liveSessions(this.sessions, userId, this.clock.now());
			return { items: items.map(session => toSession(session, sid)) };
		},

		async revokeSession(ctx) {
			const revoked = await this.revoke({ id: ctx.params.id, userId: ctx.locals.user.id });
			if (!revoked) throw problem(auth, "SESSION_NOT_FOUND");
			return null;
		},

		async forgotPassword(ctx) {
			const email = canonicalEmail(ctx.params.email);
			const attempt = await this.throttle.enter(`forgot\n${email}`, ctx.headers.address ?? "local");
			await attempt.failed();
			await atLeast(forgotMs, async () => {
				const found = await this.credentials.findOne({ email });
				const linkId = idFor(ctx, "lnk");
				const told = { userId: found?.id ?? "", linkId };
				const link = newLink(linkId, "reset", this.clock.now());
				await requestLink(this.credentials, found, "reset", link, [
					fact(ctx, this.clock, auth, "account.reset_requested", told),
				]);
			});
			return { accepted: true as const };
		},

		async resetPassword(ctx) {
			const { token, password } = ctx.params;
			const now = this.clock.now();
			const { standing, userId } = await standingOf(this.credentials, "reset", token, now);
			if (standing === "expired") throw problem(auth, "RESET_TOKEN_EXPIRED");
			if (standing === "invalid") throw problem(auth, "RESET_TOKEN_INVALID");
			const passwordHash = await hashPassword(password);
			const spent = await spendReset(this.credentials, token, passwordHash, now, id => [
				fact(ctx, this.clock, auth, "account.password_changed", { userId: id }),
			]);
			if (!spent) throw problem(auth, "RESET_TOKEN_INVALID");
			await this.revokeUserSessions(userId, iso(this.clock.now()));
			return null;
		},

		async verifyEmail(ctx) {
			const { token } = ctx.params;
			const now = this.clock.now();
			const { standing, userId } = await standingOf(this.credentials, "verification", token, now);
			if (standing === "expired") throw problem(auth, "VERIFICATION_TOKEN_EXPIRED");
			if (standing === "invalid") throw problem(auth, "VERIFICATION_TOKEN_INVALID");
			await ctx.call("users.verifyEmail", { id: userId });
			return null;
		},

		async resendVerification(ctx) {
			const { id } = ctx.locals.user;
			const { emailVerified } = await ctx.call("users.describe", { id });
			if (emailVerified) throw problem(auth, "EMAIL_VERIFIED");
			const { verification, facts } = this.welcome(ctx, id);
			await requestLink(this.credentials, { id }, "verification", verification, facts);
			return { accepted: true as const };
		},

		async mailLink(ctx) {
			const { purpose, userId, id } = ctx.params;
			const token = await issueToken(this.credentials, this.clock, purpose, userId, id);
			if (!token) return {};
			return { url: `${this.env.publicUrl}${pages[purpose]}?token=${token}` };
		},

		async jwks() {
			return { keys: await this.keys.publicKeys() };
		},

		async rotateKeys(ctx) {
			const { atOnce = false } = ctx.params;
			const { kid, activeFrom } = await this.keys.rotate(atOnce);
			this.broker.broadcast("auth.revoked", { keys: atOnce });
			return { kid, activeFrom: iso(activeFrom) };
		},

		async revoked() {
			return { sessions: await lastRevoked(this.sessions, this.clock.now()) };
		},

		async revokeUser(ctx) {
			const { userId, before } = ctx.params;
			return { revoked: await this.revokeUserSessions(userId, before) };
		},

		async signInAs(ctx) {
			const email = canonicalEmail(ctx.params.email);
			const credential = await this.credentials.findOne({ email });
			if (!credential) throw problem(auth, "USER_NOT_FOUND");
			this.logger.warn(`An operator on ${ctx.nodeID} signs in as ${credential.id}`);
			return this.signIn(ctx, credential);
		},

		async purge() {
			const now = this.clock.now();
			const sessions = await this.sessions.remove({ expiresAt: { $lte: iso(now) } });
			const windows = await this.loginWindows.remove({ endsAt: { $lte: now } });
			return { removed: sessions + windows + (await this.keys.purge()) };
		},
	},

	on: {
		/** The reset does this itself; the fact makes it good where that was cut off. */
		async "account.password_changed"({ userId }, { fact }) {
			await this.revokeUserSessions(userId, fact.at);
		},

		/** The change of roles asks for this itself; the fact makes it good where that was cut off. */
		async "user.rolesChanged"({ userId }, { fact }) {
			await this.revokeUserSessions(userId, fact.at);
		},
	},

	async started() {
		this.throttle = new LoginThrottle(this.loginWindows, this.clock);
		this.keys = await SigningKeys.open({
			store: this.signingKeys,
			secrets: this.env.SERVICE_SECRET_KEY,
			seed: this.env.JWT_PRIVATE_KEY,
			clock: this.clock,
			warn: message => this.logger.warn(message),
		});
		const account = firstAdminAccount(this.env);
		if (!account) return;
		await platformOf(this.broker).runners.add(
			untilDone(
				() => this.makeFirstAdmin(account),
				this.env.mode === "embedded",
				error => this.logger.warn("The first admin could not be made yet", error),
			),
		);
	},
});
