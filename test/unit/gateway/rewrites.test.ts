import assert from "node:assert/strict";
import { test } from "node:test";
import { canonical } from "../../../services/gateway/api/rewrites.ts";

for (const [sent, expected] of [
	["/api/user/auth/register", "/api/auth/register"],
	["/api/user/me", "/api/users/me"],
	["/api/course/courses?page=2", "/api/courses?page=2"],
	["/api/course/lectures/lec_1/upload", "/api/lectures/lec_1/upload"],
	["/api/course/enrollments/course/crs_1/progress", "/api/enrollments/course/crs_1/progress"],
	["/api/payment/payments/pay_1/verify", "/api/payments/pay_1/verify"],
	["/internal/course/crs_1", "/api/courses/internal/crs_1"],
	["/auth", "/api/auth"],
	["/users/usr_1", "/api/users/usr_1"],
	["/invoices/inv_1", "/api/invoices/inv_1"],
	["/api/generate-invoice", "/api/invoices/generate"],
	["/api/products/id/prd_1", "/api/products/prd_1"],
	["/api/webhooks/stripe", "/webhooks/stripe"],
	["/api/users/me", "/api/users/me"],
	["/api/userland", "/api/userland"],
	["/authors", "/authors"],
	["/api/courses", "/api/courses"],
	["/", "/"],
] as const)
	test(`${sent} is ${expected}`, () => {
		assert.equal(canonical(sent), expected);
		assert.equal(canonical(canonical(sent)), expected, "a canonical path is not rewritten");
	});
