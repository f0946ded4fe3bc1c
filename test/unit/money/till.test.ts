import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { codeOf } from "../../../kernel/errors.ts";
import type { PaymentDoc } from "../../../models/money/payment.model.ts";
import { PaymentStatus } from "../../../services/money/payments/payments.contract.ts";
import { isOpen, sourcesOf, transitions } from "../../../services/money/payments/states.ts";
import type { Till } from "../../../services/money/payments/till.ts";
import { type Behaviour, Process, type World, world } from "./support.ts";

const unavailable = (error: unknown) => codeOf(error) === "SERVICE_UNAVAILABLE";
const statuses = (PaymentStatus as unknown as { enum: PaymentDoc["status"][] }).enum;

/** A payment that is open at the bank. */
async function opened(w: World, change: Parameters<World["wanted"]>[0] = {}) {
	const { payment } = await w.till.create(w.wanted(change));
	assert.equal(payment.status, "requires_action");
	return payment as PaymentDoc & { gatewayId: string };
}

/** A refund of all that is left, as far as the bank answers. */
async function refundAll(w: World, id: string, refundId = "rfd_1"): Promise<PaymentDoc> {
	const order = { id: refundId, amount: "all" as const, endsAccess: true, holds: false };
	return w.refunds.proceed(await w.refunds.begin(await w.till.get(id), order), refundId);
}

/** What must hold of all payments of one user and thing at any time. */
async function assertSound(w: World): Promise<void> {
	const all = await w.payments.find({});
	const facts = await w.facts();
	assert.ok(all.filter(payment => isOpen(payment.status)).length <= 1, "two open payments");
	for (const payment of all) {
		const { id, status, capturedAt } = payment;
		assert.equal(payment.openKey !== undefined, isOpen(status), `openKey of ${status}`);
		assert.equal(capturedAt !== undefined, status === "captured");
		assert.equal(payment.refundableMinor, capturedAt ? payment.amountMinor : undefined);
		const told = facts.filter(fact => fact.subject === id && fact.name === "payment.captured");
		assert.equal(told.length, capturedAt ? 1 : 0, "payment.captured is told once");
		if (capturedAt)
			assert.equal(w.bank.intents.get(payment.gatewayId ?? "")?.status, "paid", "unpaid capture");
	}
	const made = new Set([...w.bank.intents.values()].map(intent => intent.key));
	assert.equal(made.size, w.bank.intents.size, "one payment made twice at the bank");
}

describe("the table of states", () => {
	test("knows every status, and each can be reached", () => {
		assert.deepEqual(Object.keys(transitions).sort(), [...statuses].sort());
		for (const status of statuses)
			assert.equal(sourcesOf(status).length > 0, status !== "created", status);
	});

	test("never leads back to open, nor out of what was captured", () => {
		for (const from of statuses)
			for (const to of transitions[from]) {
				assert.ok(isOpen(from) || !isOpen(to), `${from} → ${to}`);
				const taken = !isOpen(from) && !["failed", "canceled", "expired"].includes(from);
				if (taken) assert.ok(!["failed", "canceled", "expired"].includes(to), `${from} → ${to}`);
			}
	});
});

