import assert from "node:assert/strict";
import { test } from "node:test";
import { createLocalJWKSet, jwtVerify } from "jose";
import { eventually } from "../../support/http.ts";
import { signUp } from "../../support/identity.ts";
import { as, asService, openSchool, outcome, type School, twenty } from "./school.ts";

const of = ({ call, student, course }: School) => ({
	/** A seat in a new course that the student has completed. */
	async finished(params: object = {}, who = student) {
		const { id: courseId } = await course(params);
		const { id } = await call("enrollments.enroll", { courseId }, as(who));
		const report = { courseId, progressPercentage: 100, totalWatchTime: 60 };
		await call("enrollments.progress", report, as(who));
		return { courseId, id };
	},
	issue: (id: string, who = student, seed?: string) =>
		call("certificates.issue", { id }, as(who, seed)),
	revokedAt: async (id: string) => (await call("certificates.get", { id })).revokedAt,
});

test("certificates", async t => {
	const school = await openSchool(t, { PUBLIC_URL: "https://school.example.com" });
	const { call, student, teacher, person, settled, told, node } = school;
	const { finished, issue, revokedAt } = of(school);

	await t.test(
		"are issued once to who completed the course, and anybody can check them",
		async () => {
			const { courseId, id } = await finished({ title: "Pottery <1>" });
			const all = await twenty(() => issue(id));
			const [certificate] = all;
			assert.ok(certificate);
			assert.match(certificate.id, /^crt_[0-9a-f-]{36}$/);
			for (const other of all) assert.deepEqual(other, certificate);
			assert.deepEqual(
				{ ...certificate, id: "", completedAt: "", issuedAt: "" },
				{
					id: "",
					courseId,
					userId: student.user.id,
					courseTitle: "Pottery <1>",
					studentName: "Test User",
					completedAt: "",
					issuedAt: "",
					verifyUrl: `https://school.example.com/certificates/${certificate.id}`,
				},
			);
			assert.deepEqual(await call("certificates.get", { id: certificate.id }), certificate);
			await settled();
			assert.deepEqual(
				told("certificate.issued")
					.filter(({ data }) => data.courseId === courseId)
					.map(({ data }) => data),
				[{ certificateId: certificate.id, courseId, userId: student.user.id }],
			);
		},
	);

	await t.test("taken up again under the same seed are the same", async () => {
		const { id } = await finished();
		assert.deepEqual(await issue(id, student, "key_1"), await issue(id, student, "key_1"));
	});

	await t.test("are for nobody else, and not before the end", async () => {
		const { courseId, id } = await finished();
		assert.equal(await outcome(issue(id, teacher)), "FORBIDDEN");
		for (const who of [await person(), await person("teacher"), await person("admin")])
			assert.equal(await outcome(issue(id, who)), "ENROLLMENT_NOT_FOUND");
		const mate = await person();
		const { id: begun } = await call("enrollments.enroll", { courseId }, as(mate));
		assert.equal(await outcome(issue(begun, mate)), "COURSE_NOT_COMPLETED");
		for (const none of ["crt_no", "__proto__"])
			for (const action of ["certificates.get", "certificates.pdf", "certificates.jws"] as const)
				assert.equal(await outcome(call(action, { id: none })), "CERTIFICATE_NOT_FOUND");
	});

	await t.test("say what was so when they were issued", async () => {
		const who = await signUp(node, { name: "" });
		const { courseId, id } = await finished({ title: "Before" }, who);
		const certificate = await issue(id, who);
		assert.deepEqual([certificate.courseTitle, certificate.studentName], ["Before", "Student"]);
		await call("courses.update", { id: courseId, title: "After" }, as(teacher));
		await call("users.updateMe", { name: "Somebody Else" }, as(who));
		assert.deepEqual(await issue(id, who), certificate);
	});

	await t.test("end with the enrollment, and hold again with it", async () => {
		const { courseId, id } = await finished();
		const certificate = await issue(id);
		const drop = () =>
			call("enrollments.drop", { userId: student.user.id, courseId }, asService("payment-service"));
		await drop();
		await eventually(
			() => revokedAt(certificate.id),
			at => at !== undefined,
		);
		assert.equal(await outcome(issue(id)), "COURSE_NOT_COMPLETED");
		assert.equal(
			await outcome(call("certificates.jws", { id: certificate.id })),
			"CERTIFICATE_REVOKED",
		);
		const page = await call("certificates.page", { id: certificate.id });
		assert.match(page.content, /Revoked/);
		await call("enrollments.enroll", { courseId }, as(student));
		await eventually(
			() => revokedAt(certificate.id),
			at => at === undefined,
		);
		assert.deepEqual(await issue(id), certificate);
		await drop();
		const dropped = told("enrollment.dropped").find(({ data }) => data.courseId === courseId);
		assert.ok(dropped);
		await school.tellAgain("certificates", dropped);
		await settled();
		const kinds = ["issued", "revoked", "reinstated"].map(
			kind => told(`certificate.${kind}`).filter(({ data }) => data.courseId === courseId).length,
		);
		assert.deepEqual(kinds, [1, 2, 1]);
	});

	await t.test("end with a refund of everything", async () => {
		const { id: courseId } = await school.course({ price: 99.99 });
		const paymentId = await school.pay(student, courseId);
		const report = { courseId, progressPercentage: 100, totalWatchTime: 60 };
		const { id } = await call("enrollments.progress", report, as(student));
		const certificate = await issue(id);
		const admin = await person("admin");
		await call("payments.refund", { id: paymentId, amount: 99.99 }, as(admin));
		await eventually(
			() => revokedAt(certificate.id),
			at => at !== undefined,
		);
	});

	await t.test("are signed: the published keys verify them without anybody else", async () => {
		const { id } = await finished({ title: "Glazing" });
		const certificate = await issue(id);
		const { jws } = await call("certificates.jws", { id: certificate.id });
		const { keys } = await call("certificates.keys");
		const { payload } = await jwtVerify(jws, createLocalJWKSet({ keys }));
		assert.deepEqual(
			[payload.jti, payload.iss, payload.sub],
			[certificate.id, "https://school.example.com", student.user.id],
		);
		const { courseTitle, studentName, verifyUrl } = certificate;
		assert.deepEqual(
			{ ...(payload.certificate as object), completedAt: 0, issuedAt: 0 },
			{
				courseId: certificate.courseId,
				courseTitle,
				studentName,
				verifyUrl,
				completedAt: 0,
				issuedAt: 0,
			},
		);
		const { kid } = await call("certificates.rotateKey", {}, as(await person("admin")));
		const after = await call("certificates.keys");
		assert.deepEqual([after.keys.length, after.keys[0]?.kid], [keys.length + 1, kid]);
		await jwtVerify(jws, createLocalJWKSet({ keys: after.keys }));
	});

	await t.test("come as PDF and as a page, in which nothing of theirs is markup", async () => {
		const title = `<script>alert(1)</script> "&'`;
		const { id } = await finished({ title });
		const certificate = await issue(id);
		const pdf = await call("certificates.pdf", { id: certificate.id });
		assert.deepEqual([pdf.contentType, pdf.encoding], ["application/pdf", "base64"]);
		assert.match(
			Buffer.from(pdf.content, "base64").toString("latin1"),
			/^%PDF-[\s\S]*certificate\.jws/,
		);
		const { content } = await call("certificates.page", { id: certificate.id });
		assert.doesNotMatch(content, /<script|style=|https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
		assert.match(content, /&lt;script&gt;alert\(1\)&lt;\/script&gt;/);
		assert.match(content, /<svg/);
		const none = await call("certificates.page", { id: "crt_no" });
		assert.match(none.content, /No such certificate/);
	});
});
