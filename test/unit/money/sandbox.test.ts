import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { codeOf } from "../../../kernel/errors.ts";
import { escapeHtml } from "../../../kernel/html.ts";
import { Collection } from "../../../kernel/store/collection.ts";
import {
	type SandboxIntentDoc,
	SandboxIntentModel,
} from "../../../models/money/sandbox-intent.model.ts";
import type { Payment } from "../../../services/money/payments/payments.contract.ts";
import { Books } from "../../../services/money/sandbox/books.ts";
import { checkoutPage } from "../../../services/money/sandbox/checkout/page.ts";
import { effectOf, paidEventId } from "../../../services/money/sandbox/outcome.ts";
import { Post } from "../../../services/money/sandbox/post.ts";
import type { Outcome } from "../../../services/money/sandbox/sandbox.contract.ts";
import { isSignedWebhook } from "../../../services/money/signatures.ts";
import { memoryDriver } from "../../support/memory.ts";

const intent: SandboxIntentDoc = {
	id: "pi_sandbox_1",
	key: "pay_01a1fe56-051d-7715-b3ca-fcc9f014b556",
	method: "stripe",
	amountMinor: 9_999,
	currency: "USD",
	title: "A course",
	clientSecret: "pi_sandbox_1_secret_1",
	status: "open",
	refundableMinor: 9_999,
	webhooks: {},
	createdAt: "2026-01-01T00:00:00.000Z",
};

interface Sent {
	id: string;
	type: string;
	data: { id: string; key: string; failure?: { id: string }; objectId?: string };
}

async function sandboxOf() {
	const intents = new Collection(SandboxIntentModel, await memoryDriver(SandboxIntentModel));
	await intents.insert(intent);
	const clock = { ms: 1_700_000_000_000, now: () => clock.ms };
	const sent: Sent[] = [];
	const state = { refuses: 0 };
	const post = () =>
		new Post({
			intents,
			clock,
			secret: async () => "secret",
			send: async ({ headers, body }) => {
				const bytes = Buffer.from(body, "base64");
				assert.ok(isSignedWebhook(headers["sandbox-signature"], bytes, ["secret"], clock.ms));
				if (state.refuses-- > 0) throw new Error("not taken");
				sent.push(JSON.parse(bytes.toString()));
			},
			warn: () => {},
		});
	let declines = 0;
	return {
		intents,
		clock,
		sent,
		state,
		deliverDue: () => post().deliverDue(),
		async play(outcome: Outcome) {
			const now = clock.now();
			const current = (await intents.get(intent.id)) as SandboxIntentDoc;
			const effect = effectOf(outcome, current, `dcl_${++declines}`, now);
			if (effect) await intents.advance(effect.guard, effect.change);
			await post().deliver(intent.id);
			return (await intents.get(intent.id)) as SandboxIntentDoc;
		},
	};
}

const isNotPossible = (error: unknown): boolean => codeOf(error) === "NOT_POSSIBLE";

const types = (sent: readonly Sent[]) => sent.map(({ type }) => type);