describe("create", () => {
	test("makes one payment of twenty at once", async () => {
		const w = await world();
		const answers = await Promise.all(Array.from({ length: 20 }, () => w.till.create(w.wanted())));
		assert.equal(new Set(answers.map(({ payment }) => payment.id)).size, 1);
		assert.equal(answers.filter(({ made }) => made).length, 1);
		assert.equal((await w.payments.find({})).length, 1);
		assert.equal(w.bank.intents.size, 1);
		await assertSound(w);
	});

	test("asks under the payment's id, and writes that down before", async () => {
		const w = await world();
		w.bank.next = ["is down"];
		await assert.rejects(w.till.create(w.wanted()), unavailable);
		const [payment] = await w.payments.find({});
		assert.deepEqual(
			[payment?.status, payment?.attempts.create?.key, payment?.attempts.create?.outcome],
			["created", payment?.id, "unknown"],
		);
	});

	test("goes on under the same key when the outcome was unknown", async () => {
		const w = await world();
		w.bank.next = ["loses its answer", "is down"];
		await assert.rejects(w.till.create(w.wanted()), unavailable);
		await assert.rejects(w.till.create(w.wanted()), unavailable);
		const { payment, made } = await w.till.create(w.wanted());
		assert.deepEqual([payment.id, payment.status, made], ["pay_1", "requires_action", false]);
		assert.deepEqual([payment.attempts.create?.tries, w.bank.intents.size], [3, 1]);
	});

	test("gives up on a silent provider after its time-out", async () => {
		const w = await world({ timeoutMs: 20 });
		w.bank.create = () => new Promise(() => {});
		await assert.rejects(w.till.create(w.wanted()), unavailable);
		const [payment] = await w.payments.find({});
		assert.match(payment?.attempts.create?.error ?? "", /within 20 ms/);
	});

	test("closes one of another price or method first", async () => {
		const w = await world();
		const first = await opened(w);
		const quote = { amountMinor: 7_900, currency: "USD", title: "A course" };
		const { payment, made } = await w.till.create(w.wanted({ quote }));
		assert.deepEqual([payment.amountMinor, made], [7_900, true]);
		assert.equal(w.bank.intents.get(first.gatewayId)?.status, "canceled");
		assert.equal((await w.till.get(first.id)).status, "canceled");
		const other = await w.till.create(w.wanted({ quote, method: "razorpay" }));
		assert.equal(other.made, true);
		assert.equal((await w.till.get(payment.id)).status, "canceled");
		await assertSound(w);
	});

	test("answers with the old one when that is paid already", async () => {
		const w = await world();
		const first = await opened(w);
		w.bank.pay(first.gatewayId);
		const { payment, made } = await w.till.create(w.wanted({ method: "razorpay" }));
		assert.deepEqual([payment.id, payment.status, made], [first.id, "captured", false]);
		await assertSound(w);
	});

	test("answers with the old one while that is being paid", async () => {
		const w = await world();
		const first = await opened(w);
		w.bank.set(first.gatewayId, { status: "processing" });
		const { payment } = await w.till.create(w.wanted({ method: "razorpay" }));
		assert.deepEqual([payment.id, payment.status], [first.id, "processing"]);
	});

	test("leaves the old one open when the provider does not say that it is closed", async () => {
		const w = await world();
		const first = await opened(w);
		w.bank.next = ["loses its answer"];
		await assert.rejects(w.till.create(w.wanted({ method: "razorpay" })), unavailable);
		const left = await w.till.get(first.id);
		assert.deepEqual([left.status, left.attempts.cancel?.outcome], ["requires_action", "unknown"]);
		assert.equal((await w.payments.find({})).length, 1);
	});

	test("does not wait for a dead provider that never got as far as an answer", async () => {
		const w = await world();
		w.bank.next = ["is down", "is down"];
		await assert.rejects(w.till.create(w.wanted()), unavailable);
		const { payment } = await w.till.create(w.wanted({ method: "razorpay" }));
		assert.equal(payment.status, "requires_action");
		assert.equal((await w.till.get("pay_1")).status, "canceled");
	});

	test("keeps a refusal and lets the next try begin anew", async () => {
		const w = await world();
		w.bank.refuses = true;
		const { payment } = await w.till.create(w.wanted());
		assert.deepEqual([payment.status, payment.lastError?.code], ["failed", "amount_too_large"]);
		w.bank.refuses = false;
		await opened(w);
		await assertSound(w);
	});

	test("closes at the provider what was closed here while it was being made", async () => {
		const w = await world();
		let finish = () => {};
		const held = new Promise<void>(resolve => {
			finish = resolve;
		});
		const create = w.bank.create.bind(w.bank);
		w.bank.create = async intent => {
			w.bank.create = async () => {
				throw new Error("connection refused");
			};
			const answer = await create(intent);
			await held;
			return answer;
		};
		const slow = w.till.create(w.wanted());
		while ((await w.payments.count({ status: "created" })) === 0);
		while (w.bank.intents.size === 0) await Promise.resolve();
		const closed = await w.till.close(await w.till.get("pay_1"), "canceled");
		assert.equal(closed.status, "canceled");
		finish();
		assert.equal((await slow).payment.status, "canceled");
		assert.equal(w.bank.intents.get("pi_pay_1")?.status, "canceled");
	});
});

