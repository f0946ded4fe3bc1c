import { codeOf } from "../../kernel/errors.ts";
import { toMajor } from "../../kernel/money/money.ts";
import type { Payment } from "../../services/money/payments/payments.contract.ts";
import type { Answered } from "./network.ts";
import type { Owner } from "./scheduler.ts";
import { LinkLost } from "./store.ts";
import type { World } from "./world.ts";

/** What a client hears: an answer, a refusal by its code, or nothing it could rely on. */
type Heard = { value: never; status: number | undefined } | { code: string } | undefined;

/** Whether an error says that something was away, and not that something is wrong. */
export function isInnocent(error: unknown): boolean {
	const { retryable, cause } = error as { retryable?: boolean; cause?: unknown };
	return (
		retryable === true ||
		codeOf(error) === "SERVICE_UNAVAILABLE" ||
		error instanceof LinkLost ||
		(cause !== undefined && isInnocent(cause))
	);
}

/** Somebody outside who asks, hears or does not, and asks again. */
export class Client implements Owner {
	readonly name: string;
	readonly #world: World;
	readonly #headers: object;
	#keys = 0;

	constructor(world: World, name: string, headers: object) {
		this.name = name;
		this.#world = world;
		this.#headers = headers;
	}

	/** A key under which a request may be repeated. */
	key(): string {
		return `${this.name} ${++this.#keys}`;
	}

