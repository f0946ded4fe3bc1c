import assert from "node:assert/strict";
import { test } from "node:test";
import { Collection, type Driver, type Raw } from "../../../kernel/store/collection.ts";
import { defineModel } from "../../../kernel/store/model.ts";

const model = defineModel<{ id: string; rank: number }>()({
	name: "things",
	fields: { rank: Number },
	indexes: {},
});

const things = (count: number): Raw[] =>
	Array.from({ length: count }, (_, i) => ({ _id: `t${i}`, rank: i }));

/** A collection whose reads find so many items in all, and another number a moment later. */
function listOf(count: number, later: number) {
	const asked: string[] = [];
	const driver = {
		async find(_query: object, { limit = 0, skip = 0 }) {
			asked.push("find");
			return things(count).slice(skip, skip + limit);
		},
		async count(_query: object, limit: number) {
			asked.push("count");
			return Math.min(later, limit);
		},
	};
	return { collection: new Collection(model, driver as unknown as Driver), asked };
}

test("a page that ends the list says by itself how many there are, whatever a count finds later", async () => {
	for (const [count, page, total] of [
		[0, 1, 0],
		[3, 1, 3],
		[5, 1, 5],
		[8, 2, 8],
	] as const) {
		const { collection, asked } = listOf(count, 99);
		const found = await collection.list({}, { page, pageSize: 5 }, { rank: 1 });
		assert.equal(found.total, total);
		assert.deepEqual(asked, ["find"]);
	}
});

test("else they are counted, and are no fewer than were seen", async () => {
	const more = listOf(9, 6);
	assert.equal((await more.collection.list({}, { pageSize: 6 }, { rank: 1 })).total, 7);
	assert.deepEqual(more.asked, ["find", "count"]);
	const beyond = listOf(9, 9);
	const nothing = await beyond.collection.list({}, { page: 3, pageSize: 6 }, { rank: 1 });
	assert.deepEqual([nothing.items, nothing.total], [[], 9]);
	const cursor = (await more.collection.list({}, { pageSize: 6 }, { rank: 1 })).nextCursor ?? "";
	const next = listOf(3, 9);
	assert.equal((await next.collection.list({}, { cursor, pageSize: 6 }, { rank: 1 })).total, 9);
});

test("where it goes on is asked for within the bounds of an index", async () => {
	const queries: object[] = [];
	const driver = {
		async find(query: object) {
			queries.push(query);
			return [];
		},
		async count() {
			return 0;
		},
	};
	const collection = new Collection(model, driver as unknown as Driver);
	const cursorAt = (position: unknown) =>
		Buffer.from(JSON.stringify(position)).toString("base64url");
	const asked = async (position: unknown, rank: 1 | -1) => {
		queries.length = 0;
		const guard = { rank: { $lte: 9 } };
		await collection.list(guard, { cursor: cursorAt(position) }, { rank });
		return queries.map(query => (query as { $and: object[] }).$and);
	};
	const none = { rank: { $exists: false } };
	assert.deepEqual(await asked([7, "t7"], -1), [
		[{ rank: { $lte: 7 }, $or: [{ rank: { $lt: 7 } }, { _id: { $lt: "t7" } }] }],
		[none],
	]);
	assert.deepEqual(await asked([7, "t7"], 1), [
		[{ rank: { $gte: 7 }, $or: [{ rank: { $gt: 7 } }, { _id: { $gt: "t7" } }] }],
	]);
	assert.deepEqual(await asked([null, "t7"], -1), [[{ ...none, _id: { $lt: "t7" } }]]);
	assert.deepEqual(await asked([null, "t7"], 1), [
		[{ ...none, _id: { $gt: "t7" } }],
		[{ rank: { $exists: true } }],
	]);
});
