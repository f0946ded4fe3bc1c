import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ServiceBroker } from "moleculer";
import { Collection } from "../../../kernel/store/collection.ts";
import type { Doc, Model } from "../../../kernel/store/model.ts";
import { openNedb } from "../../../kernel/store/nedb.ts";
import {
	FigureCourseModel,
	FigureDayModel,
	FigureMovementModel,
	FigureSeatModel,
} from "../../../models/learning/figure.model.ts";
import { Books, type Moved, type Seat } from "../../../services/learning/figures/books.ts";
import { periodOf } from "../../../services/learning/figures/period.ts";
import { moneyOf, totalOf } from "../../../services/learning/figures/sums.ts";

const broker = new ServiceBroker({ logger: false });
const open = async <T extends Doc>(model: Model<T>) =>
	new Collection(model, await openNedb(broker, model, undefined, assert.fail));

/** Books in memory. `owned`: enrollments as their owner has them; an answer is late by some turns of the loop. */
async function booksOf(owned: Map<string, Seat>) {
	const [seats, movements, days, courses] = await Promise.all([
		open(FigureSeatModel),
		open(FigureMovementModel),
		open(FigureDayModel),
		open(FigureCourseModel),
	]);
	let turns = 0;
	const enrollments = async (ids: readonly string[]) => {
		const answer = ids.flatMap(id => structuredClone(owned.get(id)) ?? []);
		for (let i = 0; i < turns++ % 4; i++) await new Promise(setImmediate);
		return answer;
	};
	const teacherOf = async () => "usr_t";
	const books = new Books({ seats, movements, days, courses, enrollments, teacherOf });
	return { books, seats, movements, days, courses };
}

const dayAt = (day: number): string => `2026-03-0${day + 1}T12:00:00.000Z`;
const kinds = ["capture", "refund", "refund_reversal", "dispute", "dispute_reversal"] as const;

const moved = fc
	.record({
		kind: fc.constantFrom(...kinds),
		amountMinor: fc.integer({ min: 1, max: 10_000 }),
		currency: fc.constantFrom("USD", "EUR"),
		day: fc.integer({ min: 0, max: 2 }),
	})
	.map(({ day, ...money }) => ({ ...money, at: dayAt(day) }));

