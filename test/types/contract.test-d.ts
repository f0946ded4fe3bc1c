import { Type } from "typebox";
import { type Ctx, defineContract } from "../../kernel/contract.ts";
import { problem } from "../../kernel/errors.ts";
import { fact } from "../../kernel/facts/fact.ts";
import { implement } from "../../kernel/implement.ts";
import { defineModel } from "../../kernel/store/model.ts";
import { Store } from "../../mixins/store.mixin.ts";
import { EnrollmentModel } from "../../models/learning/enrollment.model.ts";
import { enrollments } from "../../services/learning/enrollments/enrollments.contract.ts";

/** What must not compile; each line is checked by the compiler alone. */

export async function calls(ctx: Ctx) {
	const course = await ctx.call("courses.get", { id: "crs_1" });
	course.sections[0]?.lectures.length.toFixed();
	await ctx.call("notifications.readAll");
	// @ts-expect-error no such action
	await ctx.call("courses.gett", { id: "crs_1" });
	// @ts-expect-error no such service
	await ctx.call("course.get", { id: "crs_1" });
	// @ts-expect-error no such param
	await ctx.call("courses.get", { idd: "crs_1" });
	// @ts-expect-error a param of another type
	await ctx.call("courses.get", { id: 1 });
	// @ts-expect-error a param is missing
	await ctx.call("courses.get");
	// @ts-expect-error no such field in the result
	course.nope;
	// @ts-expect-error a field of another type
	course.priceMinor.toUpperCase();
}

export function problems() {
	problem(enrollments, "ALREADY_ENROLLED");
	problem(enrollments, "ALREADY_ENROLLED", "a sentence");
	problem(enrollments, "PAYMENT_REQUIRED", {
		courseId: "crs_1",
		amount: 99.99,
		amountMinor: 9999,
		currency: "USD",
	});
	// @ts-expect-error no action of this contract declares it
	problem(enrollments, "SOLD_OUT");
	// @ts-expect-error its extra members are missing
	problem(enrollments, "PAYMENT_REQUIRED");
	const price = { amount: 1, amountMinor: 1, currency: "USD" };
	// @ts-expect-error a member of another type
	problem(enrollments, "PAYMENT_REQUIRED", { ...price, courseId: 1 });
}

export function facts(ctx: Ctx, clock: { now(): number }) {
	const data = { enrollmentId: "enr_1", userId: "usr_1", courseId: "crs_1" };
	fact(ctx, clock, enrollments, "enrollment.activated", data);
	// @ts-expect-error no such fact
	fact(ctx, clock, enrollments, "enrollment.lost", data);
	// @ts-expect-error its data is incomplete
	fact(ctx, clock, enrollments, "enrollment.activated", { enrollmentId: "enr_1" });
}

export function models() {
	const model = { name: "seats", fields: {}, indexes: {} };
	defineModel<{ id: string; status: string }>()({ ...model, told: ["status", "status.any"] });
	// @ts-expect-error a field to be told that the document does not have
	defineModel<{ id: string; status: string }>()({ ...model, told: ["state"] });
}

const Nothing = Type.Null({ $id: "Nothing" });
const small = defineContract("small", {
	description: "A small service",
	actions: {
		ping: {
			description: "Answers",
			kind: "read",
			access: "public",
			params: Type.Object({ text: Type.String() }),
			result: Nothing,
		},
	},
	consumes: { "payment.captured": { from: "start" } },
});
const actions = { ping: async () => null };
const on = { async "payment.captured"() {} };

implement(small, {
	actions: {
		async ping(ctx) {
			ctx.params.text.toUpperCase();
			// @ts-expect-error no such param
			ctx.params.nope;
			return null;
		},
	},
	on: {
		async "payment.captured"(data, ctx) {
			data.amountMinor.toFixed();
			ctx.fact.id.toUpperCase();
			// @ts-expect-error no such field in the fact
			data.nope;
		},
	},
});

// @ts-expect-error an action of the contract is missing
implement(small, { actions: {}, on });

// @ts-expect-error an action answers something else
implement(small, { actions: { ping: async () => ({ id: 1 }) }, on });

// @ts-expect-error the contract consumes a fact that nothing handles
implement(small, { actions });

implement(small, {
	actions,
	// @ts-expect-error a fact that the contract does not consume, and the one it does has no handler
	on: { async "payment.lost"() {} },
});

implement(small, {
	mixins: [Store({ enrollments: EnrollmentModel })],
	methods: {
		greet(name: string): string {
			return `Hello ${name}`;
		},
	},
	actions: {
		async ping(ctx) {
			this.greet(ctx.params.text).toUpperCase();
			const seat = await this.enrollments.get("enr_1");
			seat?.progress.toFixed();
			// @ts-expect-error a method's param of another type
			this.greet(1);
			// @ts-expect-error no such collection
			this.payments;
			// @ts-expect-error no such field in the document
			seat?.nope;
			// @ts-expect-error a guard that the databases understand differently
			await this.enrollments.advance({ progress: { $ne: 1 } }, { $set: {} });
			// @ts-expect-error a change that is not supported
			await this.enrollments.advance({ id: "enr_1" }, { $push: { list: 1 } });
			return null;
		},
	},
	on,
});
