import { Counter, type Registry } from "prom-client";

const name = "zeolite_payment_transitions_refused_total";

/** Counts a change of a payment's status that the table does not allow. */
export function countRefused(registry: Registry, from: string, to: string): void {
	const counter =
		(registry.getSingleMetric(name) as Counter | undefined) ??
		new Counter({
			name,
			help: "Changes of a payment's status that its table does not allow",
			labelNames: ["from", "to"],
			registers: [registry],
		});
	counter.inc({ from, to });
}