describe("figures", () => {
	test("are what the movements come to, in whatever order, number and company they are told", async () => {
		await fc.assert(
			fc.asyncProperty(
				fc.array(moved, { minLength: 1, maxLength: 8 }),
				fc.array(fc.nat(), { maxLength: 8 }),
				fc.infiniteStream(fc.nat()),
				async (money, again, order) => {
					const all: Moved[] = money.map((m, i) => ({ ...m, id: `m_${i}`, paymentId: "pay_1" }));
					const told = [...all, ...again.map(i => all[i % all.length] as Moved)]
						.map(m => ({ m, rank: order.next().value as number }))
						.sort((a, b) => a.rank - b.rank);
					const { books, courses, days } = await booksOf(new Map());
					await Promise.all(told.map(async ({ m }) => books.recount(await books.move("crs_1", m))));
					const course = await courses.get("crs_1");
					assert.deepEqual(course?.money, totalOf([{ ...none, money: moneyOf(all) }]).money);
					for (const { day, money: ofDay } of await days.find({}))
						assert.deepEqual(ofDay, moneyOf(all.filter(({ at }) => at.startsWith(day))), day);
				},
			),
			{ numRuns: 60 },
		);
	});

	test("count who is in a course as its owner has it at the end, whatever was heard before", async () => {
		const statuses = ["active", "dropped", "completed"] as const;
		await fc.assert(
			fc.asyncProperty(
				fc.array(fc.tuple(fc.nat(2), fc.constantFrom(...statuses)), {
					minLength: 1,
					maxLength: 12,
				}),
				async changes => {
					const owned = new Map<string, Seat>();
					const { books, courses } = await booksOf(owned);
					await Promise.all(
						changes.map(async ([seat, status], i) => {
							for (let turn = 0; turn < i % 3; turn++) await new Promise(setImmediate);
							const id = `enr_${seat}`;
							const at = { courseId: "crs_1", enrolledAt: dayAt(seat) };
							const isDone = status === "completed" || owned.get(id)?.completedAt !== undefined;
							owned.set(id, { id, ...at, status, ...(isDone && { completedAt: dayAt(2) }) });
							await books.recount(await books.seat([id]));
						}),
					);
					const seats = [...owned.values()];
					const { students, completed } = (await courses.get("crs_1")) ?? none;
					assert.equal(students, seats.filter(({ status }) => status !== "dropped").length);
					assert.equal(completed, seats.filter(({ status }) => status === "completed").length);
				},
			),
			{ numRuns: 60 },
		);
	});

	test("are made good by the same fact where the count after it was cut off", async () => {
		const seat: Seat = { id: "enr_1", courseId: "crs_1", status: "active", enrolledAt: dayAt(0) };
		const { books, courses } = await booksOf(new Map([[seat.id, seat]]));
		const money = { paymentId: "pay_1", amountMinor: 5, currency: "USD" };
		const capture = { ...money, kind: "capture", id: "pay_1", at: dayAt(1) } as const;
		await books.move("crs_1", capture);
		await books.seat([seat.id]);
		await books.recount(await books.move("crs_1", capture));
		assert.equal((await courses.get("crs_1"))?.money.USD?.revenueMinor, 5);
		await books.recount(await books.seat([seat.id]));
		assert.equal((await courses.get("crs_1"))?.students, 1);
	});

	test("take off again what came back, and leave out what is the operator's", () => {
		const of = (kind: string, amountMinor: number, currency = "USD") => ({
			kind,
			amountMinor,
			currency,
		});
		assert.deepEqual(
			moneyOf([
				of("capture", 100),
				of("capture", 7, "EUR"),
				of("fee", 5),
				of("refund", 60),
				of("refund_reversal", 20),
				of("dispute", 30),
				of("dispute_reversal", 10),
			]),
			{
				EUR: { revenueMinor: 7, refundedMinor: 0, disputedMinor: 0 },
				USD: { revenueMinor: 100, refundedMinor: 40, disputedMinor: 20 },
			},
		);
	});

	test("move to the day that the owner says, and never back", async () => {
		const { books, days } = await booksOf(new Map());
		const capture = {
			kind: "capture",
			id: "pay_1",
			paymentId: "pay_1",
			amountMinor: 5,
			currency: "USD",
		};
		const told = { ...capture, at: "2026-03-02T00:00:00.001Z" } as const;
		const owners = { ...capture, at: "2026-03-01T23:59:59.999Z" } as const;
		await books.recount(await books.move("crs_1", told as Moved));
		await books.recount(await books.move("crs_1", owners as Moved, true));
		await books.recount(await books.move("crs_1", told as Moved));
		const revenue = Object.fromEntries(
			(await days.find({})).map(({ day, money }) => [day, money.USD?.revenueMinor ?? 0]),
		);
		assert.deepEqual(revenue, { "2026-03-01": 5, "2026-03-02": 0 });
	});
});

const none = totalOf([]);

test("a period is of days that follow each other, at most 366", () => {
	const now = Date.parse("2026-03-02T01:00:00Z");
	assert.deepEqual(periodOf({}, now), { from: "2026-02-01", to: "2026-03-02" });
	assert.deepEqual(periodOf({ to: "2026-01-01" }, now), { from: "2025-12-03", to: "2026-01-01" });
	assert.deepEqual(periodOf({ from: "2025-03-03" }, now).from, "2025-03-03");
	for (const asked of [{ from: "2026-03-03" }, { from: "2025-03-01" }])
		assert.throws(() => periodOf(asked, now), { type: "VALIDATION_ERROR" });
});
