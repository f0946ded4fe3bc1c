import { Counter } from "prom-client";
import { defineMixin } from "../../../kernel/implement.ts";
import { platformOf } from "../../../kernel/platform.ts";

/** Counts changes of a payment's status that the table does not allow. */
export const Refusals = defineMixin({
	brings: undefined as { refusals: Counter } | undefined,
	created(this: { broker: object; refusals: Counter }) {
		this.refusals = new Counter({
			name: "zeolite_payment_transitions_refused_total",
			help: "Changes of a payment's status that its table does not allow",
			labelNames: ["from", "to"],
			registers: [platformOf(this.broker).metrics.registry],
		});
	},
});