describe("the sandbox", () => {
	test("succeed: the webhook comes at once, the same one again on each repeat", async () => {
		const { play, sent, deliverDue } = await sandboxOf();
		assert.equal((await play("succeed")).status, "paid");
		const after = await play("succeed");
		assert.equal(after.dueAt, undefined);
		assert.deepEqual(
			sent.map(({ id }) => id),
			[paidEventId(intent), paidEventId(intent)],
		);
		assert.deepEqual(sent[0]?.data, { id: intent.id, key: intent.key });
		assert.equal(await deliverDue(), 0);
	});

	test("decline: stays open, each attempt with an event of its own", async () => {
		const { play, sent } = await sandboxOf();
		assert.equal((await play("decline")).failure?.id, "dcl_1");
		assert.equal((await play("decline")).status, "open");
		assert.deepEqual(types(sent), ["payment.failed", "payment.failed"]);
		assert.deepEqual(
			sent.map(({ data }) => data.failure?.id),
			["dcl_1", "dcl_2"],
		);
		assert.notEqual(sent[0]?.id, sent[1]?.id);
		assert.equal((await play("succeed")).failure, undefined);
	});

	test("timeout: silence until a succeed sends what was withheld", async () => {
		const { play, sent, clock, deliverDue } = await sandboxOf();
		assert.equal((await play("timeout")).status, "paid");
		clock.ms += 86_400_000;
		assert.equal(await deliverDue(), 0);
		for (const outcome of ["timeout", "late", "decline"] as const) await play(outcome);
		assert.deepEqual(sent, []);
		await play("succeed");
		assert.deepEqual(types(sent), ["payment.paid"]);
	});

	test("late: 5 s later", async () => {
		const { play, sent, clock, deliverDue } = await sandboxOf();
		assert.equal((await play("late")).status, "paid");
		clock.ms += 4_999;
		assert.equal(await deliverDue(), 0);
		clock.ms += 1;
		assert.equal(await deliverDue(), 1);
		assert.equal(await deliverDue(), 0);
		assert.deepEqual(types(sent), ["payment.paid"]);
	});

	test("a canceled one stays as it is", async () => {
		const { intents, play, sent } = await sandboxOf();
		await intents.advance({ id: intent.id }, { $set: { status: "canceled" } });
		for (const outcome of ["succeed", "decline", "timeout", "late"] as const)
			assert.equal((await play(outcome)).status, "canceled");
		assert.deepEqual(sent, []);
	});

	test("a webhook that is not taken comes again, ever later", async () => {
		const { play, sent, clock, state, deliverDue } = await sandboxOf();
		state.refuses = 3;
		assert.equal((await play("succeed")).dueAt, clock.ms + 1_000);
		for (const wait of [1_000, 2_000, 4_000]) {
			clock.ms += wait - 1;
			assert.equal(await deliverDue(), 0);
			assert.deepEqual(sent, []);
			clock.ms += 1;
			await deliverDue();
		}
		assert.deepEqual(types(sent), ["payment.paid"]);
	});

	test("nothing that is due is ever forgotten, and what is paid stays paid", async () => {
		const outcome = fc.constantFrom<Outcome>("succeed", "decline", "timeout", "late");
		await fc.assert(
			fc.asyncProperty(fc.array(outcome, { maxLength: 8 }), fc.nat(6), async (all, refuses) => {
				const { intents, play, sent, clock, state, deliverDue } = await sandboxOf();
				state.refuses = refuses;
				for (const each of all) {
					const before = (await intents.get(intent.id)) as SandboxIntentDoc;
					const after = await play(each);
					assert.ok(before.status !== "paid" || after.status === "paid");
				}
				for (let i = 0; i < 10; i++) {
					clock.ms += 300_000;
					await deliverDue();
				}
				const paid = all.findIndex(each => each !== "decline");
				const declines = paid === -1 ? all.length : paid;
				const ids = new Set(sent.map(({ id }) => id));
				const told = paid !== -1 && all.slice(paid).some(each => each === "succeed");
				const late = all[paid] === "late";
				assert.equal(ids.size, declines + (told || late ? 1 : 0));
				assert.equal((await intents.get(intent.id))?.dueAt, undefined);
			}),
			{ numRuns: 60 },
		);
	});
});

describe("money that goes back at the sandbox", () => {
	async function paidOne() {
		const world = await sandboxOf();
		const books = new Books(world.intents, world.clock);
		await world.play("succeed");
		world.sent.length = 0;
		return { ...world, books, current: () => books.find(intent.id) };
	}

	test("is told once it is due, and again on each repeat", async () => {
		const { books, current, sent, deliverDue } = await paidOne();
		await books.behave(await current(), "pending", undefined);
		const made = await books.refund(intent.id, "rfd_1", 100);
		assert.ok("refund" in made);
		const { id } = made.refund;
		await deliverDue();
		for (const status of ["succeeded", "succeeded", "failed"] as const) {
			await books.settleRefund(await current(), id, status);
			await deliverDue();
		}
		assert.deepEqual(types(sent), [
			"refund.pending",
			"refund.succeeded",
			"refund.succeeded",
			"refund.failed",
		]);
		assert.equal(new Set(sent.map(event => event.id)).size, 3);
		for (const { data } of sent)
			assert.deepEqual(data, { id: intent.id, key: intent.key, objectId: id });
	});

	test("whose answer is lost is silent, until it is let go", async () => {
		const { books, current, sent, clock, deliverDue } = await paidOne();
		await books.behave(await current(), "timeout", undefined);
		const first = await books.refund(intent.id, "rfd_1", 100);
		const second = await books.refund(intent.id, "rfd_1", 100);
		assert.ok("refund" in first && first.isSilent);
		assert.ok("refund" in second && !second.isSilent && second.refund.id === first.refund.id);
		clock.ms += 86_400_000;
		assert.equal(await deliverDue(), 0);
		await books.settleRefund(await current(), first.refund.id, "succeeded");
		await deliverDue();
		assert.deepEqual(types(sent), ["refund.succeeded"]);
	});

	test("is refused where it cannot be: not paid, disputed, all gone, nobody's", async () => {
		const { books, intents, current } = await paidOne();
		const code = async (key: string, amountMinor: number, id = intent.id) => {
			const answer = await books.refund(id, key, amountMinor);
			return "refused" in answer ? answer.refused.code : undefined;
		};
		assert.equal(await code("rfd_1", 10_000), "amount_too_large");
		assert.equal(await code("rfd_1", 100, "pi_nobodys"), "resource_missing");
		await books.dispute(await current(), "open");
		assert.equal(await code("rfd_1", 100), "charge_disputed");
		await books.dispute(await current(), "won");
		assert.equal(await code("rfd_1", 9_999), undefined);
		assert.equal(await code("rfd_2", 1), "charge_already_refunded");
		await intents.advance({ id: intent.id }, { $set: { status: "open" } });
		assert.equal(await code("rfd_3", 1), "not_paid");
	});

	test("a dispute is decided once, opened on the way, and never for more than is left", async () => {
		const { books, current, sent, deliverDue } = await paidOne();
		await assert.rejects(books.dispute(await current(), "open", 10_000), isNotPossible);
		await books.dispute(await current(), "lost", 5_000);
		await assert.rejects(books.dispute(await current(), "won"), isNotPossible);
		await assert.rejects(books.dispute(await current(), "open"), isNotPossible);
		await deliverDue();
		assert.deepEqual(types(sent).sort(), ["dispute.lost", "dispute.open"]);
		assert.equal((await current()).refundableMinor, 4_999);
		await assert.rejects(
			books.settleRefund(await current(), "re_nobodys", "failed"),
			isNotPossible,
		);
	});

	test("is never more than was paid, whatever is done in whatever order", async () => {
		const step = fc.record({
			what: fc.constantFrom("refund", "by hand", "settle", "dispute", "behave"),
			key: fc.constantFrom("rfd_1", "rfd_2", "rfd_3"),
			amountMinor: fc.integer({ min: 1, max: 6_000 }),
			go: fc.constantFrom("succeed", "pending", "fail", "timeout"),
			end: fc.constantFrom("succeeded", "failed"),
			dispute: fc.constantFrom("open", "won", "lost"),
		} as const);
		await fc.assert(
			fc.asyncProperty(fc.array(step, { maxLength: 12 }), async steps => {
				const { books, current, clock, deliverDue } = await paidOne();
				for (const { what, key, amountMinor, go, end, dispute } of steps) {
					const now = await current();
					const [made] = Object.values(now.refunds ?? {});
					if (what === "refund") await books.refund(intent.id, key, amountMinor);
					if (what === "behave") await books.behave(now, go, undefined);
					const lever = {
						"by hand": () => books.refundByHand(now, amountMinor),
						settle: () => books.settleRefund(now, made?.id ?? "", end),
						dispute: () => books.dispute(now, dispute, amountMinor),
					}[what as string];
					await lever?.().catch((error: unknown) => assert.ok(isNotPossible(error)));
					const after = await current();
					const went = Object.values(after.refunds ?? {})
						.filter(({ status }) => status !== "failed")
						.reduce((sum, refund) => sum + refund.amountMinor, 0);
					const held =
						after.dispute && after.dispute.status !== "won" ? after.dispute.amountMinor : 0;
					assert.equal(after.refundableMinor, intent.amountMinor - went - held);
					assert.ok(after.refundableMinor >= 0);
				}
				clock.ms += 300_000;
				await deliverDue();
				assert.equal((await current()).dueAt, undefined);
			}),
			{ numRuns: 80 },
		);
	});
});