describe("settle", () => {
	test("captures once however many ask at once", async () => {
		const w = await world();
		const { id, gatewayId } = await opened(w);
		w.bank.pay(gatewayId);
		const answers = await Promise.all(Array.from({ length: 20 }, () => w.till.settle(id)));
		assert.ok(answers.every(payment => payment.status === "captured"));
		await assertSound(w);
		const [told] = await w.facts();
		assert.deepEqual(told?.data, {
			paymentId: id,
			userId: "usr_1",
			payable: { kind: "course", id: "crs_1" },
			amountMinor: 9_999,
			currency: "USD",
			provider: "bank",
		});
	});

	test("answered late takes nothing back from a refund that began since", async () => {
		const w = await world();
		const { id, gatewayId } = await opened(w);
		w.bank.pay(gatewayId);
		const fetch = w.bank.fetch.bind(w.bank);
		w.bank.fetch = async asked => {
			w.bank.fetch = fetch;
			const answer = await fetch(asked);
			await w.till.settle(id);
			w.bank.refunds = "pending";
			await refundAll(w, id);
			return answer;
		};
		const { status, refundableMinor } = await w.till.settle(id);
		assert.deepEqual([status, refundableMinor], ["refund_pending", 0]);
		assert.equal((await w.facts()).length, 1);
	});

	for (const [reason, change] of [
		["amount differs", { amountMinor: 9_998 }],
		["currency differs", { currency: "EUR" }],
		["payment differs", { key: "pay_other" }],
		["payment differs", { id: "pi_other" }],
	] as const)
		test(`does not capture when the ${Object.keys(change)[0]} differs, until it does not`, async () => {
			const w = await world();
			const { id, gatewayId } = await opened(w);
			w.bank.pay(gatewayId);
			const right = w.bank.intents.get(gatewayId);
			w.bank.set(gatewayId, change);
			const payment = await w.till.settle(id);
			assert.deepEqual([payment.status, payment.review], ["requires_action", reason]);
			assert.deepEqual(await w.facts(), []);
			w.clock.ms += 48 * 3_600_000;
			assert.equal(await w.till.expire(), 0, "a person looks at it first");
			assert.ok(!w.bank.calls.includes("cancel"));
			w.bank.intents.set(gatewayId, right as never);
			const settled = await w.till.settle(id);
			assert.deepEqual([settled.status, settled.review], ["captured", undefined]);
			await assertSound(w);
		});

	for (const to of ["canceled", "expired"] as const)
		test(`captures money that came after it was ${to}`, async () => {
			const w = await world();
			const payment = await opened(w);
			w.bank.cancels = false;
			assert.equal((await w.till.close(payment, to)).status, to);
			const next = await opened(w);
			w.bank.pay(payment.gatewayId);
			assert.equal((await w.till.settle(payment.id)).status, "captured");
			assert.equal((await w.till.get(next.id)).status, "requires_action");
			await assertSound(w);
		});

	test("follows the provider between waiting and processing, and to canceled", async () => {
		const w = await world();
		const { id, gatewayId } = await opened(w);
		w.bank.set(gatewayId, { status: "processing" });
		assert.equal((await w.till.settle(id)).status, "processing");
		w.bank.set(gatewayId, { status: "open" });
		assert.equal((await w.till.settle(id)).status, "requires_action");
		w.bank.set(gatewayId, { status: "canceled" });
		assert.equal((await w.till.settle(id)).status, "canceled");
		await assertSound(w);
	});

	test("tells each declined attempt once", async () => {
		const w = await world();
		const { id, gatewayId } = await opened(w);
		for (const attempt of ["a", "a", "b", "a"]) {
			const failure = { id: attempt, code: "card_declined", message: "Declined" };
			w.bank.set(gatewayId, { failure });
			await Promise.all([w.till.settle(id), w.till.decline(id, failure), w.till.settle(id)]);
		}
		const payment = await w.till.get(id);
		assert.deepEqual(
			[payment.status, payment.lastError?.code],
			["requires_action", "card_declined"],
		);
		const told = await w.facts();
		assert.deepEqual(
			told.map(fact => [fact.name, fact.data.reason]),
			[
				["payment.failed", "card_declined"],
				["payment.failed", "card_declined"],
			],
		);
	});

	test("tells no decline of what was paid since", async () => {
		const w = await world();
		const { id, gatewayId } = await opened(w);
		w.bank.pay(gatewayId);
		await w.till.settle(id);
		const declined = await w.till.decline(id, { id: "a", code: "card_declined", message: "" });
		assert.equal(declined.status, "captured");
		assert.equal((await w.facts()).length, 1);
	});
});

