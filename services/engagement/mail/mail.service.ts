import { readFile } from "node:fs/promises";
import { iso } from "../../../kernel/clock.ts";
import type { Caller } from "../../../kernel/contract.ts";
import { watchedCalls } from "../../../kernel/crash-point.ts";
import { codeOf, invalidField, problem } from "../../../kernel/errors.ts";
import { derivedId } from "../../../kernel/ids.ts";
import { defineMixin, implement } from "../../../kernel/implement.ts";
import { platformOf } from "../../../kernel/platform.ts";
import { isDuplicate } from "../../../kernel/store/collection.ts";
import type { Guard } from "../../../kernel/store/guard.ts";
import type { Retention } from "../../../kernel/store/retention.ts";
import { Store } from "../../../mixins/store.mixin.ts";
import { type MailDoc, MailModel, type ShownMail } from "../../../models/engagement/mail.model.ts";
import { type Carrier, inboxCarrier, mailDomain, smtpCarrier } from "./carrier.ts";
import { missingOf, writeLetter } from "./letter.ts";
import { mail, type SandboxMail, type Template } from "./mail.contract.ts";
import { Posting } from "./posting.ts";
import { retentionOf } from "./retention.ts";

const purposes = { password_reset: "reset", email_verification: "verification" } as const;

/** So many notifications in 24 h go to an address that nobody has confirmed: it may be a stranger's. */
const unconfirmedPerDay = 10;
const dayMs = 86_400_000;

const asset = (name: string) => readFile(`${import.meta.dirname}/inbox/${name}`, "utf8");

const shownMail = ({ id, template, shown, sentAt = 0, unsubscribeUrl }: MailDoc): SandboxMail => ({
	id,
	template: template as Template,
	...(shown as ShownMail),
	...(unsubscribeUrl && { unsubscribeUrl }),
	sentAt: iso(sentAt),
});

/** Who carries mail here, and what sends it; no carrier where there is neither `SMTP_URL` nor a sandbox. */
const opened = defineMixin({
	brings: undefined as
		| { carrier: Carrier | undefined; posting: Posting | undefined; retention: Retention<MailDoc> }
		| undefined,
});

