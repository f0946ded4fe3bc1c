import {
	type Collection,
	isDuplicate,
	type OutgoingFact,
} from "../../../kernel/store/collection.ts";
import type { Doc } from "../../../kernel/store/model.ts";

/** Inserts a document; where a run that was cut off under the same seed made it already, gives that one back. */
export async function insertOnce<T extends Doc>(
	collection: Pick<Collection<T>, "insert" | "get">,
	doc: T,
	facts: readonly OutgoingFact[] = [],
): Promise<T> {
	try {
		return await collection.insert(doc, facts);
	} catch (error) {
		const made = isDuplicate(error, "id") ? await collection.get(doc.id) : null;
		if (!made) throw error;
		return made;
	}
}
