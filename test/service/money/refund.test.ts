import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { AuditRecord } from "../../../kernel/audit.ts";
import { iso } from "../../../kernel/clock.ts";
import { codeOf } from "../../../kernel/errors.ts";
import type { PaymentDoc } from "../../../models/money/payment.model.ts";
import type { TransferDoc } from "../../../models/money/transfer.model.ts";
import type { SignedUp } from "../../support/identity.ts";
import {
	as,
	openSchool,
	outcome,
	placesOf,
	type School,
	tally,
	twenty,
} from "../learning/school.ts";

interface Bought extends School {
	courseId: string;
	paymentId: string;
	admin: SignedUp;
	progress(percent: number): Promise<unknown>;
	refund(
		params?: { reason?: string; amount?: number },
		by?: SignedUp,
		seed?: string,
	): ReturnType<typeof refundOf>;
	payment(): Promise<PaymentDoc>;
	/** `kind amount` of each entry of the payment, in the order of booking. */
	booked(): Promise<string[]>;
	notices(): Promise<string[]>;
	seat(): Promise<{ status: string; progress: number; heldBy?: string }>;
	audited(): Promise<unknown[]>;
}

const refundOf = (school: School, id: string, params: object, by: SignedUp, seed?: string) =>
	school.call("payments.refund", { id, ...params }, as(by, seed));

/** A student's course at 99.99 USD, paid. */
async function bought(
	t: TestContext,
	course: { price?: number; currency?: string } = {},
	env: Record<string, string> = {},
): Promise<Bought> {
	const school = await openSchool(t, env);
	const { call, student, store } = school;
	const { id: courseId } = await school.course({ price: 99.99, ...course });
	const paymentId = await school.pay(student, courseId);
	const admin = await school.person("admin");
	return {
		...school,
		courseId,
		paymentId,
		admin,
		progress: progressPercentage =>
			call(
				"enrollments.progress",
				{ courseId, progressPercentage, totalWatchTime: 60 },
				as(student),
			),
		refund: (params = {}, by = student, seed) => refundOf(school, paymentId, params, by, seed),
		async payment() {
			return (await store<PaymentDoc>("payments", "payments").get(paymentId)) as PaymentDoc;
		},
		async booked() {
			const found = await store<TransferDoc>("ledger", "transfers").find(
				{ subjectId: paymentId },
				{ sort: { postedAt: 1 } },
			);
			return found.map(({ kind, legs }) => `${kind} ${legs[0]?.amountMinor}`).sort();
		},
		async notices() {
			const { items } = await call("notifications.list", { pageSize: 100 }, as(student));
			return items.map(({ type }) => type).sort();
		},
		async seat() {
			const found = await store("enrollments", "enrollments").findOne({
				userCourse: `${student.user.id}:${courseId}`,
			});
			return found as never;
		},
		async audited() {
			return (await call("ledger.audit", {}, as(admin))).differences;
		},
	};
}

