import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { brokenPromises, type Lock } from "../../../kernel/lock.ts";
import { root } from "../../support/node.ts";
import type { Defect, Run } from "../drill.ts";
import { plant, sourcesWith } from "./planted.ts";

type Edit = Pick<Defect, "file" | "from" | "to">;

/**
 * What the next version could bring, all of it allowed by the contract lock: a field more in a course and in a fact, a
 * param that may be sent, an action that another service uses where it is there and that has a route, a consumer of a
 * fact that there was already.
 */
const change: readonly Edit[] = [
	{
		file: "services/learning/courses/courses.contract.ts",
		from: "\tteacherId: Type.String(),\n\tenrollmentCount",
		to: "\tteacherId: Type.String(),\n\tedition: Type.Optional(Type.String()),\n\tenrollmentCount",
	},
	{
		file: "services/learning/courses/view.ts",
		from: "\tteacherId: course.teacherId,\n",
		to: '\tteacherId: course.teacherId,\n\tedition: "first",\n',
	},
	{
		file: "services/learning/courses/courses.contract.ts",
		from: "\t\tdescribe: {\n",
		to: '\t\tbrief: {\n\t\t\tdescription: "A course\'s title",\n\t\t\tkind: "read",\n\t\t\taccess: ["internal", "public"],\n\t\t\trest: "GET /api/courses/:id/brief",\n\t\t\tparams: byId,\n\t\t\tresult: Type.Object({ title: Type.String() }, { $id: "CourseBrief" }),\n\t\t\terrors: { COURSE_NOT_FOUND },\n\t\t\texample,\n\t\t},\n\t\tdescribe: {\n',
	},
	{
		file: "services/learning/courses/courses.service.ts",
		from: "\t\tasync describe(ctx) {\n",
		to: '\t\tasync brief(ctx) {\n\t\t\tconst course = await this.courses.get(ctx.params.id);\n\t\t\tif (!course) throw problem(courses, "COURSE_NOT_FOUND");\n\t\t\treturn { title: course.title };\n\t\t},\n\n\t\tasync describe(ctx) {\n',
	},
	{
		file: "services/engagement/notifications/notifications.service.ts",
		from: '\t\t\treturn (await ctx.call("courses.describe", { id })).title;\n',
		to: '\t\t\ttry {\n\t\t\t\treturn (await ctx.call("courses.brief", { id })).title;\n\t\t\t} catch (error) {\n\t\t\t\tif (!/^SERVICE_NOT_(FOUND|AVAILABLE)$/.test((error as { type?: string }).type ?? "")) throw error;\n\t\t\t\treturn (await ctx.call("courses.describe", { id })).title;\n\t\t\t}\n',
	},
	{
		file: "services/engagement/notifications/kinds.ts",
		from: '\t"payment.failed": {\n',
		to: '\t"payment.fee_charged": {\n\t\ttitle: "Fee",\n\t\tbody: "The provider took its fee.",\n\t\tpath: purchases,\n\t\temail: false,\n\t\tisCritical: true,\n\t},\n\t"payment.failed": {\n',
	},
	{
		file: "services/engagement/notifications/notifications.contract.ts",
		from: '\t\t"payment.captured": { from: "start" },\n',
		to: '\t\t"payment.captured": { from: "start" },\n\t\t"payment.fee_charged": { from: "start" },\n',
	},
	{
		file: "services/engagement/notifications/tellings.ts",
		from: '\t"payment.failed": (',
		to: '\t"payment.fee_charged": ({ userId, paymentId }) => ({ userId, data: { paymentId } }),\n\t"payment.failed": (',
	},
	{
		file: "services/money/payments/payments.contract.ts",
		from: 'Type.Object({ ...factData, ...factMoney }, { $id: "PaymentCaptured" })',
		to: 'Type.Object({ ...factData, ...factMoney, method: Type.Optional(Type.String()) }, { $id: "PaymentCaptured" })',
	},
	{
		file: "services/money/payments/told.ts",
		from: "\t\t...money(payment),\n\t});\n\n/** @param decline",
		to: '\t\t...money(payment),\n\t\tmethod: "card",\n\t});\n\n/** @param decline',
	},
	{
		file: "services/money/payments/payments.schemas.ts",
		from: "Type.Object({ id: Id, userId: Id });",
		to: "Type.Object({ id: Id, userId: Id, channel: Type.Optional(Type.String()) });",
	},
	{
		file: "services/money/payments/owner.ts",
		from: 'this.#call<Quote>("payable", kind, { id, userId })',
		to: 'this.#call<Quote>("payable", kind, { id, userId, channel: "web" })',
	},
];

/** The facts that only the next version's notifications handle, as their notices say it. */
export const newNotice = "payment.fee_charged";

/** Sources of the next version; in the run's private copy where a defect is planted there. */
export function nextVersion(run: Pick<Run, "after" | "sources">): string {
	const dir = run.sources ?? sourcesWith(run);
	for (const edit of change) plant(dir, edit);
	return dir;
}

/** Sources of a commit; undefined where this repository's history does not reach back to it. */
export function versionOf(run: Pick<Run, "after">, commit: string): string | undefined {
	const known = spawnSync("git", ["cat-file", "-e", `${commit}^{commit}`], { cwd: root });
	if (known.status !== 0) return undefined;
	const dir = mkdtempSync(join(tmpdir(), "zeolite-version-"));
	run.after(() => rmSync(dir, { recursive: true, force: true }));
	const archive = spawnSync("git", ["archive", commit], { cwd: root, maxBuffer: 2 ** 28 });
	const unpacked = spawnSync("tar", ["-x", "-C", dir], { input: archive.stdout });
	if (archive.status !== 0 || unpacked.status !== 0) throw new Error(`${commit} is not whole`);
	symlinkSync(join(root, "node_modules"), join(dir, "node_modules"));
	return dir;
}

/** Printed by a process of its own: a contract is known to the kernel that made it alone. */
const printLock = `
	import { Contracts } from "./kernel/contracts.ts";
	import { findServices } from "./kernel/load.ts";
	import { lockOf } from "./kernel/lock.ts";
	const folders = await findServices(process.cwd());
	console.log(JSON.stringify(lockOf(new Contracts(folders.map(({ contract }) => contract)))));
`;

async function locked(cwd: string): Promise<Lock> {
	const args = ["--input-type=module", "--eval", printLock];
	const { stdout } = await promisify(execFile)(process.execPath, args, { cwd, maxBuffer: 2 ** 28 });
	return JSON.parse(stdout);
}

/** What the contract lock says against one version after another. @throws Error where contracts cannot be read. */
export async function promisesBroken(before: string, after: string): Promise<string[]> {
	const [old, now] = await Promise.all([locked(before), locked(after)]);
	return brokenPromises(old, now).map(line => `the lock refuses it: ${line}`);
}
