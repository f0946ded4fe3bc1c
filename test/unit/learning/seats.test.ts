import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Collection, type Driver } from "../../../kernel/store/collection.ts";
import { type EnrollmentDoc, EnrollmentModel } from "../../../models/learning/enrollment.model.ts";
import { isSeated, paidBy } from "../../../services/learning/enrollments/seat-steps.ts";
import { Seats, tookSeat } from "../../../services/learning/enrollments/seats.ts";
import { memoryDriver } from "../../support/memory.ts";

const driver = await memoryDriver(EnrollmentModel);
const clock = { now: () => Date.UTC(2026, 0, 1) };
let users = 0;
const newPair = () => ({ userId: `usr_${users++}`, courseId: "crs_1" });

interface World {
	seats: Seats;
	enrollments: Collection<EnrollmentDoc>;
	pair: { userId: string; courseId: string };
	cause(seed?: string): never;
	seat(): Promise<EnrollmentDoc>;
	/** Names of the facts that were told, in the order of their making. */
	facts(): Promise<string[]>;
}

/** Seats of one user, a new one unless given, in a store that may be slowed down. */
function world(pair = newPair(), through: Driver = driver): World {
	const enrollments = new Collection(EnrollmentModel, driver);
	const seat = async () => (await enrollments.findOne({ userId: pair.userId })) as EnrollmentDoc;
	return {
		seats: new Seats(new Collection(EnrollmentModel, through), clock),
		enrollments,
		pair,
		cause: seed => ({ headers: seed ? { seed } : {}, locals: {} }) as never,
		seat,
		async facts() {
			const { id } = await seat();
			const outbox = (await enrollments.outboxes(100_000)).find(told => told.id === id);
			return (outbox?.facts ?? []).map(({ name }) => name.replace("enrollment.", ""));
		},
	};
}

describe("a seat", () => {
	test("is one per user and course; dropped, it is taken up again with id and progress", async () => {
		const { seats, enrollments, pair, cause, seat, facts } = world();
		const opened = await seats.open(cause(), pair);
		assert.equal(await seats.open(cause(), pair), null);
		assert.equal(await seats.reopen(cause(), opened as EnrollmentDoc), null, "nothing to reopen");
		await enrollments.advance(
			{ id: opened?.id },
			{ $set: { progress: 4_200 }, $inc: { version: 1 } },
		);
		await seats.drop(cause(), await seat());
		assert.deepEqual(
			[(await seat()).status, (await seat()).droppedAt !== undefined],
			["dropped", true],
		);
		assert.equal(await seats.open(cause(), pair), null);
		const again = await seats.reopen(cause(), await seat());
		assert.deepEqual(
			[again?.id, again?.status, again?.progress, again?.droppedAt],
			[opened?.id, "active", 4_200, undefined],
		);
		assert.deepEqual(await facts(), ["activated", "dropped", "activated"]);
	});

	test("that was completed is completed when it is taken up again", async () => {
		const { seats, enrollments, pair, cause, seat } = world();
		const { id } = (await seats.open(cause(), pair)) as EnrollmentDoc;
		const completedAt = "2026-01-01T00:00:00.000Z";
		await enrollments.advance({ id }, { $set: { status: "completed", completedAt } });
		await seats.drop(cause(), await seat());
		assert.equal((await seat()).completedAt, completedAt);
		assert.equal((await seats.reopen(cause(), await seat()))?.status, "completed");
	});

	test("is bought once by a payment, however often that is told", async () => {
		const { seats, pair, cause, seat, facts } = world();
		for (let told = 0; told < 3; told++) await seats.buy(cause("fct_1"), pair, "pay_1");
		assert.deepEqual((await seat()).payments, { pay_1: "captured" });
		assert.deepEqual(await facts(), ["activated"]);
		await seats.drop(cause(), await seat());
		await seats.buy(cause("fct_1"), pair, "pay_1");
		assert.equal((await seat()).status, "dropped", "an old capture does not undo a drop");
		await seats.buy(cause("fct_2"), pair, "pay_2");
		assert.equal((await seat()).status, "active");
	});

	test("had already, knows that the payment on top bought nothing", async () => {
		for (const first of [undefined, "pay_0"]) {
			const { seats, pair, cause, seat, facts } = world();
			await seats.open(cause(), pair, first);
			await seats.buy(cause(), pair, "pay_1");
			await seats.buy(cause(), pair, "pay_1");
			assert.equal((await seat()).payments.pay_1, "surplus");
			assert.equal(paidBy(await seat()), first);
			assert.deepEqual(await facts(), ["activated"]);
		}
	});

	test("is not paid by what was refunded, in whatever order that is heard of", async () => {
		const { seats, pair, cause, seat, facts } = world();
		await seats.openDropped(cause(), pair, "pay_1");
		await seats.buy(cause(), pair, "pay_1");
		assert.deepEqual([(await seat()).status, paidBy(await seat())], ["dropped", undefined]);
		assert.deepEqual(await facts(), []);
		assert.equal(await seats.openDropped(cause(), pair, "pay_2"), null);
	});

	test("dropped first and refunded later is not paid either", async () => {
		const { seats, pair, cause, seat, facts } = world();
		await seats.buy(cause(), pair, "pay_1");
		const before = await seat();
		await seats.drop(cause(), before);
		await seats.drop(cause(), before, "pay_1");
		assert.deepEqual((await seat()).payments, { pay_1: "refunded" });
		assert.equal(await seats.reopen(cause(), before, "pay_1"), null);
		assert.deepEqual(await facts(), ["activated", "dropped"]);
	});

	test("is known again by the request that took it, and by no other", async () => {
		const { seats, pair, cause, seat } = world();
		await seats.open(cause("key_1"), pair);
		assert.ok(tookSeat(cause("key_1"), await seat()));
		assert.ok(!tookSeat(cause("key_2"), await seat()));
		assert.ok(!tookSeat(cause(), await seat()));
		await seats.drop(cause("key_3"), await seat());
		await seats.reopen(cause("key_2"), await seat());
		assert.ok(tookSeat(cause("key_2"), await seat()));
		const unseeded = world();
		await unseeded.seats.open(cause(), unseeded.pair);
		assert.ok(!tookSeat(cause(), await unseeded.seat()));
	});
});

