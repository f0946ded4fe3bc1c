import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { MeshProcess } from "../../deploy/process.ts";
import { findServices } from "../../kernel/load.ts";
import type { Node } from "../../kernel/node.ts";
import type { Payment } from "../../services/money/payments/payments.contract.ts";
import { type Ask, asking, settled } from "./crash-journey.ts";
import { type Answer, eventually, type Person, register, send } from "./http.ts";
import { admin } from "./journey.ts";
import { startMesh, type TestMesh } from "./mesh.ts";
import { root, startNode } from "./node.ts";
import { freePort } from "./ports.ts";
import type { TestServer } from "./servers.ts";

/** A course that somebody is paying for. */
export interface Sale {
	buyer: Person;
	courseId: string;
	paymentId: string;
	/** The provider's id of the payment. */
	gatewayId: string;
}

/** What a request was answered, for counting: `ok`, or the code of its problem. */
export const outcomeOf = ({ status, body }: Answer): string =>
	status < 300 ? "ok" : (body.code ?? String(status));

/** How often each of them is there. */
export function tally(outcomes: readonly string[]): Record<string, number> {
	const counts: Record<string, number> = {};
	for (const outcome of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1;
	return counts;
}

/** Gateways to sell and buy at over HTTP, and a node to ask what only services may. */
export class Market {
	readonly gateways: readonly string[];
	readonly teacher: Person;
	readonly buyer: Person;
	/** Access token. */
	readonly admin: string;
	/** Calls actions as a service would. */
	readonly ask: Ask;
	readonly #node: Node;

	private constructor(
		node: Node,
		gateways: readonly string[],
		people: { teacher: Person; buyer: Person; admin: string },
	) {
		this.#node = node;
		this.gateways = gateways;
		this.ask = asking(node);
		this.teacher = people.teacher;
		this.buyer = people.buyer;
		this.admin = people.admin;
	}

	/** @param node one of the same mesh, or the whole product. */
	static async open(node: Node, gateways: readonly string[]): Promise<Market> {
		const [base] = gateways as [string];
		const teacher = await register(base, "teacher");
		const buyer = await register(base);
		return new Market(node, gateways, { teacher, buyer, admin: await admin(base) });
	}

	/** The gateway of the i-th of several requests: each in turn. */
	at(i: number): string {
		return this.gateways[i % this.gateways.length] as string;
	}

	/** By the buyer, where no token says otherwise. */
	get(path: string, token = this.buyer.token, i = 0): Promise<Answer> {
		return send(this.at(i), "GET", path, { token });
	}

	/** By the buyer, where no token says otherwise. */
	post(path: string, body: object = {}, token = this.buyer.token, i = 0): Promise<Answer> {
		return send(this.at(i), "POST", path, { token, body });
	}

	/** The id of a new course, at 99.99 USD where not said otherwise. */
	async course(price = 99.99): Promise<string> {
		const { status, body } = await this.post(
			"/api/courses",
			{ title: "Test Course", price },
			this.teacher.token,
		);
		assert.equal(status, 201, JSON.stringify(body));
		return body.id;
	}

	/** A payment for a new course, open at its provider. */
	async order(paymentMethod: string): Promise<Sale> {
		const courseId = await this.course();
		const { status, body } = await this.post("/api/payments", { courseId, paymentMethod });
		assert.deepEqual([status, body.status], [201, "requires_action"], JSON.stringify(body));
		const { id: paymentId, paymentGatewayId: gatewayId } = body;
		return { buyer: this.buyer, courseId, paymentId, gatewayId };
	}

	verify({ paymentId }: Sale, i = 0): Promise<Answer> {
		return this.post(`/api/payments/${paymentId}/verify`, {}, this.buyer.token, i);
	}

	/** @param body `amount` in major units is for an admin's token. */
	refund({ paymentId }: Sale, i = 0, body: object = {}, token?: string): Promise<Answer> {
		return this.post(`/api/payments/${paymentId}/refund`, body, token, i);
	}

	progress({ courseId }: Sale, progressPercentage: number, i = 0): Promise<Answer> {
		return send(this.at(i), "PATCH", `/api/enrollments/course/${courseId}/progress`, {
			token: this.buyer.token,
			body: { progressPercentage, totalWatchTime: 60 },
		});
	}

	async payment({ paymentId }: Sale): Promise<Payment> {
		const { status, body } = await this.get(`/api/payments/${paymentId}`);
		assert.equal(status, 200, JSON.stringify(body));
		return body;
	}

	/** Status and progress of the buyer's seats in the course: `active 37`. */
	async seats({ courseId }: Sale): Promise<string[]> {
		const { body } = await this.get(`/api/enrollments?courseId=${courseId}`);
		return body.items.map(
			(seat: { status: string; progressPercentage: number }) =>
				`${seat.status} ${seat.progressPercentage}`,
		);
	}

	/** Every entry of the payment in the journal: `refund 6299`. */
	async booked({ paymentId }: Sale): Promise<string[]> {
		const path = `/api/ledger/transfers?pageSize=100&subjectId=${paymentId}`;
		const { body } = await this.get(path, this.admin);
		return body.items
			.map(
				({ kind, legs }: { kind: string; legs: { amountMinor: number }[] }) =>
					`${kind} ${legs[0]?.amountMinor}`,
			)
			.sort();
	}

	/** What the buyer was told of the sale, by kind. */
	async notices({ paymentId, courseId }: Sale): Promise<string[]> {
		const { body } = await this.get("/api/notifications?pageSize=100");
		const mine = body.items.filter(
			({ data }: { data: Record<string, unknown> }) =>
				data.paymentId === paymentId || data.courseId === courseId,
		);
		return mine.map(({ type }: { type: string }) => type).sort();
	}

	/** Waits until every fact had its effect everywhere, then holds the books against each other. */
	async assertBalanced(): Promise<void> {
		await settled(this.#node);
		const { status, body } = await this.post("/api/ledger/audit", {}, this.admin);
		assert.deepEqual([status, body.differences, body.ok], [200, [], true]);
	}

	/** A sale that is paid, and whose seat is taken. @param pay lets its buyer pay. */
	async sell(paymentMethod: string, pay: (sale: Sale) => Promise<unknown>): Promise<Sale> {
		const sale = await this.order(paymentMethod);
		await pay(sale);
		const { body } = await eventually(
			() => this.verify(sale),
			({ status, body }) => status === 200 && body.enrollment !== null,
		);
		assert.equal(body.payment.status, "captured");
		return sale;
	}
}

/** A market on a mesh with two processes of the money domain, so that what races there does not do so in one memory. */
export async function openMeshMarket(
	t: TestContext,
	servers: { nats: TestServer; mongo: TestServer },
	variables: Record<string, string> = {},
): Promise<{ market: Market; node: Node; mesh: TestMesh }> {
	const mesh = await startMesh(t, servers, variables);
	const part = { name: "money-2", services: "money", port: await freePort() };
	const second = new MeshProcess(part, mesh.env);
	t.after(() => second.end("SIGKILL"));
	await second.start();
	const folders = await findServices(root);
	const env = { ...mesh.env, SERVICES: "none", LOG_LEVEL: "fatal" };
	const node = await startNode(t, { folders, env });
	return { market: await Market.open(node, mesh.gateways), node, mesh };
}
