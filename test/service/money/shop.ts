import type { TestContext } from "node:test";
import type { Broker } from "../../../kernel/contract.ts";
import { findServices } from "../../../kernel/load.ts";
import type { Node } from "../../../kernel/node.ts";
import { platformOf } from "../../../kernel/platform.ts";
import type { Collection } from "../../../kernel/store/collection.ts";
import type { WebhookDoc } from "../../../mixins/webhook-inbox.mixin.ts";
import type { PaymentDoc } from "../../../models/money/payment.model.ts";
import type { SandboxIntentDoc } from "../../../models/money/sandbox-intent.model.ts";
import type { TransferDoc } from "../../../models/money/transfer.model.ts";
import type { ProviderEvent } from "../../../services/money/payments/providers/port.ts";
import { signWebhook } from "../../../services/money/signatures.ts";
import { type Answer, send } from "../../support/http.ts";
import { type SignedUp, signUp } from "../../support/identity.ts";
import { folderOf, root, startNode } from "../../support/node.ts";
import { freePort } from "../../support/ports.ts";
import { emptyShelf, shelf } from "./shelf.ts";
import { widgets } from "./widgets.contract.ts";

const widgetsFile = `${import.meta.dirname}/widgets.service.ts`;
const services = "gateway,identity,money,widgets";

export interface Shop {
	node: Node;
	base: string;
	buyer: SignedUp;
	/** Moved by tests; runs on by itself. */
	clock: { aheadMs: number; now(): number };
	call: Broker["call"];
	post(path: string, body?: unknown, token?: string): Promise<Answer>;
	get(path: string, token?: string): Promise<Answer>;
	/** A payment of the buyer's for a widget, open at the sandbox. */
	buy(id?: string, more?: object): Promise<Answer>;
	complete(paymentId: string, outcome: string): Promise<Answer>;
	/** An event as the sandbox would send it; `change` is made after it was signed. */
	event(
		event: object,
		change?: { at?: number; body?: string; header?: string; secret?: string },
	): Promise<Answer>;
	stores: {
		payments: Collection<PaymentDoc>;
		events: Collection<WebhookDoc<ProviderEvent>>;
		intents: Collection<SandboxIntentDoc>;
		transfers: Collection<TransferDoc>;
	};
}

const storeOf = (node: Node, service: string, collection: string): never =>
	(node.broker.getLocalService(service) as unknown as Record<string, never> | undefined)?.[
		collection
	] as never;

/** A node that sells widgets by HTTP, with a buyer signed in. */
export async function openShop(t: TestContext, env: Record<string, string> = {}): Promise<Shop> {
	emptyShelf();
	t.after(() => {
		shelf.closed = false;
	});
	const port = await freePort();
	const clock = { aheadMs: 0, now: () => Date.now() + clock.aheadMs };
	const node = await startNode(t, {
		env: { PORT: String(port), SERVICES: services, MESH: services, ...env },
		folders: [...(await findServices(root)), folderOf(widgets as never, widgetsFile)],
		clock,
	});
	const base = platformOf(node.broker).env.publicUrl;
	const broker = node.broker as unknown as Broker;
	const call: Broker["call"] = broker.call.bind(broker);
	const buyer = await signUp(node);
	const post: Shop["post"] = (path, body, token = buyer.token) =>
		send(base, "POST", path, { token, ...(body !== undefined && { body }) });
	return {
		node,
		base,
		buyer,
		clock,
		call,
		post,
		get: (path, token = buyer.token) => send(base, "GET", path, { token }),
		buy: (id = "w1", more = {}) =>
			post("/api/payments", { payable: { kind: "widget", id }, paymentMethod: "stripe", ...more }),
		complete: (paymentId, outcome) =>
			post(`/api/sandbox/payments/${paymentId}/complete`, { outcome }),
		async event(event, { at = clock.now(), body, header, secret } = {}) {
			const text = JSON.stringify(event);
			const { secrets } = await call("sandbox.secrets");
			const signed = signWebhook(secret ?? (secrets[0] as string), Buffer.from(text), at);
			const response = await fetch(`${base}/webhooks/sandbox`, {
				method: "POST",
				headers: { "content-type": "application/json", "sandbox-signature": header ?? signed },
				body: body ?? text,
			});
			return { status: response.status, headers: response.headers, body: await response.json() };
		},
		stores: {
			payments: storeOf(node, "payments", "payments"),
			events: storeOf(node, "payments", "inboxEvents"),
			intents: storeOf(node, "sandbox", "intents"),
			transfers: storeOf(node, "ledger", "transfers"),
		},
	};
}

/** Status and code of a problem, for comparison. */
export const problemOf = ({ status, body }: Answer) => [status, body.code];