describe("a refund", () => {
	test("gives back the unused share: 99.99 at 37 % is 62.99", async t => {
		const shop = await bought(t);
		await shop.progress(37);
		const quote = await shop.call("payments.refundQuote", { id: shop.paymentId }, as(shop.student));
		assert.deepEqual(quote, {
			refundable: true,
			amount: 62.99,
			amountMinor: 6_299,
			currency: "USD",
			progressPercentage: 37,
		});
		const refunded = await shop.refund({ reason: "Not for me" });
		assert.equal(refunded.status, "partially_refunded");
		assert.deepEqual([refunded.refundedAmount, refunded.refundedAmountMinor], [62.99, 6_299]);
		assert.deepEqual(
			refunded.refunds?.map(({ amountMinor, status }) => [amountMinor, status]),
			[[6_299, "succeeded"]],
		);
		assert.equal(refunded.refund, undefined);
		await shop.settled();
		assert.equal((await shop.seat()).status, "dropped");
		assert.deepEqual(await shop.booked(), ["capture 9999", "refund 6299"]);
		assert.deepEqual(await shop.notices(), [
			"enrollment.activated",
			"payment.captured",
			"payment.refunded",
		]);
		assert.deepEqual(await shop.audited(), []);
		const { refundable, reason } = await shop.call(
			"payments.refundQuote",
			{ id: shop.paymentId },
			as(shop.student),
		);
		assert.deepEqual([refundable, reason], [false, "ALREADY_REFUNDED"]);
		assert.equal(await outcome(shop.refund()), "ALREADY_REFUNDED");
	});

	test("of what was not used at all is all of it", async t => {
		const shop = await bought(t);
		const { status, refundedAmount } = await shop.refund();
		assert.deepEqual([status, refundedAmount], ["refunded", 99.99]);
	});

	for (const [currency, price, percent, minor] of [
		["JPY", 1_000, 33, 670],
		["KWD", 12.345, 50, 6_172],
		["USD", 0.01, 1, 0],
	] as const)
		test(`of ${price} ${currency} at ${percent} % is ${minor} minor units`, async t => {
			const shop = await bought(t, { price, currency });
			await shop.progress(percent);
			if (minor === 0) return assert.equal(await outcome(shop.refund()), "NOTHING_REFUNDABLE");
			assert.equal((await shop.refund()).refundedAmountMinor, minor);
			await shop.settled();
			assert.deepEqual(await shop.audited(), []);
		});

	test("is measured from the progress at which the seat was bought again", async t => {
		const shop = await bought(t);
		await shop.progress(37);
		await shop.refund();
		await shop.settled();
		const again = await shop.pay(shop.student, shop.courseId);
		await shop.progress(50);
		const { refundedAmountMinor } = await refundOf(shop, again, {}, shop.student);
		assert.equal(refundedAmountMinor, Math.floor((9_999 * 50) / 63));
	});

	test("of a price that changed since is of what was paid", async t => {
		const shop = await bought(t);
		await shop.call("courses.update", { id: shop.courseId, price: 10 }, as(shop.teacher));
		assert.equal((await shop.refund()).refundedAmountMinor, 9_999);
	});

	test("is refused to whom it is not for, and where there is nothing", async t => {
		const shop = await bought(t, {}, { REFUND_WINDOW_DAYS: "3" });
		const other = await shop.person();
		assert.equal(await outcome(shop.refund({}, other)), "PAYMENT_NOT_FOUND");
		assert.equal(await outcome(shop.refund({}, shop.teacher)), "PAYMENT_NOT_FOUND");
		assert.equal(await outcome(shop.refund({ amount: 1 })), "FORBIDDEN");
		const open = await shop.call(
			"payments.create",
			{ courseId: (await shop.course({ price: 5 })).id, paymentMethod: "stripe" },
			as(shop.student),
		);
		assert.equal(await outcome(refundOf(shop, open.id, {}, shop.student)), "NOTHING_REFUNDABLE");
		await shop.progress(100);
		assert.equal(await outcome(shop.refund()), "NOTHING_REFUNDABLE");
		const { openRefund, refunds, refundableMinor } = await shop.payment();
		assert.deepEqual([openRefund, refundableMinor], [undefined, 9_999]);
		assert.deepEqual(
			Object.values(refunds).map(refund => refund.failure?.code),
			["withdrawn"],
		);
		const shown = await shop.call("payments.get", { id: shop.paymentId }, as(shop.student));
		assert.equal(shown.refunds, undefined, "it never came to an amount");
		assert.equal((await shop.seat()).heldBy, undefined);
		await shop.store<PaymentDoc>("payments", "payments").advance(
			{ id: shop.paymentId },
			{
				$set: { capturedAt: iso(shop.clock.now() - 3 * 86_400_000 - 1_000) },
				$inc: { version: 1 },
			},
		);
		assert.equal(await outcome(shop.refund({}, shop.student)), "REFUND_WINDOW_CLOSED");
		const { status } = await shop.refund({ amount: 0.5 }, shop.admin);
		assert.equal(status, "partially_refunded", "an admin may");
	});

	test("by an admin may be of any amount up to what is left", async t => {
		const shop = await bought(t);
		for (const [amount, path] of [
			[100, "/amount"],
			[0, "/amount"],
			[-1, "/amount"],
			[0.001, "/amount"],
		] as const)
			assert.deepEqual(await placesOf(shop.refund({ amount }, shop.admin)), [path], `${amount}`);
		assert.equal((await shop.refund({ amount: 10 }, shop.admin)).refundedAmountMinor, 1_000);
		assert.equal((await shop.refund({ amount: 9.99 }, shop.admin)).refundedAmountMinor, 1_999);
		assert.deepEqual(await placesOf(shop.refund({ amount: 80.01 }, shop.admin)), ["/amount"]);
		const all = await shop.refund({ amount: 80 }, shop.admin);
		assert.deepEqual([all.status, all.refundedAmountMinor], ["refunded", 9_999]);
		assert.equal(await outcome(shop.refund({ amount: 0.01 }, shop.admin)), "ALREADY_REFUNDED");
		await shop.settled();
		assert.deepEqual(await shop.audited(), []);
	});

	test("by an admin leaves who changed what, from what to what", async t => {
		const shop = await bought(t);
		await shop.refund({ amount: 10, reason: "Jane Roe was ill" }, shop.admin);
		await shop.settled();
		const records = shop.told("payment.audited").map(({ data }) => data as AuditRecord);
		const told = records.flatMap(({ changes }) => changes);
		assert.ok(
			records.every(
				({ action, by }) => action === "payments.refund" && by.userId === shop.admin.user.id,
			),
		);
		assert.deepEqual(
			told
				.filter(({ path }) => path === "refundableMinor" || path === "status")
				.map(({ path, before, after }) => `${path}: ${before} → ${after}`)
				.sort(),
			[
				"refundableMinor: 9999 → 8999",
				"status: captured → refund_pending",
				"status: refund_pending → partially_refunded",
			],
		);
		assert.ok(!JSON.stringify(records).includes("Jane"));
	});

	test("asked for twenty times at once is made once", async t => {
		const shop = await bought(t);
		await shop.progress(37);
		const answers = await twenty(() => outcome(shop.refund()));
		assert.deepEqual(tally(answers), { ok: 1, ALREADY_REFUNDED: 19 });
		await shop.settled();
		assert.deepEqual(await shop.booked(), ["capture 9999", "refund 6299"]);
		assert.deepEqual(await shop.audited(), []);
	});

	test("of twenty by admins at once no more goes back than was paid", async t => {
		const shop = await bought(t);
		const answers = await twenty(i =>
			i % 2 ? outcome(shop.refund({ amount: 60 }, shop.admin)) : outcome(shop.refund()),
		);
		assert.ok((tally(answers).ok ?? 0) >= 1);
		const { refundedMinor = 0, refundableMinor = 0, amountMinor } = await shop.payment();
		assert.equal(refundedMinor + refundableMinor, amountMinor);
		await shop.settled();
		assert.deepEqual(await shop.audited(), []);
	});

	test("is the same one when the request is repeated under its key", async t => {
		const shop = await bought(t);
		const answers = await twenty(() => shop.refund({}, shop.student, "key-1"));
		const refunds = new Set(answers.flatMap(({ refunds = [] }) => refunds.map(({ id }) => id)));
		assert.equal(refunds.size, 1);
		await shop.settled();
		assert.deepEqual(await shop.booked(), ["capture 9999", "refund 9999"]);
	});
});

