import assert from "node:assert/strict";
import { test } from "node:test";
import type { AuditRecord } from "../../../kernel/audit.ts";
import { as, openSchool } from "./school.ts";

const canary = "c4n4ry";

test("what a teacher or an admin changes in a course is told, its words are not", async t => {
	const school = await openSchool(t);
	const { call, teacher } = school;
	const words = { title: `${canary} Pottery`, description: `All of ${canary}` };
	const { id } = await school.course({ price: 20, ...words });
	const admin = await school.person("admin");
	await call("courses.update", { id, price: 25.5, title: `${canary} Clay` }, as(teacher));
	await call("courses.update", { id, price: 25.5, title: `${canary} Clay` }, as(teacher));
	await call("courses.archive", { id }, as(admin));
	await call("courses.archive", { id }, as(admin));
	const records = school.told("course.audited").map(({ data }) => data as AuditRecord);
	assert.deepEqual(
		records.map(({ action, by, on, changes }) => [action, by.userId, on, changes]),
		[
			[
				"courses.update",
				teacher.user.id,
				{ collection: "courses", id },
				[
					{ path: "priceMinor", before: 2_000, after: 2_550 },
					{ path: "title" },
					{ path: "words" },
					{ path: "titleKey" },
				],
			],
			[
				"courses.archive",
				admin.user.id,
				{ collection: "courses", id },
				[{ path: "status", before: "published", after: "archived" }],
			],
		],
	);
	assert.ok(!JSON.stringify(records).includes(canary));
});