describe("the checkout page", () => {
	const payment: Payment = {
		id: intent.key,
		payable: { kind: "course", id: "crs_1" },
		userId: "usr_1",
		status: "requires_action",
		amount: 99.99,
		amountMinor: 9_999,
		currency: "USD",
		paymentMethod: "stripe",
		sandbox: true,
		createdAt: intent.createdAt,
	};

	test("says what it is, the amount and the state, and has the four buttons", () => {
		const html = checkoutPage(payment, intent);
		assert.match(html, /<strong>Sandbox\.<\/strong>/);
		assert.match(html, /\$99\.99/);
		assert.match(html, /Waiting for you to pay/);
		const buttons = [...html.matchAll(/<button name="outcome" value="(\w+)"[^>]*>([^<]+)</g)];
		assert.deepEqual(
			buttons.map(([, value, label]) => [value, label]),
			[
				["succeed", "Pay"],
				["decline", "Decline"],
				["timeout", "Time out"],
				["late", "Answer late"],
			],
		);
		assert.doesNotMatch(html, /https?:\/\/|style=| on\w+=|<style|<script>/);
	});

	test("shows what happened, and offers nothing once it ended", () => {
		const lastError = { code: "card_declined", message: "The card was declined", at: "" };
		assert.match(checkoutPage({ ...payment, lastError }, intent), /The card was declined\./);
		const silent = checkoutPage(payment, { ...intent, status: "paid" });
		assert.match(silent, /has the money and has not said so/);
		assert.doesNotMatch(silent, /http-equiv/);
		assert.match(checkoutPage(payment, { ...intent, status: "paid", dueAt: 1 }), /http-equiv/);
		const ended = checkoutPage({ ...payment, status: "captured" }, { ...intent, dueAt: 1 });
		assert.match(ended, /Paid\./);
		assert.equal([...ended.matchAll(/ disabled>/g)].length, 4);
		assert.doesNotMatch(ended, /http-equiv/);
	});

	test("escapes whatever it shows", () => {
		const title = `<script>alert("1")</script>&'`;
		const html = checkoutPage(payment, { ...intent, title });
		assert.ok(!html.includes("<script>alert"));
		assert.ok(html.includes("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;"));
		fc.assert(fc.property(fc.string(), text => !/[<>"']/.test(escapeHtml(text))));
	});
});
