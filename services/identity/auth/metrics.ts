import { Counter } from "prom-client";
import { defineMixin } from "../../../kernel/implement.ts";
import { platformOf } from "../../../kernel/platform.ts";

/** Gives auth its count of refresh tokens that came once more. */
export const Reuses = defineMixin({
	brings: undefined as { reused: Counter } | undefined,
	created(this: { broker: object; reused: Counter }) {
		this.reused = new Counter({
			name: "zeolite_refresh_reused_total",
			help: "Refresh tokens that came once more after they were spent, each of which ended its session",
			registers: [platformOf(this.broker).metrics.registry],
		});
	},
});