const refund = { paymentId: "pay_1", refundId: "rfd_1", endsAccess: true };

describe("a refund of a seat", () => {
	test("is measured from the progress at which it was bought", async () => {
		const { seats, enrollments, pair, cause, seat } = world();
		const at = async (progress: number) =>
			enrollments.advance({ id: (await seat()).id }, { $set: { progress }, $inc: { version: 1 } });
		await seats.buy(cause(), pair, "pay_1");
		await at(3_700);
		assert.deepEqual(await seats.hold(cause(), pair, refund), {
			part: 6_300,
			of: 10_000,
			progressPercentage: 37,
		});
		await seats.refunded(cause(), pair, refund);
		await seats.buy(cause(), pair, "pay_2");
		await at(5_000);
		const second = { paymentId: "pay_2", refundId: "rfd_2" };
		const { part, of } = await seats.hold(cause(), pair, second);
		assert.deepEqual([part, of], [5_000, 6_300]);
	});

	test("freezes it once, for one refund, and buys it first if need be", async () => {
		const { seats, pair, cause, seat, facts } = world();
		await seats.hold(cause(), pair, refund);
		await seats.hold(cause(), pair, refund);
		const { status, heldBy, payments } = await seat();
		assert.deepEqual([status, heldBy, payments], ["active", "rfd_1", { pay_1: "refunding" }]);
		assert.deepEqual(await facts(), ["activated"]);
		await seats.release(cause(), pair, { ...refund, refundId: "rfd_other" });
		assert.equal((await seat()).heldBy, "rfd_1", "another refund does not thaw it");
		await seats.release(cause(), pair, refund);
		const thawed = await seat();
		assert.deepEqual([thawed.heldBy, thawed.payments], [undefined, { pay_1: "captured" }]);
	});

	test("drops it once; one that failed gives it back, in whatever order they are heard of", async () => {
		for (const order of ["refunded first", "failed first"]) {
			const { seats, pair, cause, seat, facts } = world();
			await seats.buy(cause(), pair, "pay_1");
			await seats.hold(cause(), pair, refund);
			const told = [
				() => seats.refunded(cause(), pair, refund),
				() => seats.refundFailed(cause(), pair, refund),
			];
			for (const tell of order === "refunded first" ? told : told.toReversed())
				for (let twice = 0; twice < 2; twice++) await tell();
			const { status, payments, heldBy } = await seat();
			assert.deepEqual([status, payments, heldBy], ["active", { pay_1: "captured" }, undefined]);
			assert.deepEqual(
				await facts(),
				order === "refunded first" ? ["activated", "dropped", "activated"] : ["activated"],
			);
		}
	});

	test("of a payment that bought nothing leaves the seat and freezes nothing", async () => {
		const { seats, pair, cause, seat } = world();
		await seats.buy(cause(), pair, "pay_0");
		await seats.buy(cause(), pair, "pay_1");
		const usage = await seats.hold(cause(), pair, refund);
		assert.deepEqual([usage.part === usage.of, (await seat()).heldBy], [true, undefined]);
		await seats.refunded(cause(), pair, refund);
		assert.deepEqual((await seat()).payments, { pay_0: "captured", pay_1: "refunded" });
		assert.equal((await seat()).status, "active");
	});

	test("heard of before its capture leaves nothing to be taken", async () => {
		const { seats, pair, cause, seat } = world();
		await seats.refunded(cause(), pair, refund);
		await seats.buy(cause(), pair, "pay_1");
		assert.deepEqual([(await seat()).status, paidBy(await seat())], ["dropped", undefined]);
	});

	test("lets nobody take the dropped seat up again by the frozen payment", async () => {
		const { seats, pair, cause, seat } = world();
		await seats.buy(cause(), pair, "pay_1");
		await seats.drop(cause(), await seat());
		await seats.hold(cause(), pair, refund);
		assert.equal(paidBy(await seat()), undefined);
		assert.equal(await seats.reopen(cause(), await seat(), "pay_1"), null);
	});

	test("takes over from one of the same payment that has ended, which never freezes it again", async () => {
		const { seats, pair, cause, seat } = world();
		await seats.buy(cause(), pair, "pay_1");
		const second = { ...refund, refundId: "rfd_2" };
		await seats.hold(cause(), pair, refund);
		await seats.hold(cause(), pair, second);
		await seats.hold(cause(), pair, refund);
		assert.equal((await seat()).heldBy, "rfd_2");
		await seats.refundFailed(cause(), pair, refund);
		const { heldBy, payments } = await seat();
		assert.deepEqual([heldBy, payments], ["rfd_2", { pay_1: "refunding" }]);
	});

	test("waits while another one freezes it", async () => {
		const { seats, pair, cause, enrollments, seat } = world();
		await seats.buy(cause(), pair, "pay_1");
		await seats.hold(cause(), pair, refund);
		await enrollments.advance(
			{ id: (await seat()).id },
			{ $set: { "payments.pay_2": "captured" }, $inc: { version: 1 } },
		);
		const other = { paymentId: "pay_2", refundId: "rfd_2" };
		await assert.rejects(seats.hold(cause(), pair, other), { type: "REFUND_PENDING" });
	});

	test("by the buyer's bank takes the seat, unless something else pays for it", async () => {
		const dispute = { paymentId: "pay_1", disputeId: "dp_1" };
		const alone = world();
		await alone.seats.buy(alone.cause(), alone.pair, "pay_1");
		for (let twice = 0; twice < 2; twice++)
			await alone.seats.chargedBack(alone.cause(), alone.pair, dispute);
		assert.equal((await alone.seat()).status, "dropped");
		assert.deepEqual(await alone.facts(), ["activated", "dropped"]);
		const paid = world();
		await paid.seats.buy(paid.cause(), paid.pair, "pay_0");
		await paid.seats.buy(paid.cause(), paid.pair, "pay_1");
		await paid.seats.chargedBack(paid.cause(), paid.pair, dispute);
		assert.equal((await paid.seat()).status, "active");
	});
});

