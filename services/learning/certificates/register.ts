import { type Clock, iso } from "../../../kernel/clock.ts";
import type { Ctx } from "../../../kernel/contract.ts";
import { problem } from "../../../kernel/errors.ts";
import { fact } from "../../../kernel/facts/fact.ts";
import { idFor } from "../../../kernel/ids.ts";
import {
	type Collection,
	isDuplicate,
	type OutgoingFact,
} from "../../../kernel/store/collection.ts";
import type { CertificateDoc } from "../../../models/learning/certificate.model.ts";
import type { Enrollment } from "../enrollments/enrollments.contract.ts";
import { certificates as contract } from "./certificates.contract.ts";

/** The request or fact that causes a change; its seed, if any, decides the ids. */
type Cause = Pick<Ctx, "headers" | "locals">;

/** What a certificate says for good. */
export interface Snapshot {
	courseTitle: string;
	studentName: string;
}

export interface RegisterNeeds {
	certificates: Collection<CertificateDoc>;
	clock: Clock;
	/** An enrollment as it stands at this moment. */
	seat(id: string): Promise<Pick<Enrollment, "status" | "completedAt">>;
	/** What it is to say, as it is at this moment. */
	snapshot(of: Pick<CertificateDoc, "courseId" | "userId">): Promise<Snapshot>;
}

const unseeded = { headers: {}, locals: {} } as Cause;

/**
 * The certificates there are, one per enrollment. A place is written before the enrollment is read, and each change is made
 * on the place as it was before that: who hears that an enrollment ended finds the place, and voids what is under way.
 */
export class Register {
	readonly #needs: RegisterNeeds;

	constructor(needs: RegisterNeeds) {
		this.#needs = needs;
	}

	/** Issues the certificate of an enrollment; one that was issued before is given as it is. @throws COURSE_NOT_COMPLETED */
	async issue(
		cause: Cause,
		of: Pick<CertificateDoc, "enrollmentId" | "courseId" | "userId">,
	): Promise<CertificateDoc> {
		const { certificates, clock } = this.#needs;
		for (;;) {
			const place = await this.#place(cause, of);
			const { status, completedAt } = await this.#needs.seat(of.enrollmentId);
			if (status !== "completed" || !completedAt) throw problem(contract, "COURSE_NOT_COMPLETED");
			if (place.state === "issued") return place;
			if (place.state === "revoked") {
				await this.agree(of.enrollmentId);
				continue;
			}
			const snapshot = await this.#needs.snapshot(of);
			const issuedAt = iso(clock.now());
			const issued = await certificates.advance(
				{ id: place.id, version: place.version },
				{ $set: { state: "issued", ...snapshot, completedAt, issuedAt }, $inc: { version: 1 } },
				[this.#told(cause, "certificate.issued", place)],
			);
			if (issued) return issued;
		}
	}

	/**
	 * Brings the certificate of an enrollment, if there is one, to what the enrollment is: it holds while that is completed,
	 * and not once it is dropped. Looks again after each change, so that of two who run at once the last one is right.
	 */
	async agree(enrollmentId: string): Promise<void> {
		const { certificates, clock, seat } = this.#needs;
		for (;;) {
			const place = await certificates.findOne({ enrollmentId });
			if (!place) return;
			const { status } = await seat(enrollmentId);
			const { id, version, state } = place;
			const guard = { id, version };
			const $inc = { version: 1 };
			if (state === "pending" && status === "dropped") {
				await certificates.advance(guard, { $inc });
				return;
			}
			if (state === "issued" && status === "dropped")
				await certificates.advance(
					guard,
					{ $set: { state: "revoked", revokedAt: iso(clock.now()) }, $inc },
					[this.#told(unseeded, "certificate.revoked", place)],
				);
			else if (state === "revoked" && status === "completed")
				await certificates.advance(
					guard,
					{ $set: { state: "issued" }, $unset: { revokedAt: true }, $inc },
					[this.#told(unseeded, "certificate.reinstated", place)],
				);
			else return;
		}
	}

	/** A certificate that was issued, revoked since or not; null where there is none of this id. */
	async find(id: string): Promise<CertificateDoc | null> {
		const found = await this.#needs.certificates.get(id);
		return found && found.state !== "pending" ? found : null;
	}

	async #place(
		cause: Cause,
		of: Pick<CertificateDoc, "enrollmentId" | "courseId" | "userId">,
	): Promise<CertificateDoc> {
		const { certificates } = this.#needs;
		const { enrollmentId } = of;
		for (;;) {
			const found = await certificates.findOne({ enrollmentId });
			if (found) return found;
			try {
				const id = idFor(cause as never, "crt");
				return await certificates.insert({ id, ...of, state: "pending", version: 1 });
			} catch (error) {
				if (!isDuplicate(error)) throw error;
			}
		}
	}

	#told(
		cause: Cause,
		name: "certificate.issued" | "certificate.revoked" | "certificate.reinstated",
		{ id: certificateId, courseId, userId }: CertificateDoc,
	): OutgoingFact {
		const data = { certificateId, courseId, userId };
		return fact(cause, this.#needs.clock, contract, name, data);
	}
}
