import { defineContract } from "../../../kernel/contract.ts";
import { payments } from "../../../services/money/payments/payments.contract.ts";

const { describe, webhook } = payments.actions;

/** What the sandbox needs of payments, and nothing else. */
export const neighbour = defineContract("payments", {
	description: "Stands for payments beside the sandbox",
	actions: { describe, webhook },
});

/** Webhooks as they were posted, the body in base64; the service runs in the test's process. */
export const posted: { headers: object; body: string }[] = [];
