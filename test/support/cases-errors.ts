import assert from "node:assert/strict";
import { aliasesOf } from "../../kernel/contract.ts";
import type { Node } from "../../kernel/node.ts";
import { platformOf } from "../../kernel/platform.ts";
import type { Actor, School } from "./actors.ts";
import { actions, caseOf, faultOf, type Json, requestTo, servicesOf } from "./cases.ts";
import { callPlan } from "./cases-fuzz.ts";
import { eventually, uniqueEmail } from "./http.ts";

/** Where errors are made on purpose. */
export interface Stage {
	school: School;
	node: Node;
	/** The server's time, to be moved. */
	clock: { aheadMs: number };
	/** `<action> <code>` that were answered. */
	reached: Set<string>;
}

const nothing = "nothing_0190f3c2-0000-7000-8000-000000000000";

/** Calls an action by HTTP where it has a path, else on the mesh, and notes the code of its answer. */
export async function provoke(
	{ school, reached }: Stage,
	by: Actor,
	action: string,
	params: Json = {},
): Promise<string> {
	const face = actions.get(action);
	assert.ok(face, action);
	const [alias] = aliasesOf(face);
	if (!alias) {
		const { code, fault } = await callPlan(school, action, params);
		assert.equal(fault, undefined, action);
		reached.add(`${action} ${code}`);
		return code;
	}
	const [service = "payment-service"] = servicesOf(face);
	const answer = await school.ask(by, requestTo(alias, params), service);
	assert.equal(faultOf(action, answer), undefined, `${action}: ${JSON.stringify(answer.body)}`);
	const code = answer.status < 300 ? "ok" : answer.body.code;
	reached.add(`${action} ${code}`);
	return code;
}

/** Every action with an id of nothing in each field, and by somebody whose the thing is not. */
async function provokeEverywhere(stage: Stage): Promise<void> {
	for (const [action, face] of actions) {
		if (!face.errors || !face.params || face.accepts === "raw") continue;
		const { by, params: make } = caseOf(action);
		for (const key of Object.keys(face.params.properties)) {
			if (!/^(id|file|slug|service|email|\w+Id|refreshToken|password)$/.test(key)) continue;
			const usual = (await make?.(stage.school)) ?? {};
			const odd = key === "email" ? uniqueEmail() : nothing;
			await provoke(stage, by, action, { ...usual, [key]: odd });
		}
		if (Object.hasOwn(face.errors, "FORBIDDEN"))
			for (const stranger of ["colleague", "admin"] as const)
				await provoke(stage, stranger, action, await make?.(stage.school));
	}
}

async function provokeIdentity(stage: Stage): Promise<void> {
	const { school, clock, node } = stage;
	const { victim } = school.things;
	const { email, password } = victim;
	await provoke(stage, "nobody", "auth.register", { email, password });
	const { refreshToken } = await school.signIn(victim);
	await provoke(stage, "nobody", "auth.refresh", { refreshToken });
	clock.aheadMs += 11_000;
	for (let again = 0; again < 2; again++)
		await provoke(stage, "nobody", "auth.refresh", { refreshToken });
	const { users } = node.broker.getLocalService("users") as unknown as {
		users: { remove(guard: { id: string }): Promise<number> };
	};
	await users.remove({ id: school.people.user.id });
	for (const action of ["users.me", "users.updateMe", "auth.me"])
		await provoke(stage, "user", action);
}

async function provokeLearning(stage: Stage): Promise<void> {
	const { school } = stage;
	const { course, draft } = school.things;
	await school.must("admin", "PUT", `/api/users/${school.people.teacher.id}/approval`, {
		approved: false,
	});
	await provoke(stage, "teacher", "courses.create", { title: "Clay", price: 1 });
	await provoke(stage, "teacher", "courses.update", {
		id: draft.courseId,
		status: "published",
		price: 1,
	});
	await school.must("admin", "PUT", `/api/users/${school.people.teacher.id}/approval`, {
		approved: true,
	});
	await provoke(stage, "other", "courses.getLecture", { id: course.lectureId });
	await provoke(stage, "owner", "enrollments.enroll", { courseId: course.courseId });
	await provoke(stage, "other", "enrollments.enroll", { courseId: course.courseId });
	const freeId = await school.course("teacher");
	await provoke(stage, "service", "enrollments.quote", { id: freeId, userId: "usr_1" });
	const seat = { id: course.courseId, userId: school.people.owner.id };
	await provoke(stage, "service", "enrollments.quote", seat);
}

async function provokeMoney(stage: Stage): Promise<void> {
	const { school, clock } = stage;
	const { course, market, refunded } = school.things;
	const open = await school.order("owner", await school.course("teacher", { price: 5 }));
	const freeId = await school.course("teacher");
	const owner = school.people.owner.id;
	const paymentMethod = "stripe";
	for (const courseId of [freeId, course.courseId]) {
		await provoke(stage, "owner", "payments.create", { courseId, paymentMethod });
		const order = { userId: owner, courseId, paymentMethod };
		await provoke(stage, "service", "payments.createFor", order);
	}
	const order = { courseId: market.courseId, amount: 1, paymentMethod };
	await provoke(stage, "owner", "payments.create", order);
	await provoke(stage, "owner", "payments.cancel", { id: course.paymentId });
	await provoke(stage, "owner", "payments.verify", { id: open.paymentId });
	const mismatch = { id: open.paymentId, paymentGatewayId: "pi_other" };
	await provoke(stage, "owner", "payments.verify", mismatch);
	await provoke(stage, "owner", "payments.refund", { id: refunded.paymentId });
	await provoke(stage, "owner", "payments.refund", { id: course.paymentId, amount: 1 });
	await provoke(stage, "owner", "payments.refund", { id: open.paymentId });
	for (const provider of ["sandbox", "stripe"])
		await provoke(stage, "nobody", "payments.webhook", { provider });

	const slow = await school.buy("owner");
	await school.call("sandbox.behave", { id: slow.gatewayId, refunds: "pending" });
	await provoke(stage, "owner", "payments.refund", { id: slow.paymentId });
	await provoke(stage, "admin", "payments.refund", { id: slow.paymentId, amount: 1 });
	const report = { courseId: slow.courseId, progressPercentage: 5, totalWatchTime: 5 };
	await provoke(stage, "owner", "enrollments.progress", report);
	await provoke(stage, "service", "enrollments.drop", { userId: owner, courseId: slow.courseId });
	const hold = { id: slow.courseId, userId: owner, paymentId: "pay_2", refundId: "rfd_2" };
	await provoke(stage, "service", "enrollments.hold", hold);

	const { gatewayId: id } = open;
	const impossible = { id, amountMinor: 1 };
	await provoke(stage, "service", "sandbox.refundByHand", impossible);
	await provoke(stage, "service", "sandbox.settleRefund", {
		id,
		refundId: "re_0",
		status: "failed",
	});
	await provoke(stage, "service", "sandbox.dispute", { id, status: "open" });
	await provoke(stage, "service", "sandbox.process", { id: course.gatewayId });

	clock.aheadMs += 31 * 24 * 3_600_000;
	await school.signInAll();
	const { tokens } = platformOf(stage.node.broker);
	await eventually(
		async () => tokens.isStale(),
		isStale => !isStale,
	);
	await provoke(stage, "owner", "payments.refund", { id: course.paymentId });
}

/** Makes every error there is a way to, each on purpose; the server's time is far ahead afterwards. */
export async function provokeErrors(stage: Stage): Promise<void> {
	await provokeEverywhere(stage);
	await provokeLearning(stage);
	await provokeMoney(stage);
	await provokeIdentity(stage);
}
