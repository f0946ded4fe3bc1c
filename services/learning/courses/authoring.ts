import { type Clock, iso } from "../../../kernel/clock.ts";
import type { Ctx, Params } from "../../../kernel/contract.ts";
import { problem } from "../../../kernel/errors.ts";
import { idFor } from "../../../kernel/ids.ts";
import type { Collection } from "../../../kernel/store/collection.ts";
import type { CourseDoc } from "../../../models/learning/course.model.ts";
import { namedAs } from "./catalogue.ts";
import { courses as contract } from "./courses.contract.ts";
import { changeOf, courseFrom } from "./editing.ts";
import { insertOnce } from "./insert-once.ts";
import { completionChanged } from "./lessons.ts";
import type { Rights } from "./rights.ts";
import { isSold } from "./terms.ts";

export interface AuthoringNeeds {
	courses: Pick<Collection<CourseDoc>, "get" | "insert" | "advance">;
	clock: Clock;
	/** The request of a signed-in user; its seed, if any, decides the ids. */
	ctx: Pick<Ctx, "call" | "headers" | "locals">;
	/** What that user may change. */
	rights: Pick<Rights, "editable">;
	/** Whether only approved teachers sell. */
	isApprovalOn: boolean;
}

/** Courses as their teachers make, change and archive them. */
export class Authoring {
	readonly #needs: AuthoringNeeds;

	constructor(needs: AuthoringNeeds) {
		this.#needs = needs;
	}

	/** @throws VALIDATION_ERROR as `termsAfter` does @throws TEACHER_NOT_APPROVED for a course that is sold. */
	async create(wanted: Params<"courses.create">): Promise<CourseDoc> {
		const { courses, ctx } = this.#needs;
		const id = idFor(ctx, "crs");
		const course = courseFrom(wanted, { id, teacherId: ctx.locals.user.id, now: this.#now() });
		if (isSold(course)) await this.#checkApproval();
		return insertOnce(courses, course);
	}

	/**
	 * Changes a course, and tells it where that changes what completes it. Where its terms or its name were changed
	 * meanwhile it is decided again.
	 * @throws VALIDATION_ERROR as `termsAfter` does @throws TEACHER_NOT_APPROVED where it is sold from now on
	 * @throws COURSE_NOT_FOUND @throws FORBIDDEN
	 */
	async update({ id, ...wanted }: Params<"courses.update">): Promise<CourseDoc> {
		const { courses, clock, rights } = this.#needs;
		for (;;) {
			const course = await rights.editable(id);
			const change = changeOf(course, wanted, this.#now());
			if (isSold(change) && !isSold(course)) await this.#checkApproval();
			const { status, priceMinor, currency } = course;
			const guard = { id, status, priceMinor, currency, ...namedAs(course) };
			const { completionRule = course.completionRule } = change;
			const facts = completionRule === course.completionRule ? [] : [completionChanged(clock, id)];
			const changed = await courses.advance(guard, { $set: change }, facts);
			if (changed) return changed;
		}
	}

	/** Takes a course off the shelf; a second time changes nothing. @throws COURSE_NOT_FOUND @throws FORBIDDEN */
	async archive(wantedId: string): Promise<CourseDoc> {
		const { courses, rights } = this.#needs;
		const { id } = await rights.editable(wantedId);
		const archived = await courses.advance(
			{ id, status: { $in: ["draft", "published"] } },
			{ $set: { status: "archived", updatedAt: this.#now() } },
		);
		return archived ?? ((await courses.get(id)) as CourseDoc);
	}

	/** @throws TEACHER_NOT_APPROVED where approval is on and the caller has none. */
	async #checkApproval(): Promise<void> {
		const { ctx, isApprovalOn } = this.#needs;
		const { id, roles } = ctx.locals.user;
		if (!isApprovalOn || roles.includes("admin")) return;
		const { approved } = await ctx.call("users.describe", { id });
		if (!approved) throw problem(contract, "TEACHER_NOT_APPROVED");
	}

	#now(): string {
		return iso(this.#needs.clock.now());
	}
}
