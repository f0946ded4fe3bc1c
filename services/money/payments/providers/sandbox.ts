import type { Clock } from "../../../../kernel/clock.ts";
import type { Caller } from "../../../../kernel/contract.ts";
import { isPaidSignature, isSignedWebhook } from "../../signatures.ts";
import type { Failure, PaymentProvider, ProviderEvent } from "./port.ts";

interface SandboxEvent {
	id: string;
	type: string;
	data?: { id?: string; key?: string; failure?: Failure; objectId?: string };
}

/** `payment.processing` has no kind of its own: as a failure without a decline it leads to asking, and to nothing else. */
const kinds: ReadonlyMap<string, ProviderEvent["kind"]> = new Map([
	["payment.paid", "paid"],
	["payment.failed", "failed"],
	["payment.processing", "failed"],
	["refund.pending", "refund"],
	["refund.succeeded", "refund"],
	["refund.failed", "refund"],
	["dispute.open", "dispute"],
	["dispute.won", "dispute"],
	["dispute.lost", "dispute"],
]);

function eventOf(body: Buffer): ProviderEvent | null {
	let event: Partial<SandboxEvent> | null;
	try {
		event = JSON.parse(body.toString()) as Partial<SandboxEvent> | null;
	} catch {
		return null;
	}
	if (typeof event?.id !== "string" || typeof event.type !== "string") return null;
	const { id, type, data = {} } = event;
	return {
		id,
		type,
		kind: kinds.get(type) ?? "other",
		...(data.id && { gatewayId: data.id }),
		...(data.key && { key: data.key }),
		...(data.failure && { failure: data.failure }),
		...(data.objectId && { objectId: data.objectId }),
	};
}

/** The sandbox as a provider: the service `sandbox` plays the outside system, and calls to it are the network. */
export const sandboxProvider = (mesh: Caller, clock: Clock): PaymentProvider => ({
	name: "sandbox",

	step: () => 1,

	create: intent => mesh.call("sandbox.open", intent),

	fetch: id => mesh.call("sandbox.find", { id }),

	cancel: id => mesh.call("sandbox.cancel", { id }),

	refund: ({ key, id, amountMinor }) => mesh.call("sandbox.refund", { key, id, amountMinor }),

	statement: after => mesh.call("sandbox.statement", { ...(after && { after }) }),

	async readWebhook(headers, body) {
		const { secrets } = await mesh.call("sandbox.secrets");
		if (!isSignedWebhook(headers["sandbox-signature"], body, secrets, clock.now())) return null;
		return eventOf(body);
	},

	async checkSignature({ id, chargeId, method }, signature) {
		if (method !== "razorpay") return true;
		const { secrets } = await mesh.call("sandbox.secrets");
		return secrets.some(secret => isPaidSignature(secret, id, chargeId, signature));
	},
});