describe("a refund that the provider does not settle at once", () => {
	test("freezes progress, is answered 202, and is found by the reconciler", async t => {
		const shop = await bought(t);
		await shop.progress(37);
		await shop.call("sandbox.behave", { id: shop.paymentId, refunds: "timeout" });
		const pending = await shop.refund();
		assert.deepEqual([pending.status, pending.refund?.status], ["refund_pending", "pending"]);
		assert.equal(await outcome(shop.progress(40)), "REFUND_PENDING");
		assert.equal(await outcome(shop.refund()), "ALREADY_REFUNDED");
		assert.equal(await outcome(shop.refund({ amount: 1 }, shop.admin)), "REFUND_PENDING");
		await shop.call("payments.reconcile", { now: true });
		await shop.settled();
		const { status, refundedMinor } = await shop.payment();
		assert.deepEqual([status, refundedMinor], ["partially_refunded", 6_299]);
		assert.equal((await shop.seat()).status, "dropped");
		assert.deepEqual(await shop.booked(), ["capture 9999", "refund 6299"]);
		assert.deepEqual(await shop.call("payments.reconcile", { now: true }), { asked: 0, open: 0 });
	});

	test("and refuses later gives everything back", async t => {
		const shop = await bought(t);
		await shop.progress(37);
		await shop.call("sandbox.behave", { id: shop.paymentId, refunds: "pending" });
		const { refund } = await shop.refund();
		const { gatewayId } = (await shop.payment()).refunds[refund?.id ?? ""] ?? {};
		await shop.call("sandbox.settleRefund", {
			id: shop.paymentId,
			refundId: gatewayId ?? "",
			status: "failed",
		});
		await shop.settled();
		const { status, refundableMinor, openRefund } = await shop.payment();
		assert.deepEqual([status, refundableMinor, openRefund], ["captured", 9_999, undefined]);
		const { status: seat, heldBy } = await shop.seat();
		assert.deepEqual([seat, heldBy], ["active", undefined]);
		assert.equal(await outcome(shop.progress(40)), "ok");
		assert.ok((await shop.notices()).includes("payment.refund_failed"));
		await shop.call("sandbox.behave", { id: shop.paymentId, refunds: "succeed" });
		assert.equal((await shop.refund()).refundedAmountMinor, 5_999, "a new refund, a new key");
		await shop.settled();
		assert.deepEqual(await shop.audited(), []);
	});

	test("and refuses at once gives everything back", async t => {
		const shop = await bought(t);
		await shop.call("sandbox.behave", { id: shop.paymentId, refunds: "fail" });
		assert.equal(await outcome(shop.refund()), "NOTHING_REFUNDABLE");
		await shop.settled();
		assert.equal((await shop.payment()).status, "captured");
		assert.equal(await outcome(shop.progress(40)), "ok");
		assert.deepEqual(await shop.booked(), ["capture 9999"]);
	});

	test("and takes back what succeeded is reversed, and the seat comes back", async t => {
		const shop = await bought(t);
		const { refunds } = await shop.refund();
		await shop.settled();
		assert.equal((await shop.seat()).status, "dropped");
		const { gatewayId } = (await shop.payment()).refunds[refunds?.[0]?.id ?? ""] ?? {};
		await shop.call("sandbox.settleRefund", {
			id: shop.paymentId,
			refundId: gatewayId ?? "",
			status: "failed",
		});
		await shop.settled();
		const { status, refundableMinor, refundedMinor } = await shop.payment();
		assert.deepEqual([status, refundableMinor, refundedMinor], ["captured", 9_999, 0]);
		assert.equal((await shop.seat()).status, "active");
		assert.deepEqual(await shop.booked(), ["capture 9999", "refund 9999", "refund_reversal 9999"]);
		assert.deepEqual(await shop.audited(), []);
	});

	test("that was made there by hand is booked, and ends the seat when it is all", async t => {
		const shop = await bought(t);
		await shop.call("sandbox.refundByHand", { id: shop.paymentId, amountMinor: 1_000 });
		await shop.settled();
		assert.equal((await shop.payment()).status, "partially_refunded");
		assert.equal((await shop.seat()).status, "active", "a part of it ends nothing");
		await shop.call("sandbox.refundByHand", { id: shop.paymentId, amountMinor: 8_999 });
		await shop.settled();
		assert.equal((await shop.payment()).status, "refunded");
		assert.equal((await shop.seat()).status, "dropped");
		assert.deepEqual(await shop.audited(), []);
	});
});

