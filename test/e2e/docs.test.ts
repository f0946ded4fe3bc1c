import assert from "node:assert/strict";
import { after, type TestContext, test } from "node:test";
import type { Page } from "playwright-core";
import { openBrowser } from "../support/browser.ts";
import { send, uniqueEmail } from "../support/http.ts";
import { startEmbedded } from "../support/process.ts";

test("the page, its files and the problem pages, as they go out", async t => {
	const { url: base } = await startEmbedded(t);
	const get = (path: string, accept?: string) =>
		fetch(`${base}${path}`, { headers: { ...(accept && { accept }) } });

	const page = await send(base, "GET", "/docs");
	assert.equal(page.status, 200);
	const policy = page.headers.get("content-security-policy") ?? "";
	for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'"])
		assert.ok(policy.split(";").includes(part), policy);
	assert.doesNotMatch(policy, /unsafe|https?:|\*/);
	assert.doesNotMatch(page.body, /<script(?![^>]*src="\/docs\/)| on\w+=| style=|https?:\/\//);
	for (const [, file] of page.body.matchAll(/(?:src|href)="(\/docs\/[^"]+)"/g)) {
		const found = await send(base, "GET", file);
		assert.equal(found.status, 200, file);
		assert.doesNotMatch(found.body, /innerHTML|eval\(|https?:\/\//, file);
	}
	for (const file of ["docs.html", "files.ts", "..%2fapi.service.ts", "constructor"]) {
		const { status, body } = await send(base, "GET", `/docs/${file}`);
		assert.deepEqual([status, body.code], [404, "FILE_NOT_FOUND"], file);
	}

	const browsers = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
	const asPage = await get("/problems/payment-required", browsers);
	assert.match(asPage.headers.get("content-type") ?? "", /^text\/html/);
	assert.match(asPage.headers.get("vary") ?? "", /Accept/);
	const shown = await asPage.text();
	for (const part of [
		"PAYMENT_REQUIRED",
		"402",
		"POST /api/enrollments",
		"/docs#enrollments.enroll",
	])
		assert.ok(shown.includes(part), part);
	for (const accept of [
		undefined,
		"*/*",
		"application/json",
		"application/json, text/html;q=0.5",
	]) {
		const asJson = await get("/problems/payment-required", accept);
		assert.match(asJson.headers.get("content-type") ?? "", /^application\/json/, accept);
		assert.match(asJson.headers.get("vary") ?? "", /Accept/, accept);
	}
	const unknown = await get("/problems/%3Cscript%3E", browsers);
	assert.equal(unknown.status, 404);
	assert.match(unknown.headers.get("content-type") ?? "", /json/);
});

const browser = await openBrowser("test/e2e/docs.test.ts");
if (browser) {
	after(() => browser.close());

	const open = async (t: TestContext, base: string, width: number) => {
		const page = await browser.newPage({ viewport: { width, height: 900 } });
		t.after(() => page.close());
		const faults: string[] = [];
		page.on("console", message => {
			// Chromium itself writes a line for each answer of 400 and above.
			if (message.type() === "error" && !/status of 4\d\d/.test(message.text()))
				faults.push(message.text());
		});
		page.on("pageerror", error => faults.push(error.message));
		page.on("request", request => {
			if (!request.url().startsWith(base)) faults.push(`asked for ${request.url()}`);
		});
		await page.goto(`${base}/docs`);
		await page.getByText(/^\d+ operations$/).waitFor();
		return { page, faults };
	};
	const operation = (page: Page, id: string) => page.locator(`[id="${id}"]`);
	const overflow = (page: Page) =>
		page.evaluate("document.documentElement.scrollWidth - innerWidth") as Promise<number>;

	for (const width of [360, 1200])
		test(`the page, ${width} px wide: list, register, make a course`, async t => {
			const { url: base } = await startEmbedded(t);
			const { page, faults } = await open(t, base, width);
			const { body: openapi } = await send(base, "GET", "/openapi.json");
			const all = Object.values(openapi.paths as Record<string, object>).flatMap(Object.keys);
			assert.equal(await page.locator("details.entry").count(), all.length);

			const register = operation(page, "auth.register");
			await register.locator("summary").first().click();
			const email = uniqueEmail();
			const text = JSON.stringify({ email, password: "password123", role: "teacher" });
			await register.getByLabel("Body", { exact: true }).first().fill(text);
			await register.getByRole("button", { name: "Send" }).click();
			await register.locator(".outcome").getByText("201").waitFor();
			assert.match((await register.textContent()) ?? "", /x-request-id: [0-9a-f]{32}/);
			await register.getByRole("button", { name: /Use this access token/ }).click();
			const token = await page.getByLabel(/Access token/).inputValue();
			assert.match(token, /^ey/);

			await page.getByLabel("Search").fill("makes a course");
			const create = operation(page, "courses.create");
			await create.locator("summary").first().click();
			const curl = create.getByRole("figure", { name: "As a command" });
			const command = (await curl.textContent()) ?? "";
			assert.match(command, /Bearer \$TOKEN/);
			assert.ok(!command.includes(token), "the command says the token");
			await create
				.getByLabel("Body", { exact: true })
				.first()
				.fill(`{"title": "It's <b>clay</b>"}`);
			assert.match((await curl.textContent()) ?? "", /It'\\''s <b>clay/);
			await create.getByRole("button", { name: "Send" }).click();
			await create.locator(".outcome").getByText("201").waitFor();
			assert.match((await create.locator(".result").textContent()) ?? "", /It's <b>clay<\/b>/);
			assert.equal(await create.locator(".result b").count(), 0, "an answer became markup");

			assert.ok((await overflow(page)) <= 0, `${await overflow(page)} px too wide`);
			const kept = await page.evaluate(
				"JSON.stringify([Object.keys(localStorage), Object.keys(sessionStorage), document.cookie])",
			);
			assert.equal(kept, '[[],[],""]');
			assert.deepEqual(faults, []);
		});

	test("an error is shown with the page that explains it", async t => {
		const { url: base } = await startEmbedded(t);
		const { page, faults } = await open(t, base, 360);
		const get = operation(page, "courses.get");
		await get.locator("summary").first().click();
		await get.getByLabel(/^id/).fill("../<x>");
		await get.getByRole("button", { name: "Send" }).click();
		await get.locator(".outcome.bad").getByText("404").waitFor();
		await get.getByRole("link", { name: "What COURSE_NOT_FOUND means" }).click();
		await page.getByRole("heading", { name: "COURSE_NOT_FOUND" }).waitFor();
		assert.ok((await overflow(page)) <= 0);
		await page.getByRole("link", { name: "GET /api/courses/:id", exact: true }).click();
		await operation(page, "courses.get").getByRole("button", { name: "Send" }).waitFor();
		assert.deepEqual(faults, []);
	});

	test("with the keyboard alone, and by name and role", async t => {
		const { url: base } = await startEmbedded(t);
		const { page, faults } = await open(t, base, 1200);
		await page.keyboard.press("Tab");
		assert.equal(await page.evaluate("document.activeElement.textContent"), "To the operations");
		await page.getByLabel("Search").focus();
		await page.keyboard.type("COURSE_IS_FREE");
		await page.getByText(/^2 operations$/).waitFor();
		await operation(page, "payments.create").locator("summary").first().focus();
		await page.keyboard.press("Enter");
		const send = operation(page, "payments.create").getByRole("button", { name: "Send" });
		await send.focus();
		await page.keyboard.press("Space");
		await operation(page, "payments.create").locator(".outcome").getByText("401").waitFor();
		const nameless = await page
			.locator("input:visible, textarea:visible")
			.evaluateAll(
				controls =>
					controls.filter(c => !(c as unknown as { labels: unknown[] }).labels.length).length,
			);
		assert.equal(nameless, 0, "a field without a label");
		assert.deepEqual(faults, []);
	});
}