/** What may happen to a seat that has a price, each as its service does it. */
const acts = {
	"capture pay_1": ({ seats, pair, cause }: World) => seats.buy(cause(), pair, "pay_1"),
	"capture pay_2": ({ seats, pair, cause }: World) => seats.buy(cause(), pair, "pay_2"),
	async enroll({ seats, pair, cause }: World) {
		for (;;) {
			const seat = await seats.find(pair);
			const payment = seat && paidBy(seat);
			if (!seat || isSeated(seat) || !payment) return;
			if (await seats.reopen(cause(), seat, payment)) return;
		}
	},
	async drop({ seats, pair, cause }: World) {
		const seat = await seats.find(pair);
		if (seat) await seats.drop(cause(), seat);
	},
	async "refund pay_1"({ seats, pair, cause }: World) {
		await seats.refunded(cause(), pair, refund);
	},
};
type Act = keyof typeof acts;

/** What has happened to a seat before. */
const histories: readonly Act[][] = [[], ["capture pay_1"], ["capture pay_1", "drop"]];

describe("a refund whose money comes back", () => {
	const of = (paymentId: string, refundId: string, endsAccess = true) => ({
		paymentId,
		refundId,
		endsAccess,
	});

	test("takes the seat up again, whatever was bought and given back since", async () => {
		const { seats, pair, cause, seat } = world();
		await seats.buy(cause(), pair, "pay_1");
		await seats.refunded(cause(), pair, of("pay_1", "rfd_1"));
		await seats.buy(cause(), pair, "pay_2");
		await seats.refunded(cause(), pair, of("pay_2", "rfd_2"));
		await seats.refundFailed(cause(), pair, of("pay_1", "rfd_1"));
		const { status, payments } = await seat();
		assert.deepEqual([status, payments], ["active", { pay_1: "captured", pay_2: "refunded" }]);
	});

	test("is too much where the seat is bought again", async () => {
		const { seats, pair, cause, seat } = world();
		await seats.buy(cause(), pair, "pay_1");
		await seats.refunded(cause(), pair, of("pay_1", "rfd_1"));
		await seats.buy(cause(), pair, "pay_2");
		await seats.refundFailed(cause(), pair, of("pay_1", "rfd_1"));
		assert.deepEqual((await seat()).payments, { pay_1: "surplus", pay_2: "captured" });
	});

	test("leaves the seat as long as anything else ended what the payment paid for", async () => {
		const ends = [
			(w: World) => w.seats.refunded(w.cause(), w.pair, of("pay_1", "rfd_2")),
			(w: World) =>
				w.seats.chargedBack(w.cause(), w.pair, { paymentId: "pay_1", disputeId: "dp_1" }),
			async (w: World) => w.seats.drop(w.cause(), await w.seat(), "pay_1"),
		];
		for (const end of ends)
			for (const first of [true, false]) {
				const w = world();
				const { seats, pair, cause, seat } = w;
				await seats.buy(cause(), pair, "pay_1");
				if (first) await end(w);
				await seats.refunded(cause(), pair, of("pay_1", "rfd_1"));
				if (!first) await end(w);
				await seats.refundFailed(cause(), pair, of("pay_1", "rfd_1"));
				const { status, payments } = await seat();
				assert.deepEqual([status, payments], ["dropped", { pay_1: "refunded" }]);
			}
	});

	test("leaves the seat where it had not ended it", async () => {
		const { seats, pair, cause, seat } = world();
		await seats.buy(cause(), pair, "pay_1");
		await seats.refunded(cause(), pair, of("pay_1", "rfd_1", false));
		await seats.refunded(cause(), pair, of("pay_1", "rfd_2"));
		await seats.refundFailed(cause(), pair, of("pay_1", "rfd_1", false));
		assert.equal((await seat()).status, "dropped");
	});

	test("gives the seat that its capture would have bought, heard of last", async () => {
		const { seats, pair, cause, seat } = world();
		await seats.refunded(cause(), pair, of("pay_1", "rfd_1"));
		await seats.refundFailed(cause(), pair, of("pay_1", "rfd_1"));
		await seats.buy(cause(), pair, "pay_1");
		const { status, payments } = await seat();
		assert.deepEqual([status, payments], ["active", { pay_1: "captured" }]);
	});
});

