import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import type { Clock } from "../../../../kernel/clock.ts";
import { watchedCalls } from "../../../../kernel/crash-point.ts";
import { filesDir } from "../../../../kernel/data-dir.ts";
import type { Env } from "../../../../kernel/env.ts";
import { defineMixin } from "../../../../kernel/implement.ts";
import { DiskStore } from "./disk.ts";
import type { FileStore } from "./port.ts";
import type { S3Store } from "./s3.ts";

interface WithStore {
	env: Env;
	clock: Clock;
	name: string;
	/** Where this deployment keeps files; undefined where it has no store. */
	store: FileStore | undefined;
	/** The same where that is a disk, with what only a disk does. */
	disk: DiskStore | undefined;
	/** Secrets of signed addresses: the first signs, all open. */
	ticketSecrets: readonly string[];
	s3: S3Store | undefined;
}

/** What crash points of the service are. */
const changing = ["open", "seal", "purge"] as const;
const changingOnDisk = [...changing, "take"] as const;

/** Gives a service the store of files that is set up here. */
export const Stores = defineMixin({
	brings: undefined as Pick<WithStore, "store" | "disk" | "ticketSecrets"> | undefined,
	async started(this: WithStore) {
		const { env } = this;
		const secrets = env.SERVICE_SECRET_KEY;
		this.ticketSecrets = secrets.length > 0 ? secrets : [randomBytes(32).toString("hex")];
		if (env.files === "s3") this.s3 = new (await import("./s3.ts")).S3Store(env, this.clock);
		if (env.files === "disk") {
			const disk = new DiskStore({
				dir: filesDir(env.DATA_DIR),
				publicUrl: env.publicUrl,
				secret: this.ticketSecrets[0] as string,
			});
			await disk.start();
			this.disk = watchedCalls(env, this.name, disk, changingOnDisk);
		}
		this.store = this.s3 ? watchedCalls<FileStore>(env, this.name, this.s3, changing) : this.disk;
	},
	async stopped(this: WithStore) {
		this.s3?.close();
		if (this.disk && this.env.DATA_DIR === ":memory:")
			await rm(filesDir(":memory:"), { recursive: true, force: true });
	},
});