/** Mail: stores each letter, then sends it; at once where it can, by the schedule where not. */
export default implement(mail, {
	mixins: [Store({ mails: MailModel }), opened],

	methods: {
		/**
		 * The mail as it reads now: to whom, and with the link that auth gives for it; null where that has no use any more,
		 * or its address has had enough. What is not confirmed to be the reader's own is not greeted by a name of their choice.
		 */
		async compose({ template, data, userId, to, unsubscribeUrl = "" }: MailDoc) {
			const mesh: Caller = this.broker;
			const user = userId === undefined ? null : await this.reader(userId);
			const address = user?.email ?? to;
			if (address === undefined) return null;
			if (user && !user.emailVerified && template === "notification" && (await this.isSpared(user)))
				return null;
			const purpose = purposes[template as keyof typeof purposes];
			let url = data.path === undefined ? "" : `${this.env.publicUrl}${data.path}`;
			if (purpose) {
				const wanted = { purpose, userId: userId ?? "", id: data.id ?? "" };
				const link = await mesh.call("auth.mailLink", wanted);
				if (link.url === undefined) return null;
				url = link.url;
			}
			const letter = writeLetter(template as Template, {
				...data,
				name: user?.emailVerified ? user.name : "",
				url,
				unsubscribeUrl,
			});
			return { to: address, ...letter };
		},

		/** Whether somebody had as many notifications today as go to an address that is not confirmed. */
		async isSpared({ id }: { id: string }) {
			const since = this.clock.now() - dayMs;
			const guard = { userId: id, template: "notification", sentAt: { $gt: since } };
			return (await this.mails.count(guard, unconfirmedPerDay)) >= unconfirmedPerDay;
		},

		/** Who it is for; null for who is no user any more. */
		async reader(id: string) {
			const mesh: Caller = this.broker;
			try {
				return await mesh.call("users.describe", { id });
			} catch (error) {
				if (codeOf(error) === "USER_NOT_FOUND") return null;
				throw error;
			}
		},

		/** Stores a mail; the sandbox has it by that. @throws DuplicateError */
		async store(wanted: Omit<MailDoc, "state" | "tries">, isDue: boolean): Promise<MailDoc> {
			const { carrier, posting, clock } = this;
			const waiting = { ...wanted, state: "waiting", tries: 0 } as const;
			if (!posting || !isDue) return this.mails.insert(waiting);
			if (carrier?.isInbox) {
				const shown = await this.compose(waiting);
				const { nextAt: _, ...kept } = { ...waiting, agesFrom: clock.now() };
				const sent = { state: "sent", sentAt: clock.now(), shown: shown as ShownMail } as const;
				return this.mails.insert({ ...kept, ...(shown ? sent : { state: "dropped" }) });
			}
			if (!posting.hasRoom) return this.mails.insert(waiting);
			const held = await this.mails.insert({ ...waiting, ...posting.held });
			posting.begin(held);
			return held;
		},
	},

	actions: {
		async send(ctx) {
			const { key, data = {}, notBefore, ...wanted } = ctx.params;
			const [missing] = missingOf(wanted.template, data);
			if (missing) throw invalidField(`/data/${missing}`, "REQUIRED", "is needed by the template");
			if (wanted.userId === undefined && wanted.to === undefined)
				throw invalidField("/to", "REQUIRED", "or a userId: a mail is to somebody");
			if (!this.posting) return { id: "", state: "off" as const };
			const id = derivedId("mal", key, "mail");
			const now = this.clock.now();
			const nextAt = Math.max(now, Date.parse(notBefore ?? "") || now);
			const known = await this.mails.get(id);
			if (known) return { id, state: known.state };
			try {
				const doc = { id, key, data, ...wanted, nextAt, createdAt: now };
				return { id, state: (await this.store(doc, nextAt === now)).state };
			} catch (error) {
				if (!isDuplicate(error)) throw error;
				return { id, state: ((await this.mails.get(id)) as MailDoc).state };
			}
		},

		async sendDue() {
			return { sent: (await this.posting?.sendDue()) ?? 0 };
		},

		async endContent() {
			return { ended: await this.retention.end() };
		},

		async retry(ctx) {
			const { id } = ctx.params;
			const now = this.clock.now();
			const taken = await this.mails.advance(
				{ id, state: "parked" },
				{ $set: { state: "waiting", nextAt: now, createdAt: now } },
			);
			const found = taken ?? (await this.mails.get(id));
			if (!found) throw problem(mail, "MAIL_NOT_FOUND");
			return { state: found.state };
		},

		async shown(ctx) {
			const { id: userId, roles } = ctx.locals.user;
			const guard: Guard = {
				shown: { $exists: true },
				...(!roles.includes("admin") && { userId }),
			};
			const found = await this.mails.list(guard, ctx.params, { createdAt: -1 });
			return { ...found, items: found.items.map(shownMail) };
		},

		async inbox() {
			return { contentType: "text/html; charset=utf-8", content: await asset("inbox.html") };
		},

		async inboxScript() {
			return { contentType: "text/javascript; charset=utf-8", content: await asset("inbox.js") };
		},

		async inboxStyle() {
			return { contentType: "text/css; charset=utf-8", content: await asset("inbox.css") };
		},
	},

	async started() {
		const { SMTP_URL, RETENTION_DAYS, publicUrl, sandbox } = this.env;
		this.retention = retentionOf(this.mails, this.clock, RETENTION_DAYS);
		const smtp = SMTP_URL === undefined ? undefined : smtpCarrier(SMTP_URL, publicUrl);
		this.carrier = smtp
			? watchedCalls(this.env, this.name, smtp, ["send"])
			: sandbox
				? inboxCarrier
				: undefined;
		if (!this.carrier) {
			this.logger.warn("SMTP_URL is not set: nobody gets mail");
			return;
		}
		const posting = new Posting({
			mails: this.mails,
			clock: this.clock,
			carrier: this.carrier,
			domain: mailDomain(publicUrl),
			compose: stored => this.compose(stored),
			warn: message => this.logger.warn(message),
		});
		this.posting = posting;
		await platformOf(this.broker).runners.add({
			start: async () => {},
			stop: () => posting.idle(),
		});
	},

	async stopped() {
		this.carrier?.close();
	},
});
