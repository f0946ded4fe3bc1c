import assert from "node:assert/strict";
import { after, test } from "node:test";
import { openBrowser } from "../support/browser.ts";
import { send } from "../support/http.ts";
import { assertPurchasedOnce, openPayment, publishCourse } from "../support/journey.ts";
import { startEmbedded } from "../support/process.ts";

const browser = await openBrowser("test/e2e/checkout.test.ts");
if (browser) {
	after(() => browser.close());

	for (const width of [360, 1200])
		test(`the sandbox's checkout page, ${width} px wide: decline, then pay`, async t => {
			const product = await startEmbedded(t);
			const { courseId } = await publishCourse(product.url);
			const purchase = await openPayment(product.url, courseId);
			const payment = await send(product.url, "GET", `/api/payments/${purchase.paymentId}`, {
				token: purchase.student.token,
			});

			const page = await browser.newPage({ viewport: { width, height: 800 } });
			const complaints: string[] = [];
			const elsewhere: string[] = [];
			page.on("console", message => {
				if (message.type() === "error") complaints.push(message.text());
			});
			page.on("pageerror", error => complaints.push(error.message));
			page.on("request", request => {
				if (!request.url().startsWith(product.url)) elsewhere.push(request.url());
			});
			await page.goto(payment.body.checkoutUrl);
			assert.match((await page.textContent("body")) ?? "", /sandbox/i);
			assert.match((await page.textContent("body")) ?? "", /\$99\.99/);
			const overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
			assert.ok(Number(overflow) <= 0, `${overflow} px too wide`);

			const status = page.getByRole("status");
			await page.getByRole("button", { name: "Decline" }).click();
			await status.getByText(/declined/i).waitFor();
			await page.getByRole("button", { name: "Pay", exact: true }).click();
			await status.getByText(/paid|captured/i).waitFor();
			const after = await send(product.url, "GET", `/api/payments/${purchase.paymentId}`, {
				token: purchase.student.token,
			});
			assert.equal(after.body.status, "captured");
			assert.deepEqual(complaints, []);
			assert.deepEqual(elsewhere, []);
			await page.close();
		});

	test("a purchase paid on the page comes out once", async t => {
		const product = await startEmbedded(t);
		const { courseId } = await publishCourse(product.url);
		const purchase = await openPayment(product.url, courseId);
		const { body } = await send(product.url, "GET", `/api/payments/${purchase.paymentId}`, {
			token: purchase.student.token,
		});
		const page = await browser.newPage();
		await page.goto(body.checkoutUrl);
		await page.getByRole("button", { name: "Pay", exact: true }).dblclick();
		await assertPurchasedOnce(product.url, purchase);
		await page.close();
	});
}