describe("a refund that was withdrawn", () => {
	test("never freezes the seat again, however late its hold comes", async () => {
		const { seats, pair, cause, seat } = world();
		await seats.buy(cause(), pair, "pay_1");
		for (const before of [true, false]) {
			const late = { paymentId: "pay_1", refundId: before ? "rfd_1" : "rfd_2" };
			if (before) await seats.hold(cause(), pair, late);
			await seats.release(cause(), pair, late);
			await seats.hold(cause(), pair, late);
			const { heldBy, payments } = await seat();
			assert.deepEqual([heldBy, payments], [undefined, { pay_1: "captured" }]);
		}
	});
});

describe("captures, drops, refunds and enrollments at once", () => {
	test("leave one seat that is paid when it is taken, and a fact for every change", async () => {
		const history = fc.constantFrom(...histories);
		const sequence = fc.array(fc.constantFrom(...(Object.keys(acts) as Act[])), {
			minLength: 2,
			maxLength: 6,
		});
		await fc.assert(
			fc.asyncProperty(fc.scheduler(), history, sequence, async (scheduler, before, run) => {
				const { pair, seat, facts, enrollments } = world();
				for (const act of before) await acts[act](world(pair));
				const slow = <A extends unknown[], R>(name: string, call: (...args: A) => Promise<R>) =>
					scheduler.scheduleFunction(Object.defineProperty(call, "name", { value: name }));
				const slowly = world(pair, {
					...driver,
					find: slow("find", (...args) => driver.find(...args)),
					insert: slow("insert", (...args) => driver.insert(...args)),
					update: slow("update", (...args) => driver.update(...args)),
				});
				await scheduler.waitFor(Promise.all(run.map(act => acts[act](slowly))));
				const made = await enrollments.count({ userId: pair.userId });
				assert.ok(made <= 1);
				if (made === 0) return;
				const end = await seat();
				if (isSeated(end)) assert.ok(paidBy(end), JSON.stringify(end));
				if (run.includes("refund pay_1")) assert.equal(end.payments.pay_1, "refunded");
				if (run.includes("capture pay_2"))
					assert.ok(["captured", "surplus"].includes(end.payments.pay_2 ?? ""));
				const told = await facts();
				const balance = told.reduce((sum, name) => sum + (name === "activated" ? 1 : -1), 0);
				assert.equal(balance, isSeated(end) ? 1 : 0, JSON.stringify([told, end]));
			}),
			{ numRuns: 500 },
		);
	});
});