describe("at once with a refund", () => {
	test("progress is either before it and counted, or refused", async t => {
		const shop = await bought(t);
		const [refunded, ...reports] = await Promise.all([
			shop.refund(),
			...Array.from({ length: 19 }, (_, i) => outcome(shop.progress(5 * (i + 1)))),
		]);
		const { progress } = await shop.seat();
		assert.equal(
			refunded.refundedAmountMinor,
			Math.floor((9_999 * (10_000 - progress)) / 10_000),
			`at ${progress / 100} %`,
		);
		const allowed = new Set(["ok", "REFUND_PENDING", "ENROLLMENT_NOT_FOUND"]);
		assert.ok(
			reports.every(code => allowed.has(code ?? "")),
			JSON.stringify(tally(reports)),
		);
	});

	test("completion is either before it, and nothing goes back, or refused", async t => {
		for (let round = 0; round < 5; round++) {
			const shop = await bought(t);
			const [refund, completion] = await Promise.all([
				outcome(shop.refund()),
				outcome(shop.progress(100)),
			]);
			await shop.settled();
			const { status } = await shop.seat();
			if (completion === "ok")
				assert.deepEqual([refund, status], ["NOTHING_REFUNDABLE", "completed"]);
			else assert.deepEqual([refund, status], ["ok", "dropped"]);
		}
	});

	test("a dispute takes what is left, and together no more than was paid", async t => {
		for (let round = 0; round < 5; round++) {
			const shop = await bought(t);
			await Promise.all([
				outcome(shop.refund({ amount: 40 }, shop.admin)),
				outcome(shop.call("sandbox.dispute", { id: shop.paymentId, status: "open" })),
			]);
			await shop.call("payments.reconcile", { now: true });
			await shop.settled();
			const payment = await shop.payment();
			const taken = Object.values(payment.disputes).reduce((sum, d) => sum + d.amountMinor, 0);
			assert.equal(
				(payment.refundedMinor ?? 0) + taken + (payment.refundableMinor ?? 0),
				payment.amountMinor,
			);
			assert.equal(payment.status, "disputed");
			assert.deepEqual(await shop.audited(), []);
		}
	});
});

