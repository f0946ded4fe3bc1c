import type { Readable } from "node:stream";
import { iso } from "../../../kernel/clock.ts";
import type { Ctx } from "../../../kernel/contract.ts";
import { problem } from "../../../kernel/errors.ts";
import { defineMixin, implement } from "../../../kernel/implement.ts";
import { pastRetention, Retention } from "../../../kernel/store/retention.ts";
import { Store } from "../../../mixins/store.mixin.ts";
import { type FileDoc, FileModel } from "../../../models/content/file.model.ts";
import { files } from "./files.contract.ts";
import { Quota } from "./quota.ts";
import { partsOf } from "./rules.ts";
import type { DiskStore } from "./stores/disk.ts";
import { Stores } from "./stores/mixin.ts";
import type { FileStore } from "./stores/port.ts";
import { readTicket, type Ticket } from "./ticket.ts";
import { fileView, Uploads } from "./uploads.ts";

const ownLinkMs = 3_600_000;
/** Within it, an owner is given the same address again, which browsers then have in their cache. */
const sameLinkMs = 60_000;

const opened = defineMixin({
	brings: undefined as { quota: Quota; retention: Retention<FileDoc> } | undefined,
});

export default implement(files, {
	mixins: [Store({ files: FileModel }), Stores, opened],

	methods: {
		/** @throws FILE_STORE_MISSING */
		theStore(): FileStore {
			if (!this.store) throw problem(files, "FILE_STORE_MISSING");
			return this.store;
		},

		uploads(): Uploads {
			return new Uploads({
				files: this.files,
				store: this.theStore(),
				quota: this.quota,
				clock: this.clock,
				publicUrl: this.env.publicUrl,
				warn: (message, error) => this.logger.warn(message, error),
			});
		},

		/** @throws FILE_NOT_FOUND, also for one that is not `ownerId`'s where that is given */
		async known(id: string, ownerId?: string): Promise<FileDoc> {
			const file = await this.files.get(id);
			if (!file || (ownerId !== undefined && file.ownerId !== ownerId))
				throw problem(files, "FILE_NOT_FOUND");
			return file;
		},

		own(ctx: Ctx, id: string): Promise<FileDoc> {
			return this.known(id, ctx.locals.user.id);
		},

		/** @throws TICKET_INVALID unless it was signed here, for one of these uses, and holds */
		ticket(signed: string, uses: readonly Ticket["use"][]): Ticket {
			const ticket = readTicket(this.ticketSecrets, signed, this.clock.now());
			if (!ticket || !uses.includes(ticket.use)) throw problem(files, "TICKET_INVALID");
			return ticket;
		},

		/** An address that opens an uploaded file until then, ms. */
		linkTo(
			file: FileDoc & { key: string },
			disposition: "inline" | "attachment",
			expiresAt: number,
		): Promise<string> {
			return this.theStore().link(file, disposition, expiresAt);
		},
	},

	actions: {
		async begin(ctx) {
			return this.uploads().begin(ctx, ctx.params);
		},

		async confirm(ctx) {
			const { id, ownerId } = ctx.params;
			const file = await this.known(id, ownerId);
			return fileView(await this.uploads().confirm(ctx, file));
		},

		async find(ctx) {
			return fileView(await this.known(ctx.params.id));
		},

		async remove(ctx) {
			const file = await this.known(ctx.params.id);
			return fileView(await this.uploads().remove(ctx, file));
		},

		async link(ctx) {
			const { id, seconds, disposition = "inline" } = ctx.params;
			const file = await this.known(id);
			const { key } = file;
			if (key === undefined) throw problem(files, "FILE_NOT_UPLOADED");
			const expiresAt = this.clock.now() + seconds * 1_000;
			const url = await this.linkTo({ ...file, key }, disposition, expiresAt);
			return { url, expiresAt: iso(expiresAt) };
		},

		async get(ctx) {
			const file = await this.own(ctx, ctx.params.id);
			const { ownerId: _owner, purpose: _purpose, subjectId: _subject, ...view } = fileView(file);
			const { key } = file;
			if (key === undefined || !this.store) return view;
			const from = Math.ceil(this.clock.now() / sameLinkMs) * sameLinkMs;
			const url = await this.linkTo({ ...file, key }, "inline", from + ownLinkMs);
			return { ...view, url };
		},

		async signParts(ctx) {
			const { id, numbers } = ctx.params;
			return this.uploads().signParts(await this.own(ctx, id), numbers);
		},

		async parts(ctx) {
			return this.uploads().parts(await this.own(ctx, ctx.params.id));
		},

		async receive(ctx) {
			const { ticket: signed, contentType, contentLength } = ctx.params;
			const ticket = this.ticket(signed, ["whole", "part"]);
			const file = await this.known(ticket.fileId);
			if (file.status !== "awaiting_upload") throw problem(files, "UPLOAD_CLOSED");
			const size = partsOf(file.fileSize, file.partSize)[(ticket.number ?? 1) - 1];
			const isAsAnnounced =
				(contentLength ?? size) === size &&
				(ticket.use === "part" || contentType === file.contentType);
			if (size === undefined || !isAsAnnounced) throw problem(files, "UPLOAD_MISMATCH");
			const body = (ctx as unknown as { stream: Readable }).stream;
			await (this.disk as DiskStore).take(ticket, size, body);
			return { received: size };
		},

		async serve(ctx) {
			const ticket = this.ticket(ctx.params.ticket, ["inline", "attachment"]);
			const { id, key, contentType, fileName } = await this.known(ticket.fileId);
			if (key === undefined) throw problem(files, "FILE_NOT_FOUND");
			const pieces = await (this.disk as DiskStore).pieces(key);
			if (pieces.length === 0) throw problem(files, "FILE_NOT_FOUND");
			return {
				contentType,
				fileName,
				disposition: ticket.use as "inline" | "attachment",
				etag: `"${id}"`,
				pieces: pieces.map(({ number, size }) => ({ path: `${key}/${number}`, size })),
			};
		},

		async sweep(ctx) {
			await this.quota.countAll();
			return { swept: this.store ? await this.uploads().sweep(ctx) : 0 };
		},

		async endContent() {
			return { ended: await this.retention.end() };
		},

		async tidy() {
			return { dropped: this.store ? await this.uploads().tidy() : 0 };
		},
	},

	async started() {
		const { UPLOAD_QUOTA_GB, RETENTION_DAYS } = this.env;
		this.quota = new Quota(this.files, this.clock, UPLOAD_QUOTA_GB);
		this.retention = new Retention({
			collection: this.files,
			clock: this.clock,
			days: RETENTION_DAYS,
			settled: { status: { $in: ["rejected", "deleted"] } },
			settledAt: ({ updatedAt }) => Date.parse(updatedAt),
			without: () => ({ $set: { fileName: pastRetention } }),
		});
	},
});
