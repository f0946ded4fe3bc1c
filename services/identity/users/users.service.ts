import { forget } from "../../../kernel/cache.ts";
import { iso } from "../../../kernel/clock.ts";
import { codeOf, problem } from "../../../kernel/errors.ts";
import { fact } from "../../../kernel/facts/fact.ts";
import { implement } from "../../../kernel/implement.ts";
import { isDuplicate, type OutgoingFact } from "../../../kernel/store/collection.ts";
import type { Change, Guard } from "../../../kernel/store/guard.ts";
import { Store } from "../../../mixins/store.mixin.ts";
import { type UserDoc, UserModel } from "../../../models/identity/user.model.ts";
import { canonicalEmail, checkedEmail } from "../email.ts";
import { type User, users } from "./users.contract.ts";

const toUser = ({
	id,
	email,
	name,
	roles,
	pictureUrl,
	approved,
	emailVerifiedAt,
	createdAt,
}: UserDoc): User => ({
	id,
	email,
	emailVerified: emailVerifiedAt !== undefined,
	name,
	roles,
	...(pictureUrl !== undefined && { pictureUrl }),
	...(approved !== undefined && { approved }),
	createdAt,
});

const found = (doc: UserDoc | null): User => {
	if (!doc) throw problem(users, "USER_NOT_FOUND");
	return toUser(doc);
};

export default implement(users, {
	mixins: [Store({ users: UserModel })],

	methods: {
		/** Changes a user; profiles that are kept are forgotten. */
		async change(id: string, change: Change, facts: OutgoingFact[] = []): Promise<User> {
			const changed = found(await this.users.advance({ id }, change, facts));
			await forget(this.broker, "users.get", id);
			return changed;
		},
	},

	actions: {
		async me(ctx) {
			return found(await this.users.get(ctx.locals.user.id));
		},

		async updateMe(ctx) {
			const { name, pictureUrl } = ctx.params;
			return this.change(ctx.locals.user.id, {
				$set: { name: name?.trim(), ...(pictureUrl && { pictureUrl }) },
				...(pictureUrl === "" && { $unset: { pictureUrl: true } }),
			});
		},

		async get(ctx) {
			const { caller } = ctx.locals;
			const { id, name, roles, pictureUrl, email } = found(await this.users.get(ctx.params.id));
			const seesEmail = caller?.id === id || caller?.roles.includes("admin");
			return { id, name, roles, ...(pictureUrl && { pictureUrl }), ...(seesEmail && { email }) };
		},

		async list(ctx) {
			const { email, ...page } = ctx.params;
			const guard: Guard = email === undefined ? {} : { email: canonicalEmail(email) };
			const listed = await this.users.list(guard, page, { id: -1 });
			return { ...listed, items: listed.items.map(toUser) };
		},

		async setRoles(ctx) {
			const { id, roles } = ctx.params;
			const changed = fact(ctx, this.clock, users, "user.rolesChanged", { userId: id });
			const user = await this.change(id, { $set: { roles } }, [changed]);
			try {
				await ctx.call("auth.revokeUser", { userId: id, before: changed.at });
			} catch (error) {
				this.logger.warn(
					`The sessions of ${id} could not be revoked at once (${codeOf(error)}); the fact ${changed.id} will`,
				);
			}
			return user;
		},

		async setApproval(ctx) {
			const { id, approved } = ctx.params;
			return this.change(id, { $set: { approved } });
		},

		async describe(ctx) {
			return found(await this.users.get(ctx.params.id));
		},

		async names(ctx) {
			const known = await this.users.find({ id: { $in: ctx.params.ids } });
			return { names: Object.fromEntries(known.map(({ id, name }) => [id, name])) };
		},

		async findByEmail(ctx) {
			return found(await this.users.findOne({ email: canonicalEmail(ctx.params.email) }));
		},

		async create(ctx) {
			const { id, email: typed, name, roles } = ctx.params;
			const email = checkedEmail(typed);
			const createdAt = iso(this.clock.now());
			try {
				return toUser(
					await this.users.insert({
						id,
						email,
						emailTyped: typed.trim(),
						name: name.trim(),
						roles,
						createdAt,
					}),
				);
			} catch (error) {
				if (!isDuplicate(error)) throw error;
				return found(await this.users.findOne({ email }));
			}
		},

		async claim(ctx) {
			const { id, name, roles } = ctx.params;
			const claimed = await this.users.advance(
				{ id, claimed: { $exists: false } },
				{ $set: { name: name.trim(), roles, claimed: true } },
			);
			return found(claimed ?? (await this.users.get(id)));
		},

		async verifyEmail(ctx) {
			const { id } = ctx.params;
			const verified = await this.users.advance(
				{ id, emailVerifiedAt: { $exists: false } },
				{ $set: { emailVerifiedAt: iso(this.clock.now()) } },
			);
			return found(verified ?? (await this.users.get(id)));
		},
	},
});