describe("close", () => {
	test("finds out that it is paid", async () => {
		const w = await world();
		const payment = await opened(w);
		w.bank.pay(payment.gatewayId);
		assert.equal((await w.till.close(payment, "canceled")).status, "captured");
		await assertSound(w);
	});

	test("does not close here alone what was opened at the provider meanwhile", async () => {
		const w = await world();
		w.bank.next = ["is down"];
		await w.till.create(w.wanted()).catch(() => {});
		const create = w.bank.create.bind(w.bank);
		w.bank.create = async () => {
			w.bank.create = create;
			await w.till.open(await w.till.get("pay_1"));
			throw new Error("connection reset");
		};
		const closed = await w.till.close(await w.till.get("pay_1"), "canceled");
		assert.equal(closed.status, "canceled");
		assert.equal(w.bank.intents.get("pi_pay_1")?.status, "canceled");
	});

	test("needs no provider that is not set up any more", async () => {
		const w = await world();
		const payment = await opened(w);
		const later = await world({ payments: w.payments, providers: new Map() });
		assert.equal((await later.till.close(payment, "canceled")).status, "canceled");
	});

	test("expires what is 24 h old, at the provider too", async () => {
		const w = await world();
		const payment = await opened(w);
		w.clock.ms += 24 * 3_600_000 - 1;
		assert.equal(await w.till.expire(), 0);
		w.clock.ms += 1;
		w.bank.next = ["is down"];
		assert.equal(await w.till.expire(), 0, "tried again later");
		assert.equal(await w.till.expire(), 1);
		assert.equal(w.bank.intents.get(payment.gatewayId)?.status, "canceled");
		assert.equal((await w.till.get(payment.id)).status, "expired");
		await assertSound(w);
	});
});

describe("a signature for the buyer", () => {
	test("holds only for what was paid", async () => {
		const w = await world();
		const { id, gatewayId } = await opened(w);
		const signature = `signed ch_${gatewayId}`;
		assert.equal(await w.till.isSigned(await w.till.get(id), signature), false);
		w.bank.pay(gatewayId);
		assert.equal(await w.till.isSigned(await w.till.get(id), signature), true);
		assert.equal(await w.till.isSigned(await w.till.get(id), "signed ch_other"), false);
		await w.till.settle(id);
		assert.equal(await w.till.isSigned(await w.till.get(id), signature), true);
	});
});

/** Runs `act` in processes that die at every call outside in turn, before it and after it, each time in a new world. */
async function atEveryCrash(
	make: () => Promise<World>,
	act: (till: Till, w: World) => Promise<unknown>,
	then: (w: World, crashed: boolean) => Promise<void>,
): Promise<number> {
	for (let calls = 0; ; calls++) {
		let crashed = false;
		for (const dies of ["before", "after"] as const) {
			const w = await make();
			const process = new Process(calls, dies);
			await act(w.doomed(process), w).catch(() => {});
			crashed ||= process.dead;
			await then(w, process.dead);
			await assertSound(w);
		}
		if (!crashed) return calls;
	}
}

describe("a node that dies between any two awaits", () => {
	test("while it creates: the next create goes on", async () => {
		const crashes = await atEveryCrash(
			() => world(),
			(till, w) => till.create(w.wanted()),
			async w => {
				const { payment } = await w.till.create(w.wanted());
				assert.equal(payment.status, "requires_action");
				assert.equal(w.bank.intents.size, 1);
				assert.equal((await w.payments.find({})).length, 1);
			},
		);
		assert.ok(crashes >= 5, `only ${crashes} calls`);
	});

	test("while it replaces one: the next create goes on", async () => {
		const crashes = await atEveryCrash(
			async () => {
				const w = await world();
				await opened(w);
				return w;
			},
			(till, w) => till.create(w.wanted({ method: "razorpay" })),
			async w => {
				const { payment } = await w.till.create(w.wanted({ method: "razorpay" }));
				assert.deepEqual([payment.status, payment.method], ["requires_action", "razorpay"]);
				const open = [...w.bank.intents.values()].filter(intent => intent.status === "open");
				assert.deepEqual(
					open.map(intent => intent.key),
					[payment.id],
				);
			},
		);
		assert.ok(crashes >= 9, `only ${crashes} calls`);
	});

	test("while it settles: the next settle captures once", async () => {
		const crashes = await atEveryCrash(
			async () => {
				const w = await world();
				w.bank.next = ["loses its answer"];
				await w.till.create(w.wanted()).catch(() => {});
				w.bank.pay("pi_pay_1");
				return w;
			},
			till => till.settle("pay_1"),
			async w => {
				assert.equal((await w.till.settle("pay_1")).status, "captured");
			},
		);
		assert.ok(crashes >= 6, `only ${crashes} calls`);
	});

	test("while it closes: the next close ends it, or finds the money", async () => {
		for (const paid of [false, true])
			await atEveryCrash(
				async () => {
					const w = await world();
					const payment = await opened(w);
					if (paid) w.bank.pay(payment.gatewayId);
					return w;
				},
				async (till, w) => till.close(await w.till.get("pay_1"), "canceled"),
				async w => {
					const closed = await w.till.close(await w.till.get("pay_1"), "canceled");
					assert.equal(closed.status, paid ? "captured" : "canceled");
					assert.equal(w.bank.intents.get("pi_pay_1")?.status, paid ? "paid" : "canceled");
				},
			);
	});

	test("while it tells a decline: it is told once", async () => {
		const failure = { id: "a", code: "card_declined", message: "Declined" };
		await atEveryCrash(
			async () => {
				const w = await world();
				const { gatewayId } = await opened(w);
				w.bank.set(gatewayId, { failure });
				return w;
			},
			till => till.settle("pay_1"),
			async w => {
				await w.till.settle("pay_1");
				assert.equal((await w.facts()).length, 1);
			},
		);
	});
});

