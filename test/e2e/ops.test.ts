import assert from "node:assert/strict";
import { after, type TestContext, test } from "node:test";
import type { Locator, Page } from "playwright-core";
import type { Node } from "../../kernel/node.ts";
import { openBrowser } from "../support/browser.ts";
import { eventually, register, send } from "../support/http.ts";
import { signUp } from "../support/identity.ts";
import {
	assertPurchasedOnce,
	completePayment,
	openPayment,
	publishCourse,
} from "../support/journey.ts";
import { meshEnv } from "../support/mesh.ts";
import { acquainted, startNode } from "../support/node.ts";
import { parkCapture } from "../support/parked.ts";
import { freePort } from "../support/ports.ts";
import { startEmbedded } from "../support/process.ts";
import { needs } from "../support/servers.ts";

test("the page and its files, as they go out", async t => {
	const { url: base } = await startEmbedded(t);
	const page = await send(base, "GET", "/ops");
	assert.equal(page.status, 200);
	assert.match(page.headers.get("content-type") ?? "", /^text\/html/);
	const policy = page.headers.get("content-security-policy") ?? "";
	for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'"])
		assert.ok(policy.split(";").includes(part), policy);
	assert.doesNotMatch(page.body, /<script(?![^>]*src="\/ops\/)| on\w+=| style=|https?:\/\//);
	const asked = new Set(
		[...page.body.matchAll(/(?:src|href)="\/ops\/([^"]+)"/g)].map(match => match[1] as string),
	);
	for (const file of asked) {
		const { status, body } = await send(base, "GET", `/ops/${file}`);
		assert.equal(status, 200, file);
		assert.doesNotMatch(body, /innerHTML|eval\(|localStorage|https?:\/\/(?!www\.w3\.org)/, file);
		for (const [, imported] of body.matchAll(/from "\.\/([^"]+)"/g)) asked.add(imported);
	}
	assert.ok(asked.size > 10);
	for (const file of ["ops.html", "files.ts", "..%2fops.service.ts", "constructor"]) {
		const { status, body } = await send(base, "GET", `/ops/${file}`);
		assert.deepEqual([status, body.code], [404, "FILE_NOT_FOUND"], file);
	}
});

const browser = await openBrowser("test/e2e/ops.test.ts");
const servers = browser && (await needs("nats", "mongo"));
if (browser) after(() => browser.close());

const account = { email: "admin@zeolite.example", password: "admin-password" };

/** The page, and whatever it complained of or asked another host for. */
async function open(t: TestContext, base: string, width = 1280, colorScheme?: "dark") {
	assert.ok(browser);
	const page = await browser.newPage({
		viewport: { width, height: 844 },
		...(colorScheme && { colorScheme }),
	});
	t.after(() => page.close());
	const faults: string[] = [];
	page.on("console", message => {
		// Chromium itself writes a line for each answer of 400 and above, and for each that was cut off.
		if (message.type() === "error" && !/status of [45]\d\d|ERR_FAILED/.test(message.text()))
			faults.push(message.text());
	});
	page.on("pageerror", error => faults.push(error.message));
	page.on("request", request => {
		if (!request.url().startsWith(base)) faults.push(`asked for ${request.url()}`);
	});
	await page.goto(`${base}/ops`);
	return { page, faults };
}

async function signIn(page: Page, { email, password } = account): Promise<void> {
	await page.getByLabel("E-mail").fill(email);
	await page.getByLabel("Password").fill(password);
	await page.getByRole("button", { name: "Sign in" }).click();
}

const live = (page: Page) => page.getByText(/^Live, \d\d:\d\d:\d\d$/).waitFor();
const overflow = (page: Page) =>
	page.evaluate("document.documentElement.scrollWidth - innerWidth") as Promise<number>;

if (browser && servers) {
	/** A mesh of four nodes in this process, with a purchase made. */
	const openMesh = async (t: TestContext) => {
		const clock = { aheadMs: 0, now: () => Date.now() + clock.aheadMs };
		const port = await freePort();
		const base = `http://127.0.0.1:${port}`;
		const env = {
			...meshEnv(),
			NATS_URL: servers.nats.url,
			MONGO_URL: servers.mongo.url,
			PUBLIC_URL: base,
			LOG_LEVEL: "fatal",
		};
		const start = (name: string, SERVICES = name, more: Record<string, string> = {}) =>
			startNode(t, { env: { ...env, SERVICES, NODE_ID: `${name}-1`, ...more }, clock });
		const nodes = (await Promise.all([
			start("gateway", "gateway", { PORT: String(port) }),
			start("money"),
			start("people", "identity,engagement,platform,content,commerce"),
			start("learning"),
		])) as [Node, Node, Node, Node];
		await acquainted(nodes);
		const { courseId } = await publishCourse(base);
		const purchase = await openPayment(base, courseId);
		await completePayment(base, purchase, "succeed");
		await assertPurchasedOnce(base, purchase);
		const parked = await parkCapture(
			nodes[1],
			ms => {
				clock.aheadMs += ms;
			},
			"disk full",
		);
		for (const { platform } of nodes) await platform.tokens.refreshRevoked();
		return { base, nodes, purchase, ...parked };
	};

	/** How the mesh is drawn. */
	const drawn = async (page: Page, width: number) => {
		const drawing = page.locator("#crystal svg");
		const counts = async (rows: Locator, count: number) =>
			eventually(
				() => rows.count(),
				found => found === count,
			);
		await counts(drawing.locator(".cells a"), 4);
		assert.equal(await drawing.locator(".hub").isVisible(), true);
		for (const text of ["NATS", "9 services", "money", "payments", "learning"])
			await drawing.getByText(text, { exact: true }).waitFor();
		const cells = await drawing
			.locator(".cells polygon")
			.evaluateAll(all =>
				all.map(cell =>
					(cell as unknown as { getBoundingClientRect(): DOMRect }).getBoundingClientRect(),
				),
			);
		for (const [i, a] of cells.entries())
			for (const b of cells.slice(i + 1)) {
				const apart = Math.hypot(a.x - b.x, a.y - b.y);
				assert.ok(apart > a.height * 0.9, "cells lie on each other");
			}
		await counts(drawing.locator('.links line[data-state="ready"]'), width === 390 ? 5 : 4);
		await counts(page.locator("#node-rows tr"), 4);
		assert.ok((await overflow(page)) <= 0, `${await overflow(page)} px too wide`);
	};

	test("a mesh", async t => {
		const { base, nodes, purchase, fact, mend } = await openMesh(t);
		const wide = await open(t, base);
		await signIn(wide.page);
		await live(wide.page);
		const { page, faults } = await open(t, base, 390, "dark");
		await signIn(page);
		await live(page);

		await t.test("it is drawn, on a phone and on a desk", async () => {
			await drawn(page, 390);
			await drawn(wide.page, 1280);
		});

		await t.test("a parked fact is looked at and replayed", async () => {
			for (const each of [page, wide.page]) {
				await each.getByText("1 thing to look at").waitFor();
				await each.getByText("ledger gave up 1 fact").waitFor();
			}
			const look = page.getByRole("button", { name: /^Look at payment\.captured/ });
			await look.click();
			const dialog = page.getByRole("dialog");
			for (const part of [fact.id, fact.subjectId, "disk full", "after 8 tries", '"amountMinor"'])
				assert.ok((await dialog.textContent())?.includes(part), part);
			const replay = dialog.getByRole("button", { name: "Replay" });
			await replay.click();
			await dialog.getByText("Parked again: disk full").waitFor();
			mend();
			await replay.click();
			await dialog.getByText("Done. It is parked no more.").waitFor();
			assert.equal(await replay.isDisabled(), true);
			assert.ok((await overflow(page)) <= 0);
			await page.keyboard.press("Escape");
			await look.waitFor({ state: "detached" });
			for (const each of [page, wide.page])
				await each.getByRole("heading", { name: "All is well" }).waitFor();
		});

		await t.test("a payment is explained, on a phone and on a desk", async () => {
			for (const each of [page, wide.page]) {
				const box = each.getByLabel("Payment id");
				await box.fill("pay_none");
				await box.press("Enter");
				await each.getByText("There is no payment of this id.").waitFor();
				await box.fill(` ${purchase.paymentId} `);
				await each.getByRole("button", { name: "Explain" }).click();
				await each.getByText("$99.99, captured").waitFor();
				const story = (await each.locator(".timeline").textContent()) ?? "";
				assert.match(story, /asked for[\s\S]*opened at the provider[\s\S]*captured[\s\S]*booked/);
				assert.ok((await overflow(each)) <= 0, `${await overflow(each)} px too wide`);
				const kept = await each.evaluate(
					"JSON.stringify([Object.keys(localStorage), Object.keys(sessionStorage), document.cookie])",
				);
				assert.equal(kept, '[[],[],""]');
			}
		});

		await t.test("a node that leaves is drawn gone, its services as running nowhere", async () => {
			await nodes[3].stop();
			await page.locator('#crystal .cells [data-state="gone"]').waitFor();
			await page.locator('#crystal .cells [data-state="missing"]').waitFor();
			await page.getByText("courses runs nowhere").waitFor();
		});
		assert.deepEqual([faults, wide.faults], [[], []]);
	});
}

if (browser) {
	/** Everything in one process, in this one. */
	const openNode = async (t: TestContext) => {
		const port = await freePort();
		const node = await startNode(t, {
			env: { PORT: String(port), ADMIN_EMAIL: account.email, ADMIN_PASSWORD: account.password },
		});
		return { node, base: `http://127.0.0.1:${port}` };
	};

	test("in one process it is one cell without NATS; errors are shown with their request", async t => {
		const { node, base } = await openNode(t);
		const { courses } = node.broker.getLocalService("courses") as unknown as {
			courses: { list(): unknown };
		};
		t.mock.method(courses, "list", () => {
			throw new Error("no index <b>for</b> eve@example.com");
		});
		await fetch(`${base}/api/courses`, { headers: { "x-request-id": "req_of-a-test" } });
		const { page, faults } = await open(t, base, 390);
		await signIn(page);
		await live(page);
		assert.equal(await page.locator("#crystal .cells a").count(), 1);
		assert.equal(await page.locator("#crystal .hub").isVisible(), false);
		const error = page.locator("#error-list li");
		await error.getByText("no index <b>for</b> [e-mail]").waitFor();
		assert.match((await error.textContent()) ?? "", /courses\.listINTERNAL_ERROR.*req_of-a-test/);
		assert.equal(await error.locator("b").count(), 0, "an answer became markup");
		assert.ok((await overflow(page)) <= 0);
		assert.deepEqual(faults, []);
	});

	test("the door: a wrong password, no admin, a session that ends", async t => {
		const { node, base } = await openNode(t);
		const { page, faults } = await open(t, base, 390);
		await signIn(page, { ...account, password: "wrong password" });
		await page
			.getByRole("alert")
			.getByText(/e-mail|password/i)
			.waitFor();
		const student = await register(base);
		await signIn(page, { email: student.email, password: "password123" });
		await page.getByRole("alert").getByText("is no admin").waitFor();
		assert.equal(await page.locator("#view").isVisible(), false);

		const admin = await signUp(node, { role: "admin" });
		await signIn(page, admin);
		await live(page);
		assert.equal(await page.locator("#door").isVisible(), false);
		const before = new Date(Date.now() + 1_000).toISOString();
		await node.broker.call("auth.revokeUser", { userId: admin.user.id, before });
		await page.getByRole("alert").getByText("The session is over").waitFor();
		assert.equal(await page.locator("#view").isVisible(), false);

		await signIn(page);
		await live(page);
		await page.getByRole("button", { name: "Sign out" }).click();
		await page.getByRole("heading", { name: "Sign in" }).waitFor();
		assert.equal(await page.getByRole("alert").textContent(), "");
		assert.deepEqual(faults, []);
	});

	const renewal = async (t: TestContext, base: string) => {
		const { page, faults } = await open(t, base);
		const renewed: string[] = [];
		page.on("request", request => {
			if (request.url().endsWith("/api/auth/refresh")) renewed.push(request.postData() ?? "");
		});
		// The page renews a minute before the end: one second from now.
		await page.route("**/api/auth/login", async route => {
			const answer = await route.fetch();
			await route.fulfill({ json: { ...(await answer.json()), expiresIn: 61 } });
		});
		// It takes so long that everything else the page asks for comes to need it too.
		await page.route("**/api/auth/refresh", async route => {
			await new Promise(slow => setTimeout(slow, 4_500));
			await route.continue();
		});
		const renews = page.waitForRequest("**/api/auth/refresh");
		await signIn(page);
		await live(page);
		await renews;
		await page.waitForResponse("**/api/ops/errors");
		const shown = await page.getByText(/^Live/).textContent();
		await page.getByText(shown ?? "").waitFor({ state: "detached" });
		await live(page);
		assert.equal(renewed.length, 1);
		assert.deepEqual(faults, []);
	};

	const outages = async (t: TestContext, base: string) => {
		const { page, faults } = await open(t, base, 390);
		await signIn(page);
		await live(page);
		await page.route("**/api/ops/**", route => route.abort());
		const outage = page.getByText(
			/^The gateway does not answer; last seen \d\d:\d\d:\d\d\. Next try in \d+ s\.$/,
		);
		await outage.waitFor();
		await page.getByText("Not live").waitFor();
		assert.equal(await page.locator("#crystal .cells a").count(), 1, "what was seen last stays");
		await page.unroute("**/api/ops/**");
		await page.route("**/api/ops/mesh", route =>
			route.fulfill({ status: 503, json: { code: "SERVICE_UNAVAILABLE", detail: "away" } }),
		);
		await page
			.getByText(/^The gateway is there, the service that watches the mesh is not/)
			.waitFor();
		await page.unroute("**/api/ops/mesh");
		await page.getByText(/^Live/).waitFor();
		await page.locator("#outage").waitFor({ state: "hidden" });
		assert.ok((await overflow(page)) <= 0);
		assert.deepEqual(faults, []);
	};

	const unseen = async (t: TestContext, base: string) => {
		const { page } = await open(t, base);
		await signIn(page);
		await live(page);
		const look = (hidden: boolean) =>
			page.evaluate(
				`Object.defineProperty(document, "hidden", { configurable: true, get: () => ${hidden} });
				document.dispatchEvent(new Event("visibilitychange"))`,
			);
		let asked = 0;
		const underWay = new Set<object>();
		page.on("request", request => {
			asked++;
			underWay.add(request);
		});
		page.on("requestfinished", request => void underWay.delete(request));
		page.on("requestfailed", request => void underWay.delete(request));
		await page.waitForRequest("**/api/ops/mesh");
		await look(true);
		await eventually(
			async () => underWay.size,
			count => count === 0,
		);
		await page.waitForTimeout(1_000);
		asked = 0;
		await page.waitForTimeout(6_000);
		assert.equal(asked, 0);
		await look(false);
		await page.waitForRequest("**/api/ops/mesh");
	};

	const byKeyboard = async (t: TestContext, base: string) => {
		const { page, faults } = await open(t, base);
		await page.getByLabel("E-mail").focus();
		await page.keyboard.type(account.email);
		await page.keyboard.press("Tab");
		await page.keyboard.type(account.password);
		await page.keyboard.press("Enter");
		await live(page);

		const fold = page.getByRole("button", { name: "auth", exact: true });
		await fold.focus();
		await page.keyboard.press("Enter");
		await page.getByRole("rowheader", { name: "auth.login" }).waitFor();
		assert.equal(await fold.getAttribute("aria-expanded"), "true");
		const shown = (await page.getByText(/^Live/).textContent()) ?? "";
		await page.getByText(shown).waitFor({ state: "detached" });
		assert.equal(await page.evaluate("document.activeElement.textContent"), "auth");

		const headings = await page.getByRole("heading").allTextContents();
		for (const name of ["Operations", "Mesh", "Calls", "Facts", "Errors", "Breakers", "Nodes"])
			assert.ok(headings.includes(name), name);
		const nameless = await page
			.locator("input:visible, button:visible, svg[role]:visible")
			.evaluateAll(
				all =>
					all.filter(one => {
						const { labels, textContent } = one as unknown as {
							labels?: { length: number };
							textContent: string;
						};
						return !(one.getAttribute("aria-label") || labels?.length || textContent.trim());
					}).length,
			);
		assert.equal(nameless, 0, "a control or a picture without a name");
		await page.locator("#crystal .cells a").focus();
		await page.keyboard.press("Enter");
		assert.match(page.url(), /#node-/);
		assert.deepEqual(faults, []);
	};

	// Each mostly waits, on a page of its own.
	test("one process, by four pages at once", { concurrency: 4 }, async t => {
		const { base } = await openNode(t);
		const walks = {
			"tokens are renewed before they end, once for all who ask": renewal,
			"a gateway that does not answer is told of, with the time it was last seen, until it is back":
				outages,
			"while nobody looks it asks for nothing": unseen,
			"with the keyboard alone, and by name and role": byKeyboard,
		};
		await Promise.all(
			Object.entries(walks).map(([name, walk]) => t.test(name, t => walk(t, base))),
		);
	});
}
