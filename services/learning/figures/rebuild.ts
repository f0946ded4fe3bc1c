import type { Caller } from "../../../kernel/contract.ts";
import type { Collection } from "../../../kernel/store/collection.ts";
import type { Doc } from "../../../kernel/store/model.ts";
import type {
	FigureDayDoc,
	FigureMovementDoc,
	FigureSeatDoc,
} from "../../../models/learning/figure.model.ts";
import { type Books, movementKey } from "./books.ts";
import { isCounted } from "./sums.ts";

const batch = 500;

export interface RebuildNeeds {
	mesh: Caller;
	books: Books;
	seats: Collection<FigureSeatDoc>;
	movements: Collection<FigureMovementDoc>;
	days: Collection<FigureDayDoc>;
}

/** All of a collection, page by page in the order of ids. */
async function* pagesOf<T extends Doc>(collection: Collection<T>): AsyncGenerator<T[]> {
	for (let after = ""; ; ) {
		const page = await collection.find({ id: { $gt: after } }, { sort: { id: 1 }, limit: batch });
		if (page.length > 0) yield page;
		if (page.length < batch) return;
		after = page.at(-1)?.id ?? "";
	}
}

/**
 * Takes in all that the owners have, lets go of what they do not know, and counts every day again. What happens meanwhile
 * is taken in by its facts as ever: a fact is written with what it tells, so that nothing it brought is unknown to its
 * owner.
 */
export async function rebuild(needs: RebuildNeeds) {
	const { books, days } = needs;
	const places = new Set<string>();
	const movements = await takeMovements(needs, places);
	const enrollments = await takeEnrollments(needs, places);
	const removed = (await dropMovements(needs)) + (await dropSeats(needs));
	for await (const page of pagesOf(days)) for (const { id } of page) places.add(id);
	const courses = await books.recount(places);
	return { movements, enrollments, removed, courses: courses.length };
}

async function takeMovements({ mesh, books }: RebuildNeeds, places: Set<string>): Promise<number> {
	let taken = 0;
	for (let after = ""; ; ) {
		const { paymentIds, payables, items } = await mesh.call("payments.movements", { after });
		const payableOf = new Map(paymentIds.map((id, i) => [id, payables[i]]));
		for (const moved of items) {
			const payable = payableOf.get(moved.paymentId);
			if (payable?.kind !== "course" || !isCounted(moved.kind)) continue;
			for (const place of await books.move(payable.id, moved, true)) places.add(place);
			taken++;
		}
		const last = paymentIds.at(-1);
		if (last === undefined) return taken;
		after = last;
	}
}

async function takeEnrollments(
	{ mesh, books }: RebuildNeeds,
	places: Set<string>,
): Promise<number> {
	let taken = 0;
	for (let after = ""; ; ) {
		const { items } = await mesh.call("enrollments.records", { after });
		const last = items.at(-1);
		if (!last) return taken;
		for (const place of await books.seat(items.map(({ id }) => id))) places.add(place);
		taken += items.length;
		after = last.id;
	}
}

async function dropMovements({ mesh, movements }: RebuildNeeds): Promise<number> {
	let removed = 0;
	for await (const page of pagesOf(movements)) {
		const ids = [...new Set(page.map(({ paymentId }) => paymentId))];
		const { items } = await mesh.call("payments.movements", { ids });
		const known = new Set(items.map(movementKey));
		for (const { id } of page) if (!known.has(id)) removed += await movements.remove({ id });
	}
	return removed;
}

async function dropSeats({ mesh, seats }: RebuildNeeds): Promise<number> {
	let removed = 0;
	for await (const page of pagesOf(seats)) {
		const { items } = await mesh.call("enrollments.records", { ids: page.map(({ id }) => id) });
		const known = new Set(items.map(({ id }) => id));
		for (const { id } of page) if (!known.has(id)) removed += await seats.remove({ id });
	}
	return removed;
}
