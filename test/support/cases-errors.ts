import assert from "node:assert/strict";
import { aliasesOf } from "../../kernel/contract.ts";
import type { Node } from "../../kernel/node.ts";
import { platformOf } from "../../kernel/platform.ts";
import type { Actor, School } from "./actors.ts";
import {
	actions,
	Bytes,
	caseOf,
	faultOf,
	type Json,
	requestTo,
	servicesOf,
	takesJson,
} from "./cases.ts";
import { callPlan } from "./cases-fuzz.ts";
import { eventually, uniqueEmail } from "./http.ts";
import { mailedToken, newcomer, resetToken } from "./mailed.ts";
import { announcedVideo, tinyVideo } from "./video.ts";

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
		if (!face.errors || !face.params || !takesJson(face)) continue;
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

async function provokeMailed(stage: Stage): Promise<void> {
	const { school, clock } = stage;
	for (const action of ["notifications.unsubscribePage", "notifications.unsubscribe"])
		await provoke(stage, "nobody", action, { token: "forged" });
	await provoke(stage, "nobody", "auth.verifyEmail", { token: "forged" });
	const who = await newcomer(school);
	const verification = await mailedToken(school, who, "email_verification");
	await provoke(stage, "nobody", "auth.verifyEmail", { token: verification });
	const resend = { method: "POST", path: "/api/auth/email/resend", headers: who.headers };
	const { body } = await school.ask("nobody", resend);
	stage.reached.add(`auth.resendVerification ${body.code}`);
	const reset = { token: await resetToken(school), password: "password456" };
	clock.aheadMs += 30 * 60_000;
	await provoke(stage, "nobody", "auth.resetPassword", reset);
	await provoke(stage, "nobody", "auth.resetPassword", { ...reset, token: "forged" });
	clock.aheadMs += 3 * 24 * 3_600_000;
	await provoke(stage, "nobody", "auth.verifyEmail", { token: verification });
	await school.signInAll();
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
	const { reviewed } = school.things;
	const review = { courseId: reviewed.courseId, rating: 3 };
	for (const by of ["owner", "other"] as const) await provoke(stage, by, "reviews.create", review);
	for (const text of ["Thank you.", "Thank you again."])
		await provoke(stage, "teacher", "reviews.reply", { id: reviewed.reviewId, text });
	const freeId = await school.course("teacher");
	await provoke(stage, "service", "enrollments.quote", { id: freeId, userId: "usr_1" });
	const seat = { id: course.courseId, userId: school.people.owner.id };
	await provoke(stage, "service", "enrollments.quote", seat);
}

async function provokeVideos(stage: Stage): Promise<void> {
	const { school } = stage;
	const { course, fileId, video } = school.things;
	await provoke(stage, "nobody", "videos.webhook");
	const bare = await school.lecture("teacher", course.sectionId);
	await provoke(stage, "teacher", "courses.lectureVideo", { id: bare });
	const film = { id: bare, fileName: "a.mp4", fileSize: 100, contentType: "video/mp4" };
	const begun = await school.must("teacher", "POST", `/api/lectures/${bare}/upload`, film);
	const awaited = { id: bare, fileId: begun.fileId };
	await provoke(stage, "teacher", "courses.confirmUpload", awaited);
	for (const id of [fileId, video.fileId, begun.fileId])
		await provoke(stage, "service", "videos.find", { fileId: id });
	const { videos } = stage.node.broker.getLocalService("videos") as unknown as {
		videos: { advance(guard: object, change: object): Promise<unknown> };
	};
	await videos.advance({ id: video.fileId }, { $set: { status: "failed" } });
	await provoke(stage, "service", "videos.play", { fileId: video.fileId, seconds: 60 });
}

async function provokeCertificates(stage: Stage): Promise<void> {
	const { school } = stage;
	const { course } = school.things;
	for (const by of ["owner", "teacher"] as const)
		await provoke(stage, by, "certificates.issue", { id: course.enrollmentId });
	const { courseId, certificateId: id } = await school.certify("owner");
	const seat = { userId: school.people.owner.id, courseId };
	await provoke(stage, "service", "enrollments.drop", seat);
	await eventually(
		() => provoke(stage, "nobody", "certificates.jws", { id }),
		code => code === "CERTIFICATE_REVOKED",
	);
}

async function provokeFiles(stage: Stage): Promise<void> {
	const { school } = stage;
	const { fileId, uploadId } = school.things;
	const whole = await school.upload("teacher");
	const ticket = whole.uploadUrl.slice(whole.uploadUrl.lastIndexOf("/") + 1);
	const send = (text: string, signed = ticket) =>
		provoke(stage, "nobody", "files.receive", {
			ticket: signed,
			body: new Bytes(text, "video/mp4"),
		});
	await provoke(stage, "service", "files.confirm", { id: uploadId });
	await provoke(stage, "service", "files.link", { id: uploadId, seconds: 1 });
	for (const id of [fileId, whole.fileId]) {
		await provoke(stage, "teacher", "files.parts", { id });
		await provoke(stage, "teacher", "files.signParts", { id, numbers: [1] });
	}
	await provoke(stage, "nobody", "files.serve", { ticket });
	await send(tinyVideo, "forged");
	await send("too short");
	await send(tinyVideo);
	await send(tinyVideo);
	const large = announcedVideo(school.people.teacher.id, 20 * 2 ** 30, true);
	for (let code = "ok"; code === "ok"; )
		code = await provoke(stage, "service", "files.begin", large);
	const { ownerId: _owner, purpose: _purpose, subjectId: _subject, ...video } = large;
	const sectionId = await school.section("teacher", await school.course("teacher"));
	const lectureId = await school.lecture("teacher", sectionId);
	await provoke(stage, "teacher", "courses.uploadLecture", { ...video, id: lectureId });
	const ended = (await school.upload("teacher", true)).fileId;
	await school.call("files.remove", { id: ended });
	await provoke(stage, "teacher", "files.parts", { id: ended });
	await provoke(stage, "teacher", "files.signParts", { id: ended, numbers: [1] });
	const gone = await school.uploaded("teacher");
	const { url } = await school.must("teacher", "GET", `/api/files/${gone}`);
	await school.call("files.remove", { id: gone });
	await provoke(stage, "nobody", "files.serve", { ticket: url.slice(url.lastIndexOf("/") + 1) });
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
	await provokeCertificates(stage);
	await provokeFiles(stage);
	await provokeVideos(stage);
	await provokeMoney(stage);
	await provokeMailed(stage);
	await provokeIdentity(stage);
}
