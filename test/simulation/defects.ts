/** One line of the product made wrong. */
export interface Defect {
	/** Path from the root of the repository. */
	file: string;
	/** What stands there, exactly once. */
	right: string;
	wrong: string;
}

/** What the simulation is shown to find. They are planted in what is loaded, never in the files. */
export const defects = {
	"an await dropped": {
		file: "services/learning/enrollments/enrollments.service.ts",
		right: "await this.seats().refunded(ctx,",
		wrong: "void this.seats().refunded(ctx,",
	},
	"money counted before it is taken": {
		file: "services/money/payments/providers/razorpay-snapshots.ts",
		right: 'status === "captured" || (status === "refunded" && captured);',
		wrong: 'status === "authorized" || status === "captured" || captured;',
	},
	"ack before write": {
		file: "services/money/payments/payments.service.ts",
		right: "await this.inbox.take(name, event, bytes.toString());",
		wrong: "void this.inbox.take(name, event, bytes.toString()).catch(() => {});",
	},
	"guard removed": {
		file: "services/money/payments/records.ts",
		right: "{ id: current.id, version: current.version },",
		wrong: "{ id: current.id },",
	},
	"new key on retry": {
		file: "services/money/payments/refunds.ts",
		right: "provider.refund({ key: refundId, id,",
		wrong: "provider.refund({ key: refundId + payment.refunds[refundId]?.attempt?.tries, id,",
	},
	"receipt before effect": {
		file: "kernel/facts/consumer.ts",
		right:
			"try {\n\t\t\tawait this.#options.handle(fact);\n\t\t} catch (error) {\n\t\t\treturn this.#failed",
		wrong:
			'await this.#write(fact, { state: "done", tries: (known?.tries ?? 0) + 1 });\n\t\ttry {\n\t\t\tawait this.#options.handle(fact);\n\t\t} catch (error) {\n\t\t\treturn this.#failed',
	},
	"sum instead of headroom": {
		file: "services/money/payments/refund-steps.ts",
		right: "amountMinor > (payment.refundableMinor ?? 0)) return null;",
		wrong: "amountMinor > payment.amountMinor - (payment.refundedMinor ?? 0)) return null;",
	},
} as const satisfies Record<string, Defect>;

export type DefectName = keyof typeof defects;
