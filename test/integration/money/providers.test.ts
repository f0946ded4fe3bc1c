import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { newId } from "../../../kernel/ids.ts";
import type {
	Failure,
	Intent,
	RefundOrder,
	Snapshot,
} from "../../../services/money/payments/providers/port.ts";
import { needsFakeStripe } from "../../support/stripe/fake-stripe.ts";
import { type Bench, razorpayBench, sandboxBench, stripeBench } from "./benches.ts";

const intentOf = (change: Partial<Intent> = {}): Intent => ({
	key: newId("pay"),
	method: "stripe",
	amountMinor: 9_999,
	currency: "USD",
	title: "Glass blowing & other crafts",
	...change,
});

const refusedAs = (answer: object): string | undefined =>
	(answer as { refused?: Failure }).refused?.code;

/** Opens a payment. */
async function open({ provider }: Bench, change?: Partial<Intent>): Promise<Snapshot> {
	const answer = await provider.create(intentOf(change));
	assert.ok("opened" in answer, JSON.stringify(answer));
	return provider.fetch(answer.opened.id);
}

/** Opens a payment that the buyer pays. */
async function buy(bench: Bench, change?: Partial<Intent>): Promise<Snapshot> {
	const { id } = await open(bench, change);
	await bench.pay(id);
	return bench.provider.fetch(id);
}

const orderOf = (paid: Snapshot, change: Partial<RefundOrder> = {}): RefundOrder => ({
	key: newId("rfd"),
	id: paid.id,
	chargeId: paid.chargeId as string,
	amountMinor: paid.amountMinor,
	currency: paid.currency,
	...change,
});

async function refund({ provider }: Bench, order: RefundOrder) {
	const answer = await provider.refund(order);
	assert.ok("refund" in answer, JSON.stringify(answer));
	return answer.refund;
}

const isOneId = /^[A-Za-z0-9_-]+$/;

