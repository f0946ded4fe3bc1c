import type { Clock } from "../../../../kernel/clock.ts";
import type { Caller } from "../../../../kernel/contract.ts";
import { isPaidSignature, isSignedWebhook } from "../../signatures.ts";
import type { Failure, PaymentProvider, ProviderEvent } from "./port.ts";

interface SandboxEvent {
	id: string;
	type: string;
	data?: { id?: string; key?: string; failure?: Failure };
}

const types = new Map<string, ProviderEvent["type"]>([
	["payment.paid", "paid"],
	["payment.failed", "failed"],
]);

/** The sandbox as a provider: the service `sandbox` plays the outside system, and calls to it are the network. */
export const sandboxProvider = (mesh: Caller, clock: Clock): PaymentProvider => ({
	name: "sandbox",

	async create(intent) {
		return mesh.call("sandbox.open", intent);
	},

	fetch: id => mesh.call("sandbox.find", { id }),

	cancel: id => mesh.call("sandbox.cancel", { id }),

	async readWebhook(headers, body) {
		const { secrets } = await mesh.call("sandbox.secrets");
		if (!isSignedWebhook(headers["sandbox-signature"], body, secrets, clock.now())) return null;
		const { id, type, data = {} } = JSON.parse(body.toString()) as SandboxEvent;
		return {
			id,
			type: types.get(type) ?? "other",
			...(data.id && { gatewayId: data.id }),
			...(data.key && { key: data.key }),
			...(data.failure && { failure: data.failure }),
		};
	},

	async checkSignature({ id, chargeId, method }, signature) {
		if (method !== "razorpay") return true;
		const { secrets } = await mesh.call("sandbox.secrets");
		return secrets.some(secret => isPaidSignature(secret, id, chargeId, signature));
	},
});