describe("a dispute", () => {
	test("holds what was not given back, and gives it free when it is won", async t => {
		const shop = await bought(t);
		await shop.call("sandbox.dispute", { id: shop.paymentId, status: "open" });
		await shop.settled();
		assert.equal((await shop.payment()).status, "disputed");
		assert.equal(await outcome(shop.refund()), "NOTHING_REFUNDABLE");
		assert.equal((await shop.seat()).status, "active");
		await shop.call("sandbox.dispute", { id: shop.paymentId, status: "won" });
		await shop.settled();
		assert.equal((await shop.payment()).status, "captured");
		assert.deepEqual(await shop.booked(), [
			"capture 9999",
			"dispute 9999",
			"dispute_reversal 9999",
		]);
		assert.equal((await shop.refund()).status, "refunded");
		await shop.settled();
		assert.deepEqual(await shop.audited(), []);
	});

	test("that is lost takes the seat, whatever is sent how often", async t => {
		const shop = await bought(t);
		for (const status of ["open", "lost", "lost"] as const)
			await outcome(shop.call("sandbox.dispute", { id: shop.paymentId, status }));
		await shop.settled();
		assert.deepEqual(
			[(await shop.payment()).status, (await shop.seat()).status],
			["disputed", "dropped"],
		);
		assert.deepEqual(await shop.booked(), ["capture 9999", "dispute 9999"]);
		assert.deepEqual(await shop.audited(), []);
	});
});