/** What every provider does, whatever is behind it. */
function conformance(name: string, benchOf: (t: TestContext) => Promise<Bench>): void {
	describe(`${name}: payments`, () => {
		test("one key makes one payment, however often and however fast", async t => {
			const { provider, paysBySecret } = await benchOf(t);
			const intent = intentOf();
			const answers = await Promise.all(Array.from({ length: 10 }, () => provider.create(intent)));
			for (const answer of [...answers, await provider.create(intent)]) {
				assert.deepEqual(answer, answers[0]);
				assert.ok("opened" in answer && (!paysBySecret || answer.opened.clientSecret));
			}
			const { id } = (answers[0] as { opened: { id: string } }).opened;
			assert.match(id, isOneId);
			assert.deepEqual(await provider.fetch(id), {
				id,
				key: intent.key,
				status: "open",
				amountMinor: 9_999,
				currency: "USD",
				refunds: [],
				disputes: [],
			});
			const another = await provider.create(intentOf());
			assert.ok("opened" in another && another.opened.id !== id);
		});

		test("a key is not for another amount or currency", async t => {
			const { provider } = await benchOf(t);
			const intent = intentOf();
			await provider.create(intent);
			for (const change of [{ amountMinor: 9_998 }, { currency: "EUR" }])
				assert.equal(
					refusedAs(await provider.create({ ...intent, ...change })),
					"idempotency_error",
				);
		});

		test("paid: with the id of the money, and closing does not change that", async t => {
			const bench = await benchOf(t);
			const paid = await buy(bench);
			assert.equal(paid.status, "paid");
			assert.match(paid.chargeId ?? "", isOneId);
			assert.deepEqual([paid.amountMinor, paid.currency], [9_999, "USD"]);
			assert.deepEqual([paid.refunds, paid.disputes], [[], []]);
			assert.equal((await bench.provider.cancel(paid.id)).status, "paid");
			assert.equal((await bench.provider.cancel(paid.id)).chargeId, paid.chargeId);
		});

		test("declined: stays open, each attempt with an id of its own, until it is paid", async t => {
			const bench = await benchOf(t);
			const { id } = await open(bench);
			const failures: Failure[] = [];
			for (const _ of [1, 2]) {
				await bench.decline(id);
				const { status, failure } = await bench.provider.fetch(id);
				assert.equal(status, "open");
				assert.deepEqual((await bench.provider.fetch(id)).failure, failure);
				failures.push(failure as Failure);
			}
			for (const { id, code, message } of failures) {
				assert.match(id, isOneId);
				assert.ok(code === "card_declined" && message);
			}
			assert.notEqual(failures[0]?.id, failures[1]?.id);
			await bench.pay(id);
			const paid = await bench.provider.fetch(id);
			assert.deepEqual([paid.status, paid.failure], ["paid", undefined]);
		});

		test("processing: cannot be closed, and ends paid or open again", async t => {
			const bench = await benchOf(t);
			for (const [end, status] of [
				["succeeded", "paid"],
				["failed", "open"],
			] as const) {
				const { id } = await open(bench);
				await bench.process(id);
				assert.equal((await bench.provider.fetch(id)).status, "processing");
				assert.equal((await bench.provider.cancel(id)).status, "processing");
				await bench.endProcessing(id, end);
				const ended = await bench.provider.fetch(id);
				assert.equal(ended.status, status);
				assert.equal(ended.failure !== undefined, end === "failed");
			}
		});

		test("canceled: for good, and nobody can pay it any more", async t => {
			const bench = await benchOf(t);
			const { id, key } = await open(bench);
			for (const _ of [1, 2]) {
				const canceled = await bench.provider.cancel(id);
				assert.deepEqual([canceled.status, canceled.key], ["canceled", key]);
			}
			await bench.pay(id).catch(() => {});
			assert.equal((await bench.provider.fetch(id)).status, "canceled");
			await assert.rejects(bench.provider.cancel("pi_nobodys"));
			await assert.rejects(bench.provider.fetch("pi_nobodys"));
		});

		for (const [currency, amountMinor] of [
			["JPY", 500],
			["KWD", 5_120],
			["ISK", 5],
			["MGA", 50_000],
			["HUF", 100_045],
		] as const)
			test(`${amountMinor} minor units of ${currency} are as many there, and a part of them back`, async t => {
				const bench = await benchOf(t);
				const step = bench.provider.step(currency) as number;
				assert.ok(step >= 1 && amountMinor % step === 0);
				const paid = await buy(bench, { amountMinor, currency });
				assert.deepEqual([paid.amountMinor, paid.currency], [amountMinor, currency]);
				const order = orderOf(paid, { amountMinor: 2 * step });
				const { amountMinor: back, currency: in_ } = await refund(bench, order);
				assert.deepEqual([back, in_], [2 * step, currency]);
				const { items } = await bench.provider.statement();
				assert.deepEqual(
					items.map(line => [line.amountMinor, line.refundedMinor, line.currency]),
					[[amountMinor, 2 * step, currency]],
				);
			});
	});

	describe(`${name}: refunds`, () => {
		test("in parts until nothing is left, each key once", async t => {
			const bench = await benchOf(t);
			const { provider } = bench;
			const paid = await buy(bench);
			const first = orderOf(paid, { amountMinor: 6_299 });
			const made = await refund(bench, first);
			assert.deepEqual(
				{ ...made, id: "" },
				{ id: "", key: first.key, status: "succeeded", amountMinor: 6_299, currency: "USD" },
			);
			assert.match(made.id, isOneId);
			for (const _ of [1, 2]) assert.deepEqual(await refund(bench, first), made);
			assert.equal(
				refusedAs(await provider.refund({ ...first, amountMinor: 100 })),
				"idempotency_error",
			);
			assert.ok(refusedAs(await provider.refund(orderOf(paid, { amountMinor: 3_701 }))));
			await refund(bench, orderOf(paid, { amountMinor: 3_700 }));
			assert.equal(
				refusedAs(await provider.refund(orderOf(paid, { amountMinor: 1 }))),
				"charge_already_refunded",
			);
			const { refunds, status } = await provider.fetch(paid.id);
			assert.equal(status, "paid");
			assert.deepEqual(refunds.map(each => each.amountMinor).sort(), [3_700, 6_299]);
			assert.deepEqual(
				refunds.find(({ key }) => key === first.key),
				made,
			);
		});

		test("of one key at once are one; of many keys never more than was paid", async t => {
			const bench = await benchOf(t);
			const paid = await buy(bench);
			const order = orderOf(paid, { amountMinor: 4_999 });
			const same = await Promise.all(Array.from({ length: 5 }, () => refund(bench, order)));
			assert.equal(new Set(same.map(({ id }) => id)).size, 1);
			const many = await Promise.all(
				Array.from({ length: 20 }, () =>
					bench.provider.refund(orderOf(paid, { amountMinor: 1_000 })),
				),
			);
			assert.equal(many.filter(answer => "refund" in answer).length, 5);
			const { refunds } = await bench.provider.fetch(paid.id);
			assert.equal(
				refunds.reduce((sum, { amountMinor }) => sum + amountMinor, 0),
				9_999,
			);
		});

		test("of what is not paid, and of nobody's, are refused", async t => {
			const bench = await benchOf(t);
			const unpaid = await open(bench);
			assert.ok(refusedAs(await bench.provider.refund(orderOf(unpaid))));
			const nobodys = orderOf(unpaid, { id: "pi_nobodys" });
			assert.equal(refusedAs(await bench.provider.refund(nobodys)), "resource_missing");
		});

		test("may be pending first, and may fail long after they succeeded", async t => {
			const bench = await benchOf(t);
			const paid = await buy(bench);
			await bench.refundsGo(paid.id, "pending");
			const order = orderOf(paid);
			const made = await refund(bench, order);
			assert.equal(made.status, "pending");
			const again = async () => {
				const [found] = (await bench.provider.fetch(paid.id)).refunds;
				assert.deepEqual([found?.id, found?.key], [made.id, order.key]);
				assert.deepEqual(await refund(bench, order), found);
				return found;
			};
			await bench.settleRefund(paid.id, made.id, "succeeded");
			assert.equal((await again())?.status, "succeeded");
			await bench.settleRefund(paid.id, made.id, "failed");
			const failed = await again();
			assert.equal(failed?.status, "failed");
			assert.ok(failed.failure?.code);
			await bench.refundsGo(paid.id, "succeed");
			assert.equal((await refund(bench, orderOf(paid))).status, "succeeded");
		});

		test("that fail at once leave all that was there", async t => {
			const bench = await benchOf(t);
			const paid = await buy(bench);
			await bench.refundsGo(paid.id, "fail");
			const failed = await refund(bench, orderOf(paid));
			assert.deepEqual([failed.status, failed.failure?.code], ["failed", "declined"]);
			await bench.refundsGo(paid.id, "succeed");
			assert.equal((await refund(bench, orderOf(paid))).amountMinor, 9_999);
		});

		test("whose answer is lost are found under their key, and not made again", async t => {
			const bench = await benchOf(t);
			const paid = await buy(bench);
			const order = orderOf(paid, { amountMinor: 5_000 });
			await bench.loseRefundAnswer(paid.id);
			await assert.rejects(bench.provider.refund(order));
			const found = (await bench.provider.fetch(paid.id)).refunds;
			assert.deepEqual(
				found.map(({ key, amountMinor }) => [key, amountMinor]),
				[[order.key, 5_000]],
			);
			assert.equal((await refund(bench, order)).id, found[0]?.id);
			assert.equal((await bench.provider.fetch(paid.id)).refunds.length, 1);
		});

		test("made by hand have nobody's key, and take from what is left", async t => {
			const bench = await benchOf(t);
			const paid = await buy(bench);
			await bench.refundByHand(paid.id, 9_000);
			const [made] = (await bench.provider.fetch(paid.id)).refunds;
			assert.deepEqual(
				[made?.status, made?.amountMinor, made && "key" in made],
				["succeeded", 9_000, false],
			);
			assert.ok(refusedAs(await bench.provider.refund(orderOf(paid))));
		});
	});

	describe(`${name}: disputes`, () => {
		for (const end of ["won", "lost"] as const)
			test(`open, then ${end}`, async t => {
				const bench = await benchOf(t);
				const paid = await buy(bench);
				const seen = async () => {
					const { disputes, status } = await bench.provider.fetch(paid.id);
					assert.equal(status, "paid");
					return disputes;
				};
				await bench.dispute(paid.id, "open");
				const [opened] = await seen();
				assert.deepEqual(opened, {
					id: opened?.id,
					status: "open",
					amountMinor: 9_999,
					currency: "USD",
				});
				assert.match(opened?.id ?? "", isOneId);
				assert.equal(
					refusedAs(await bench.provider.refund(orderOf(paid, { amountMinor: 100 }))),
					"charge_disputed",
				);
				await bench.dispute(paid.id, end);
				assert.deepEqual(await seen(), [{ ...opened, status: end }]);
				const answer = await bench.provider.refund(orderOf(paid));
				assert.equal("refund" in answer, end === "won");
			});
	});

	describe(`${name}: webhooks`, () => {
		test("tell what they are about", async t => {
			const bench = await benchOf(t);
			const { types, provider, tellsKey } = bench;
			const read = async (type: string) => {
				const { headers, body } = await bench.webhook(type);
				const event = await provider.readWebhook(headers, body);
				assert.ok(event);
				assert.match(event.id, isOneId);
				assert.equal(event.type, type);
				return event;
			};
			const { id: gatewayId, key } = await open(bench);
			await bench.decline(gatewayId);
			const failed = await read(types.failed);
			assert.deepEqual([failed.kind, failed.gatewayId], ["failed", gatewayId]);
			assert.equal(failed.key, tellsKey ? key : undefined);
			assert.deepEqual(failed.failure, (await provider.fetch(gatewayId)).failure);
			await bench.pay(gatewayId);
			const paid = await read(types.paid);
			assert.deepEqual([paid.kind, paid.gatewayId], ["paid", gatewayId]);
			assert.equal(paid.key, tellsKey ? key : undefined);
			assert.equal(paid.failure, undefined);
			const order = orderOf(await provider.fetch(gatewayId), { amountMinor: 100 });
			const { id: refundId } = await refund(bench, order);
			const refunded = await read(types.refunded);
			assert.deepEqual(
				[refunded.kind, refunded.gatewayId, refunded.objectId],
				["refund", gatewayId, refundId],
			);
			await bench.dispute(gatewayId, "open");
			const disputed = await read(types.disputed);
			const [dispute] = (await provider.fetch(gatewayId)).disputes;
			assert.deepEqual(
				[disputed.kind, disputed.gatewayId, disputed.objectId],
				["dispute", gatewayId, dispute?.id],
			);
		});

		test("hold for as long as they may, under each secret, and as they were signed", async t => {
			const bench = await benchOf(t);
			const { past, future } = bench.window;
			await buy(bench);
			const read = async (signing: Parameters<Bench["webhook"]>[1]) => {
				const { headers, body } = await bench.webhook(bench.types.paid, signing);
				return (await bench.provider.readWebhook(headers, body)) !== null;
			};
			for (const good of [
				{},
				{ secret: "second" },
				{ secondsOff: -past },
				{ secondsOff: future },
			] as const)
				assert.equal(await read(good), true, JSON.stringify(good));
			for (const bad of [
				{ secret: "forged" },
				{ secondsOff: -past - 1 },
				{ secondsOff: future + 1 },
				{ secondsOff: 86_400 },
				{ alter: (body: string) => `${body} ` },
				{ alter: (body: string) => body.replace(/\d/, digit => String(9 - Number(digit))) },
			] as const)
				assert.equal(await read(bad), false, `${JSON.stringify(bad)} ${bad}`);
			const { body } = await bench.webhook(bench.types.paid);
			assert.equal(await bench.provider.readWebhook({}, body), null);
		});

		test("of a type nobody handles are others, and what is no event is nothing", async t => {
			const bench = await benchOf(t);
			await buy(bench);
			const read = async (change: (event: Record<string, unknown>) => void) => {
				const { headers, body } = await bench.webhook(bench.types.paid, { change });
				return bench.provider.readWebhook(headers, body);
			};
			for (const type of ["tax.settings.updated", "constructor", "__proto__", ""])
				assert.equal(
					(
						await read(event => {
							event.type = type;
						})
					)?.kind,
					"other",
				);
			assert.equal(
				await read(event => {
					delete event.id;
				}),
				null,
			);
		});
	});

	test(`${name}: the statement has each payment that was paid once`, async t => {
		const bench = await benchOf(t);
		const paid: Snapshot[] = [];
		for (let i = 0; i < 103; i++) paid.push(await buy(bench));
		await open(bench);
		const canceled = await open(bench);
		await bench.provider.cancel(canceled.id);
		const [first, second] = paid as [Snapshot, Snapshot];
		await refund(bench, orderOf(first, { amountMinor: 1_000 }));
		await bench.refundsGo(second.id, "fail");
		await refund(bench, orderOf(second));
		const lines = [];
		for (let after: string | undefined; ; ) {
			const page = await bench.provider.statement(after);
			assert.ok(page.items.length <= 100);
			lines.push(...page.items);
			assert.ok(lines.length <= paid.length, "a line came twice");
			after = page.next;
			if (!after) break;
		}
		const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);
		assert.deepEqual(
			lines.map(({ paidAt, ...line }) => line).sort(byId),
			paid
				.map(({ id, key, amountMinor, currency }) => {
					const refundedMinor = id === first.id ? 1_000 : 0;
					return { id, key, amountMinor, currency, refundedMinor };
				})
				.sort(byId),
		);
		for (const { paidAt } of lines) assert.ok(Math.abs(paidAt - Date.now()) < 60_000);
	});
}

conformance("sandbox", sandboxBench);
conformance("razorpay", razorpayBench);
if (needsFakeStripe()) conformance("stripe", stripeBench);
