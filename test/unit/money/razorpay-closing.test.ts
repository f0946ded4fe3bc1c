import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../../kernel/clock.ts";
import { razorpayProvider } from "../../../services/money/payments/providers/razorpay.ts";
import { random } from "../../support/random.ts";
import { authorizeLate, begin, pay } from "../../support/razorpay/account.ts";
import { Books } from "../../support/razorpay/books.ts";
import { directClient } from "../../support/razorpay/direct.ts";

const seeds = 1_000;

/** What waits for its turn. */
interface Waiting {
	who: string;
	/** A request on its way, which arrives even when whoever sent it is dead. */
	isSent: boolean;
	go: () => void;
}

/**
 * One order: nodes that ask how it stands, one that closes it and dies at some point, one that closes it after that, and
 * a buyer who pays at any time, all of it request by request in an order drawn from the seed. Requests and answers are
 * lost, and what a dead node had sent still arrives.
 */
async function play(seed: number): Promise<string> {
	const next = random(seed);
	const chance = (share: number) => next() < share;
	const books = new Books();
	const waiting: Waiting[] = [];
	const dead = new Set<string>();
	const turn = (who: string, isSent = false) =>
		new Promise<void>(go => waiting.push({ who, isSent, go }));
	const providerOn = (reach: <T>(what: string, act: () => T) => Promise<T>) =>
		razorpayProvider({
			client: directClient(books, reach),
			keySecret: "s",
			webhookSecrets: [],
			clock: systemClock,
		});
	const node = (who: string) =>
		providerOn(async (_what, act) => {
			await turn(who, true);
			const isLost = chance(0.05);
			const answer = isLost && chance(0.5) ? undefined : act();
			await turn(who);
			if (isLost || answer === undefined) throw new Error("the answer is lost");
			return answer;
		});
	const drain = async () => {
		for (;;) {
			await new Promise(setImmediate);
			const able = waiting.filter(({ who, isSent }) => isSent || !dead.has(who));
			if (able.length === 0) return;
			const chosen = able[Math.floor(next() * able.length)] as Waiting;
			waiting.splice(waiting.indexOf(chosen), 1);
			if (chosen.who === "first" && chance(0.1)) dead.add("first");
			chosen.go();
		}
	};
	const made = await providerOn(async (_what, act) => act()).create({
		key: "pay_1",
		method: "razorpay",
		amountMinor: 9_999,
		currency: "USD",
		title: "T",
	});
	assert.ok("opened" in made);
	const order = made.opened.id;
	const captured = () => [...books.payments.values()].filter(each => each.captured).length;

	let closedAt: number | undefined;
	let capturedThen = 0;
	const said: string[] = [];
	const close = async (who: string) => {
		const { status } = await node(who).cancel(order);
		said.push(`${who} ${status}`);
		if (status !== "canceled" || closedAt !== undefined) return;
		closedAt = said.length;
		capturedThen = captured();
	};
	const buyer = async () => {
		if (chance(0.6)) return;
		const begun = chance(0.5) ? begin(books, order) : undefined;
		for (let turns = Math.floor(next() * 20); turns >= 0; turns--) await turn("buyer");
		if (books.order(order).status === "paid") return;
		if (begun) authorizeLate(books, begun.id);
		else pay(books, order);
	};
	const ask = async (who: string) => {
		for (let turns = Math.floor(next() * 8); turns > 0; turns--) await turn(who);
		await node(who)
			.fetch(order)
			.catch(() => undefined);
	};
	void close("first").catch(() => undefined);
	const others = [buyer(), ask("asker 1")];
	await drain();
	dead.add("first");
	await Promise.all(others);
	const meanwhile = [buyer(), ...["2", "3", "4"].map(n => ask(`asker ${n}`))];
	for (let tries = 0; tries < 20 && !said.some(each => each.startsWith("last")); tries++) {
		const last = close("last").catch(() => undefined);
		await drain();
		await last;
	}
	if (chance(0.5) && books.order(order).status !== "paid") pay(books, order);
	const late = ask("asker 5");
	await drain();
	await Promise.all([...meanwhile, late]);
	assert.ok(captured() <= 1, `seed ${seed}: captured twice`);
	assert.equal(
		closedAt === undefined || captured() === capturedThen,
		true,
		`seed ${seed}: ${said.join(", ")}, and captured after it was closed`,
	);
	return said.at(-1) ?? "";
}

test(`once a cancel says so nothing is captured: ${seeds} interleavings of who asks, closes, pays and dies`, async () => {
	const ends = new Map<string, number>();
	for (let seed = 1; seed <= seeds; seed++) {
		const end = await play(seed);
		ends.set(end, (ends.get(end) ?? 0) + 1);
	}
	for (const end of ["last canceled", "last paid"])
		assert.ok((ends.get(end) ?? 0) > seeds / 20, `${end}: ${JSON.stringify([...ends])}`);
});