describe("money that came late", () => {
	/** A payment that was closed here and is paid at the provider all the same. */
	async function paidLate(shop: Bought, courseId: string): Promise<string> {
		const { call, student } = shop;
		const wanted = { courseId, paymentMethod: "stripe" } as const;
		const { id } = await call("payments.create", wanted, as(student));
		await call("sandbox.process", { id });
		await shop
			.store<PaymentDoc>("payments", "payments")
			.advance(
				{ id },
				{ $set: { status: "expired" }, $unset: { openKey: true }, $inc: { version: 1 } },
			);
		return id;
	}

	test("enrolls where that is still possible", async t => {
		const shop = await bought(t);
		const { id: courseId } = await shop.course({ price: 20 });
		const late = await paidLate(shop, courseId);
		await shop.call("sandbox.complete", { id: late, outcome: "succeed" }, as(shop.student));
		await shop.settled();
		const { status } = await shop.call("payments.get", { id: late }, as(shop.student));
		assert.equal(status, "captured");
		const seat = await shop.call("enrollments.getByCourse", { courseId }, as(shop.student));
		assert.equal(seat.status, "active");
	});

	test("for what was bought since goes back by itself, once", async t => {
		const shop = await bought(t);
		const { id: courseId } = await shop.course({ price: 20 });
		const late = await paidLate(shop, courseId);
		await shop.pay(shop.student, courseId);
		await shop.call("sandbox.complete", { id: late, outcome: "succeed" }, as(shop.student));
		await twenty(() => shop.call("sandbox.deliver"));
		await shop.settled();
		const payment = await shop.call("payments.get", { id: late }, as(shop.student));
		assert.deepEqual(
			[payment.status, payment.refundedAmountMinor, payment.refunds?.length],
			["refunded", 2_000, 1],
		);
		const seat = await shop.call("enrollments.getByCourse", { courseId }, as(shop.student));
		assert.equal(seat.status, "active");
		assert.deepEqual(await shop.audited(), []);
	});
});

describe("explain", () => {
	test("tells everything that happened, in order and by whom", async t => {
		const shop = await bought(t);
		await shop.progress(37);
		await shop.call("sandbox.behave", { id: shop.paymentId, refunds: "timeout" });
		await shop.refund();
		await shop.call("payments.reconcile", { now: true });
		await shop.settled();
		const told = await shop.call("payments.explain", { id: shop.paymentId }, as(shop.student));
		assert.match(told.summary, /^\$99\.99, partially refunded; \$62\.99 went back$/);
		const texts = told.entries.map(({ source, text, by }) => `${source}: ${text} (${by ?? ""})`);
		for (const expected of [
			new RegExp(`^payment: asked for \\(user ${shop.student.user.id}\\)`),
			/^provider: opened at the provider: pi_sandbox_/,
			/^webhook: payment\.paid \(sandbox:evt_sandbox_.*\): applied/,
			/^provider: captured \(webhook evt_sandbox_/,
			/^fact: told payment\.captured fct_.*: enrollments done, .*ledger done, .*notifications done/,
			/^ledger: booked capture ldg_/,
			/^payment: refund asked for: rfd_/,
			/^provider: no answer to the refund: rfd_/,
			/^payment: refunded: rfd_.*, \$62\.99 \((reconciler|webhook .*)\)/,
			/^fact: told payment\.refunded fct_.*: enrollments done/,
			/^ledger: booked refund ldg_/,
		])
			assert.ok(
				texts.some(text => expected.test(text)),
				`${expected}\n${texts.join("\n")}`,
			);
		const times = told.entries.map(({ at }) => at);
		assert.deepEqual(times, times.toSorted());
		const other = await shop.person();
		await assert.rejects(
			shop.call("payments.explain", { id: shop.paymentId }, as(other)),
			error => codeOf(error) === "PAYMENT_NOT_FOUND",
		);
		assert.ok(await shop.call("payments.explain", { id: shop.paymentId }, as(shop.admin)));
	});
});