describe("whatever happens, in any order and at once", () => {
	const step = fc.oneof(
		fc.record({
			do: fc.constant("create" as const),
			method: fc.constantFrom("stripe" as const, "razorpay" as const),
			price: fc.constantFrom(9_999, 7_900),
		}),
		fc.record({ do: fc.constantFrom("settle", "cancel", "decline"), which: fc.nat(4) }),
		fc.record({
			do: fc.constant("bank" as const),
			which: fc.nat(4),
			status: fc.constantFrom("open" as const, "processing" as const, "paid" as const),
		}),
		fc.record({ do: fc.constant("expire" as const), hours: fc.constantFrom(0, 25) }),
	);
	const behaviour = fc.constantFrom<Behaviour>(
		"answers",
		"answers",
		"answers",
		"is down",
		"loses its answer",
	);

	test("only the table's transitions are made, and money is captured once", async () => {
		await fc.assert(
			fc.asyncProperty(
				fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { maxLength: 10 }),
				fc.array(behaviour, { maxLength: 30 }),
				fc.boolean(),
				async (rounds, behaviours, cancels) => {
					const w = await world();
					w.bank.next = [...behaviours];
					w.bank.cancels = cancels;
					let declines = 0;
					const run = async (s: (typeof rounds)[number][number]): Promise<void> => {
						const { till, bank } = w;
						if (s.do === "create") {
							const quote = { amountMinor: s.price, currency: "USD", title: "A course" };
							await till.create(w.wanted({ method: s.method, quote }));
						} else if (s.do === "expire") {
							w.clock.ms += s.hours * 3_600_000;
							await till.expire();
						} else if (s.do === "bank") {
							const intent = [...bank.intents.values()][s.which];
							if (!intent || intent.status === "paid" || intent.status === "canceled") return;
							if (s.status === "paid") bank.pay(intent.id);
							else bank.set(intent.id, { status: s.status });
						} else {
							const payment = (await w.payments.find({}, { sort: { id: 1 } }))[s.which];
							if (!payment) return;
							if (s.do === "settle") await till.settle(payment.id);
							else if (s.do === "cancel") await till.close(payment, "canceled");
							else {
								const failure = { id: `d${++declines}`, code: "card_declined", message: "" };
								await till.decline(payment.id, failure);
							}
						}
					};
					const failed: unknown[] = [];
					for (const together of rounds) {
						const results = await Promise.allSettled(together.map(run));
						for (const result of results)
							if (result.status === "rejected" && !unavailable(result.reason))
								failed.push(result.reason);
					}
					assert.deepEqual(failed, []);
					for (const [from, to] of w.refused) assert.ok(!transitions[from].includes(to));
					w.bank.next = [];
					for (const { id, key, status } of w.bank.intents.values()) {
						const settled = await w.till.settle(key, { hint: id });
						assert.equal(settled.status === "captured", status === "paid");
					}
					await assertSound(w);
				},
			),
			{ numRuns: 300 },
		);
	});
});
