import { iso } from "../../../kernel/clock.ts";
import type { Caller } from "../../../kernel/contract.ts";
import { codeOf, problem } from "../../../kernel/errors.ts";
import { idFor } from "../../../kernel/ids.ts";
import { defineMixin, implement } from "../../../kernel/implement.ts";
import { platformOf } from "../../../kernel/platform.ts";
import { Store } from "../../../mixins/store.mixin.ts";
import { type CredentialDoc, CredentialModel } from "../../../models/identity/credential.model.ts";
import { LoginWindowModel } from "../../../models/identity/login-window.model.ts";
import { SessionModel } from "../../../models/identity/session.model.ts";
import { SigningKeyModel } from "../../../models/identity/signing-key.model.ts";
import { canonicalEmail } from "../email.ts";
import { AccountLinks } from "./account-links.ts";
import { auth } from "./auth.contract.ts";
import {
	type FirstAdminNeeds,
	firstAdminAccount,
	makeFirstAdmin,
	untilDone,
} from "./first-admin.ts";
import { LoginThrottle } from "./login-throttle.ts";
import { Reuses } from "./metrics.ts";
import { checkPassword, hashPassword } from "./passwords.ts";
import { type RegisterNeeds, register } from "./register.ts";
import { SessionDesk } from "./session-desk.ts";
import { isLive, lastRevoked, liveSessions, toSession } from "./sessions.ts";
import { SigningKeys } from "./signing-keys.ts";

/** What the service opens when it starts. */
const opened = defineMixin({
	brings: undefined as { keys: SigningKeys; throttle: LoginThrottle } | undefined,
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
		Reuses,
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

		links(): AccountLinks {
			return new AccountLinks({
				credentials: this.credentials,
				clock: this.clock,
				publicUrl: this.env.publicUrl,
				hash: hashPassword,
			});
		},

		desk(caller: Caller): SessionDesk {
			return new SessionDesk({
				...this.registering(caller),
				credentials: this.credentials,
				sessions: this.sessions,
				describe: id => caller.call("users.describe", { id }),
				sign: (claims, now) => this.keys.sign(claims, now),
				onRevoked: () => this.broker.broadcast("auth.revoked"),
				onReused: ({ id, userId }) => {
					this.reused.inc();
					this.logger.warn(`A spent refresh token of ${userId} came again, and ends ${id}`);
				},
			});
		},

		/** The account that a password opens; null where it opens none. */
		async rightful(email: string, password: string): Promise<CredentialDoc | null> {
			const credential = await this.credentials.findOne({ email });
			return (await checkPassword(credential?.passwordHash, password)) ? credential : null;
		},
	},

	actions: {
		async register(ctx) {
			const { email, password, name = "", role = "student" } = ctx.params;
			const id = idFor(ctx, "usr");
			const wanted = { id, email, password, name, roles: [role] };
			const welcome = (userId: string) => this.links().welcome(ctx, userId);
			const credential = await register({ ...this.registering(ctx), welcome }, wanted);
			if (!credential) throw problem(auth, "EMAIL_TAKEN");
			return this.desk(ctx).open(credential, ctx.headers.userAgent);
		},

		async login(ctx) {
			const { password } = ctx.params;
			const email = canonicalEmail(ctx.params.email);
			const credential = await this.throttle.around(email, ctx.headers.address ?? "local", () =>
				this.rightful(email, password),
			);
			if (!credential) throw problem(auth, "INVALID_CREDENTIALS");
			return this.desk(ctx).open(credential, ctx.headers.userAgent);
		},

		async refresh(ctx) {
			return this.desk(ctx).renew(ctx.params.refreshToken);
		},

		async logout(ctx) {
			await this.desk(ctx).revoke({ id: ctx.locals.user.sid });
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
			const { id: userId } = ctx.locals.user;
			const revoked = await this.desk(ctx).revoke({ id: ctx.params.id, userId });
			if (!revoked) throw problem(auth, "SESSION_NOT_FOUND");
			return null;
		},

		async forgotPassword(ctx) {
			const email = canonicalEmail(ctx.params.email);
			const attempt = await this.throttle.enter(`forgot\n${email}`, ctx.headers.address ?? "local");
			await attempt.failed();
			await this.links().forgot(ctx, email);
			return { accepted: true as const };
		},

		async resetPassword(ctx) {
			const { token, password } = ctx.params;
			const userId = await this.links().reset(ctx, token, password);
			await this.desk(ctx).revokeAllOf(userId, iso(this.clock.now()));
			return null;
		},

		async verifyEmail(ctx) {
			const id = await this.links().proven(ctx.params.token);
			await ctx.call("users.verifyEmail", { id });
			return null;
		},

		async resendVerification(ctx) {
			const { id } = ctx.locals.user;
			const { emailVerified } = await ctx.call("users.describe", { id });
			if (emailVerified) throw problem(auth, "EMAIL_VERIFIED");
			await this.links().welcomeAgain(ctx, id);
			return { accepted: true as const };
		},

		async mailLink(ctx) {
			const { purpose, userId, id } = ctx.params;
			const url = await this.links().url(purpose, userId, id);
			return url === null ? {} : { url };
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
			return { revoked: await this.desk(ctx).revokeAllOf(userId, before) };
		},

		async signInAs(ctx) {
			const email = canonicalEmail(ctx.params.email);
			const credential = await this.credentials.findOne({ email });
			if (!credential) throw problem(auth, "USER_NOT_FOUND");
			this.logger.warn(`An operator on ${ctx.nodeID} signs in as ${credential.id}`);
			return this.desk(ctx).open(credential, ctx.headers.userAgent);
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
		async "account.password_changed"({ userId }, ctx) {
			await this.desk(ctx).revokeAllOf(userId, ctx.fact.at);
		},

		/** The change of roles asks for this itself; the fact makes it good where that was cut off. */
		async "user.rolesChanged"({ userId }, ctx) {
			await this.desk(ctx).revokeAllOf(userId, ctx.fact.at);
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
		const needs: FirstAdminNeeds = {
			...this.registering(this.broker),
			rolesOf: async email => (await this.broker.call("users.findByEmail", { email })).roles,
			say: text => process.stdout.write(text),
			warn: message => this.logger.warn(message),
		};
		await platformOf(this.broker).runners.add(
			untilDone(
				() => makeFirstAdmin(needs, account, this.env.DATA_DIR),
				this.env.mode === "embedded",
				error => this.logger.warn("The first admin could not be made yet", error),
			),
		);
	},
});