	/** One request. A refusal that its contract does not have is a bug. */
	async ask(action: string, params: object, seed?: string): Promise<Heard> {
		const world = this.#world;
		const headers = { ...this.#headers, ...(seed && { seed }) };
		try {
			const answer: Answered = await world.network.call(this, action, params, headers);
			return answer as never;
		} catch (error) {
			if (isInnocent(error)) return undefined;
			const code = codeOf(error);
			if (!code || !world.isDeclared(action, code))
				world.fail(`${action} breaks: ${(error as { cause?: Error }).cause?.stack ?? error}`);
			return { code: code ?? "BUG" };
		}
	}

	/** The same request under one key until it is answered, or given up. */
	async insist(action: string, params: object): Promise<Heard> {
		const key = this.key();
		for (let tries = 0; tries < 4; tries++) {
			const heard = await this.ask(action, params, key);
			if (heard) return heard;
			if (this.#world.scheduler.chance(0.25)) return undefined;
			await this.#world.think(this, 30);
		}
		return undefined;
	}
}

const user = (id: string, roles: string[] = []) => ({
	token: JSON.stringify({ id, roles, sid: "ses_1" }),
});

export const buyerNamed = (world: World, id: string): Client => new Client(world, id, user(id));
export const admin = (world: World): Client =>
	new Client(world, "admin", user("usr_admin", ["admin"]));
export const courseService = (world: World): Client =>
	new Client(world, "course-service", { service: "course-service" });

/** Somebody who wants a course: buys, pays or not, learns, wants the money back, and maybe all of it again. */
export async function buy(world: World, client: Client, courseId: string): Promise<void> {
	const { scheduler } = world;
	for (let times = 1 + scheduler.int(3); times > 0; times--) {
		await world.think(client, 40);
		const payments = await order(world, client, courseId);
		for (const payment of payments) await pay(world, client, payment);
		await Promise.all(payments.map(payment => settle(world, client, payment)));
		await learn(world, client, courseId);
		for (const payment of payments)
			if (scheduler.chance(0.6)) await giveBack(world, client, payment);
		if (scheduler.chance(0.3)) await learn(world, client, courseId);
		if (scheduler.chance(0.15)) await client.ask("enrollments.enroll", { courseId });
	}
}

/** Payments as they were answered: one, or those of two tabs. */
async function order(world: World, client: Client, courseId: string): Promise<Payment[]> {
	const { scheduler } = world;
	const tab = async () => {
		const paymentMethod = scheduler.chance(0.7) ? "stripe" : "razorpay";
		const heard = await client.insist("payments.create", { courseId, paymentMethod });
		if (!heard || "code" in heard) return undefined;
		const payment: Payment = heard.value;
		world.promise(`${payment.id} was answered to ${client.name}`, () =>
			world.payment(payment.id)?.userId === client.name ? undefined : "it is not there",
		);
		const { paymentGatewayId: gatewayId, clientSecret } = payment;
		if (gatewayId && (clientSecret || world.bank.intents.get(gatewayId)?.order))
			world.payable.add(gatewayId);
		world.known.set(payment.id, payment);
		return payment;
	};
	const tabs = await Promise.all(scheduler.chance(0.3) ? [tab(), tab()] : [tab()]);
	return [...new Map(tabs.flatMap(p => (p ? [[p.id, p] as const] : []))).values()];
}

/** What the buyer does at the bank, with what it was given. */
async function pay(world: World, client: Client, payment: Payment): Promise<void> {
	const { scheduler, bank } = world;
	const id = payment.paymentGatewayId;
	if (!id || !world.payable.has(id)) return;
	const acts = scheduler.weighted([
		[60, ["pay"]],
		[10, ["decline", "pay"]],
		[10, ["process"]],
		[8, ["decline"]],
		[12, []],
	] as const);
	for (const act of acts) {
		await world.think(client, 20);
		scheduler.note(client, () => `${act} ${id} at the bank`);
		bank[act](id);
	}
}

async function settle(world: World, client: Client, { id }: Payment): Promise<void> {
	const { scheduler } = world;
	const verify = async () => {
		const heard = await client.insist("payments.verify", { id });
		if (!heard || "code" in heard) return;
		const { payment }: { payment: Payment } = heard.value;
		if (payment.capturedAt)
			world.promise(`${id} was captured, as ${client.name} heard`, () =>
				world.payment(id)?.capturedAt ? undefined : "it is not",
			);
	};
	const cancel = async () => {
		await world.think(client, 20);
		const heard = await client.insist("payments.cancel", { id });
		if (!heard || "code" in heard) return;
		world.promise(`${id} was canceled, as ${client.name} heard`, () => {
			const { status = "", gatewayId = "", capturedAt } = world.payment(id) ?? {};
			const cancels = world.bank.intents.get(gatewayId)?.cancels ?? true;
			return status === "canceled" || (capturedAt && !cancels) ? undefined : `it is ${status}`;
		});
	};
	const times = scheduler.int(3);
	await Promise.all([
		...Array.from({ length: times }, verify),
		...(scheduler.chance(0.3) ? [cancel()] : []),
	]);
}

async function learn(world: World, client: Client, courseId: string): Promise<void> {
	const { scheduler } = world;
	for (let times = scheduler.int(3); times > 0; times--) {
		await world.think(client, 20);
		const progressPercentage = scheduler.chance(0.1) ? 100 : scheduler.int(9_900) / 100;
		const report = { courseId, progressPercentage, totalWatchTime: scheduler.int(9_000) };
		const heard = await client.ask("enrollments.progress", report);
		if (!heard || "code" in heard) continue;
		world.promise(`${client.name} heard of ${progressPercentage} %`, () => {
			const progress = world.seat(client.name, courseId)?.progress ?? 0;
			return progress >= Math.floor(progressPercentage * 100) ? undefined : `it is ${progress}`;
		});
	}
}

/** A refund, or several at once. */
async function giveBack(
	world: World,
	client: Client,
	{ id }: Payment,
	amount?: () => number,
): Promise<void> {
	const { scheduler } = world;
	const ask = async () => {
		await world.think(client, 20);
		const params = { id, ...(amount && { amount: amount() }) };
		const heard = await client.insist("payments.refund", params);
		if (!heard || "code" in heard || heard.status === 202) return;
		const { refunds = [] }: Payment = heard.value;
		const { gatewayId = "" } = world.payment(id) ?? {};
		const there = world.bank.intents.get(gatewayId)?.refunds ?? [];
		for (const refund of refunds)
			if (refund.status === "succeeded" && world.payment(id)?.refunds[refund.id]?.attempt)
				if (
					!there.some(
						({ key, amountMinor }) => key === refund.id && amountMinor === refund.amountMinor,
					)
				)
					world.fail(`${client.name} heard that ${refund.id} went back, and it did not`);
	};
	const times = scheduler.chance(0.3) ? 2 + scheduler.int(3) : 1;
	await Promise.all(Array.from({ length: times }, ask));
}

/** Somebody who gives amounts back, too many and too much of them. */
export async function manage(world: World, client: Client): Promise<void> {
	const { scheduler } = world;
	for (let times = scheduler.int(4); times > 0; times--) {
		await world.think(client, 150);
		if (world.known.size === 0) continue;
		const payment = scheduler.pick([...world.known.values()]);
		const amount = () => {
			const minor = 1 + scheduler.int(payment.amountMinor * (scheduler.chance(0.2) ? 2 : 1));
			return toMajor(scheduler.chance(0.2) ? payment.amountMinor : minor, payment.currency);
		};
		await giveBack(world, client, payment, amount);
	}
}
