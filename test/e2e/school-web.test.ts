import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { PutBucketCorsCommand } from "@aws-sdk/client-s3";
import type { Page } from "playwright-core";
import { film } from "../../scripts/demo/film.ts";
import { assertAccessible } from "../support/axe.ts";
import { openBrowser } from "../support/browser.ts";
import { newBucket } from "../support/bucket.ts";
import { settled } from "../support/crash-journey.ts";
import { eventually, type Person, register, send, uniqueEmail } from "../support/http.ts";
import { completePayment, type Purchase } from "../support/journey.ts";
import { meshEnv } from "../support/mesh.ts";
import { edgeOrigins, FakeMux, type MuxAsset } from "../support/mux/fake-mux.ts";
import { root, startNode } from "../support/node.ts";
import { freePort } from "../support/ports.ts";
import { needs, redis } from "../support/servers.ts";

const password = "password123";

/** A directory of a test's own. */
const newDir = () => mkdtempSync(join(tmpdir(), "zeolite-web-"));

/** Everything in one process, in this one: with files of its own, as nodes that keep nothing share a place for theirs. */
async function openSchool(t: TestContext, env: Record<string, string> = {}) {
	const port = await freePort();
	const dir = newDir();
	const node = await startNode(t, {
		env: {
			PORT: String(port),
			DATA_DIR: dir,
			ADMIN_EMAIL: "admin@zeolite.example",
			ADMIN_PASSWORD: "admin-password",
			...env,
		},
	});
	t.after(() => rm(dir, { recursive: true, force: true }));
	return { node, base: `http://127.0.0.1:${port}` };
}

/** How a mesh is parted here: requests, purchases and videos go from one node to the other. */
const parts = [
	"gateway",
	"gateway",
	"identity,learning,engagement,platform",
	"money,content,commerce",
] as const;

/** A mesh of nodes in this process, which starts in a moment; the ports of its gateways, once they answer. */
async function openMesh(t: TestContext, env: Record<string, string>): Promise<number[]> {
	const nodes = await Promise.all(
		parts.map(async services => ({ services, port: await freePort() })),
	);
	const common = { ...meshEnv(), ...env };
	await Promise.all(
		nodes.map(({ services, port }) =>
			startNode(t, {
				env: { ...common, SERVICES: services, PORT: String(port), LOG_LEVEL: "fatal" },
			}),
		),
	);
	const gateways = nodes.filter(({ services }) => services === "gateway").map(({ port }) => port);
	for (const port of gateways)
		await eventually(
			() => fetch(`http://127.0.0.1:${port}/readyz`),
			({ ok }) => ok,
			30_000,
		);
	return gateways;
}

/** What stands before gateways: each connection goes to the next of them. */
async function balance(t: TestContext, port: number, gateways: readonly number[]): Promise<void> {
	let turn = 0;
	const open = new Set<Socket>();
	const server = createServer(near => {
		const far = connect(gateways[turn++ % gateways.length] as number, "127.0.0.1");
		for (const [one, other] of [
			[near, far],
			[far, near],
		] as const) {
			open.add(one);
			one.pipe(other);
			one.on("error", () => other.destroy());
			one.on("close", () => open.delete(one));
		}
	});
	await new Promise<void>(done => server.listen(port, "127.0.0.1", done));
	t.after(() => {
		server.close();
		for (const socket of open) socket.destroy();
	});
}

const directives = (headers: Headers): Map<string, string> =>
	new Map(
		(headers.get("content-security-policy") ?? "").split(";").map(directive => {
			const [name = "", ...sources] = directive.trim().split(" ");
			return [name, sources.join(" ")];
		}),
	);

test("the pages and their files, as they go out", async t => {
	const { base } = await openSchool(t);
	const page = await send(base, "GET", "/school");
	assert.equal(page.status, 200);
	assert.equal((await send(base, "GET", "/")).body, page.body, "the front door is the school");
	const policy = directives(page.headers);
	assert.equal(policy.get("default-src"), "'none'");
	assert.equal(policy.get("script-src"), "'self'");
	assert.equal(policy.get("style-src"), "'self'");
	assert.equal(policy.get("trusted-types"), "lit-html");
	assert.doesNotMatch(page.body, /<script(?![^>]*src=)|<style| on\w+=| style=|https?:\/\//);
	assert.match(page.body, /href="\/docs"[\s\S]*href="\/ops"/);

	const etag = page.headers.get("etag") as string;
	assert.equal(page.headers.get("cache-control"), "no-cache");
	const again = await fetch(`${base}/school`, { headers: { "if-none-match": `"x", ${etag}` } });
	assert.deepEqual([again.status, await again.text()], [304, ""]);

	const folder = /src="(\/school\/[0-9a-f]+)\/main\.js"/.exec(page.body)?.[1] as string;
	const asked = new Set(
		[...page.body.matchAll(/(?:src|href)="\/school\/[0-9a-f]+\/([^"]+)"/g)].map(
			m => m[1] as string,
		),
	);
	asked.add("pay.js");
	for (const file of asked) {
		const { status, headers, body } = await send(base, "GET", `${folder}/${file}`);
		assert.equal(status, 200, file);
		assert.match(headers.get("cache-control") ?? "", /immutable/, file);
		for (const [, imported] of body.matchAll(/(?:from|import)\s*\(?"\.\/([\w.-]+\.js)"/g))
			asked.add(imported);
		if (["lit-html.js", "hls.js", "socket.io.js"].includes(file)) continue;
		assert.doesNotMatch(body, /innerHTML|eval\(|unsafeHTML|document\.write|style="/, file);
		const others = body.match(/https?:\/\/[^\s"'`)]+/g) ?? [];
		const allowed =
			file === "pay.js" ? /^https:\/\/(js\.stripe|checkout\.razorpay)\.com\// : /(?!)/;
		assert.deepEqual(
			others.filter((url: string) => !allowed.test(url)),
			[],
			file,
		);
	}
	assert.ok(asked.size > 35, String(asked.size));

	const raw = await fetch(`${base}${folder}/base.css`, { headers: { "accept-encoding": "gzip" } });
	assert.equal(raw.headers.get("content-encoding"), "gzip");
	assert.match(await raw.text(), /--accent/);
	const plain = await fetch(`${base}${folder}/base.css`, {
		headers: { "accept-encoding": "gzip;q=0" },
	});
	assert.equal(plain.headers.get("content-encoding"), null);
	const older = await send(base, "GET", "/school/0123456789abcdef/base.css");
	assert.equal(
		older.headers.get("cache-control"),
		"no-cache",
		"another version's file is not kept",
	);
	for (const file of ["school.html", "..%2ffiles.ts", "constructor", "policy.ts"])
		assert.equal((await send(base, "GET", `${folder}/${file}`)).body.code, "FILE_NOT_FOUND", file);
});

test("the checkout page names a provider's origins only where that provider is set up", async t => {
	const { base } = await openSchool(t, {
		STRIPE_PUBLISHABLE_KEY: 'pk_test_"<1>',
		HOME_PAGE: "docs",
	});
	const stripe = await send(base, "GET", "/school/checkout?method=stripe");
	assert.equal(directives(stripe.headers).get("script-src"), "'self' https://js.stripe.com");
	assert.equal(
		directives(stripe.headers).get("frame-src"),
		"https://js.stripe.com https://hooks.stripe.com",
	);
	assert.match(stripe.body, /content="pk_test_&quot;&lt;1&gt;"/);
	const razorpay = await send(base, "GET", "/school/checkout?method=razorpay");
	assert.equal(directives(razorpay.headers).get("script-src"), "'self'");
	assert.doesNotMatch(razorpay.body, /pk_test|https?:\/\//);
	const other = await send(base, "GET", "/school/checkout?method=cash");
	assert.equal(other.status, 422);
	const home = await send(base, "GET", "/");
	assert.equal(home.body, (await send(base, "GET", "/docs")).body);
});

const demo = (base: string) =>
	promisify(execFile)(process.execPath, [join(root, "scripts/demo.ts"), base]);

test("the demo fills a school, the same however often it runs, and no server elsewhere", async t => {
	const { node, base } = await openSchool(t);
	const seen = async () => {
		await settled(node);
		const { body } = await send(base, "GET", "/api/courses?sort=title");
		return body.items.map(
			({ title, enrollmentCount, ratingCount }: Record<string, unknown>) =>
				`${title}: ${enrollmentCount} students, ${ratingCount} reviews`,
		);
	};
	await demo(base);
	const first = await seen();
	assert.equal(first[1], "Bread that rises: 4 students, 3 reviews");
	assert.equal(first.length, 6);
	const { stdout } = await demo(base);
	assert.match(stdout, /first\.teacher@demo\.zeolite\.example/);
	assert.deepEqual(await seen(), first);
	await assert.rejects(demo("https://school.example.com"), /servers on this machine only/);
	await assert.rejects(demo("http://127.0.0.1:1"), /does not answer/);
});

const browser = await openBrowser("test/e2e/school-web.test.ts");
const servers = browser && (await needs("nats", "mongo", "s3"));
if (browser) after(() => browser.close());

interface Look {
	width?: number;
	colorScheme?: "dark" | "light";
	/** Other origins that it may ask. */
	also?: readonly string[];
}

/** A page of a browser of its own, and whatever it complained of or asked another host for. */
async function open(
	t: TestContext,
	base: string,
	{ width = 1280, colorScheme = "light", also = [] }: Look = {},
) {
	assert.ok(browser);
	const context = await browser.newContext({
		viewport: { width, height: 844 },
		colorScheme,
		reducedMotion: "reduce",
		acceptDownloads: false,
	});
	t.after(() => context.close());
	const page = await context.newPage();
	const faults: string[] = [];
	const watch = (one: Page) => {
		one.on("console", message => {
			if (
				message.type() === "error" &&
				!/status of [45]\d\d|ERR_(FAILED|INTERNET|NETWORK|ABORTED|CONNECTION)|websocket/i.test(
					message.text(),
				)
			)
				faults.push(message.text());
		});
		one.on("pageerror", error => faults.push(error.message));
		one.on("request", request => {
			const { protocol, origin } = new URL(request.url());
			if (/^https?:$/.test(protocol) && origin !== base && !also.includes(origin))
				faults.push(`asked for ${request.url()}`);
		});
	};
	watch(page);
	return { page, context, faults };
}

const heading = (page: Page, name: string | RegExp) =>
	page.getByRole("heading", { level: 1, name }).waitFor();

async function assertFits(page: Page, what: string): Promise<void> {
	await assertAccessible(page, what);
	const over = (await page.evaluate("document.documentElement.scrollWidth - innerWidth")) as number;
	assert.ok(over <= 0, `${what} is ${over} px too wide`);
}

async function signUp(
	page: Page,
	{ name, role }: { name: string; role?: "Teach" },
): Promise<string> {
	const email = uniqueEmail();
	await page.getByLabel("Your name").fill(name);
	await page.getByLabel("E-mail").fill(email);
	await page.getByLabel("Password").fill(password);
	if (role) await page.getByText(role, { exact: true }).last().click();
	await page.getByRole("button", { name: "Make an account" }).click();
	return email;
}

async function signIn(page: Page, base: string, email: string, to = "#/"): Promise<void> {
	await page.goto(`${base}/school#/sign-in?next=${encodeURIComponent(to)}`);
	await page.getByLabel("E-mail").fill(email);
	await page.getByLabel("Password").fill(password);
	await page.getByRole("button", { name: "Sign in" }).click();
}

const made = film({ title: "Test", slides: ["One", "Two"], secondsPerSlide: 1, hue: 160 });

/**
 * Uploads a video and waits until it can be played.
 * @param encode does what the provider does, once it has the file.
 */
async function giveVideo(
	base: string,
	teacher: Person,
	lectureId: string,
	encode: (fileId: string) => Promise<unknown> = async () => {},
): Promise<void> {
	const ask = async (method: string, path: string, body?: unknown) => {
		const answer = await send(base, method, path, { token: teacher.token, body });
		assert.ok(answer.status < 300, JSON.stringify(answer.body));
		return answer.body;
	};
	const { fileId, uploadUrl } = await ask("POST", `/api/lectures/${lectureId}/upload`, {
		fileName: "test.mp4",
		fileSize: made.length,
		contentType: "video/mp4",
	});
	const sent = await fetch(uploadUrl, {
		method: "PUT",
		headers: { "content-type": "video/mp4" },
		body: new Uint8Array(made),
	});
	assert.ok(sent.ok, await sent.text());
	await ask("POST", `/api/lectures/${lectureId}/confirm-upload`, { fileId });
	await encode(fileId);
	await eventually(
		() => ask("GET", `/api/lectures/${lectureId}/status`),
		({ status }) => status === "ready",
	);
}

/** A course of one section, at 24 USD, whose first lecture is a preview; both have a video. */
async function makeCourse(
	base: string,
	{
		title = "Bread that rises",
		price = 24,
		encode,
	}: { title?: string; price?: number; encode?: (fileId: string) => Promise<unknown> } = {},
) {
	const teacher = await register(base, "teacher");
	const ask = async (method: string, path: string, body: unknown) =>
		(await send(base, method, path, { token: teacher.token, body })).body;
	await ask("PATCH", "/api/users/me", { name: "Teacher One" });
	const course = await ask("POST", "/api/courses", {
		title,
		description: "Flour, water, salt and time.",
		price,
		completionRule: "watched",
	});
	const section = await ask("POST", `/api/courses/${course.id}/sections`, { title: "The starter" });
	const [first, second] = [
		await ask("POST", `/api/sections/${section.id}/lectures`, {
			title: "What lives in the jar",
			isPreview: true,
		}),
		await ask("POST", `/api/sections/${section.id}/lectures`, { title: "Feeding it" }),
	];
	await giveVideo(base, teacher, first.id, encode);
	await giveVideo(base, teacher, second.id, encode);
	return { teacher, courseId: course.id as string, lectureIds: [first.id, second.id] as string[] };
}

/** Waits until the video of a lecture could begin. */
async function loaded(page: Page): Promise<void> {
	const state = "document.querySelector('#video')?.readyState ?? document.body.innerText";
	await eventually(
		() => page.evaluate(state).catch(String),
		found => Number(found) >= 1,
		30_000,
	);
}

/** Plays the video of a lecture to its end. */
async function watch(page: Page): Promise<void> {
	await loaded(page);
	await page.evaluate(`(async () => {
		const video = document.querySelector("#video");
		video.muted = true;
		video.currentTime = 0;
		await video.play();
		await new Promise(done => video.addEventListener("ended", done, { once: true }));
	})()`);
}

/** A payment by a new student, open at the sandbox. */
async function openPayment(base: string, courseId: string) {
	const student = await register(base);
	const { status, body } = await send(base, "POST", "/api/payments", {
		token: student.token,
		body: { courseId, paymentMethod: "stripe" },
	});
	assert.equal(status, 201, JSON.stringify(body));
	return { student, courseId, paymentId: body.id as string };
}

/** Waits until the seat of a purchase is in this state. */
const hasSeat = (base: string, { student: { token }, courseId }: Purchase, status: string) =>
	eventually(
		() => send(base, "GET", `/api/enrollments/course/${courseId}`, { token }),
		({ body }) => body.status === status,
	);

if (browser) {
	/** A playable video of `bytes`, on disk, so that it stays the same file when it is chosen again. */
	const longFilm = (bytes: number): string => {
		const path = join(newDir(), "long.mp4");
		const rest = Buffer.alloc(bytes - made.length);
		rest.writeUInt32BE(rest.length);
		rest.write("free", 4, "latin1");
		writeFileSync(path, Buffer.concat([made, rest]));
		return path;
	};

	/** The way of a student: finds, buys, watches, completes, opens the certificate, reviews. */
	async function studentWalk(t: TestContext, base: string, look: Look): Promise<void> {
		const { courseId } = await makeCourse(base);
		const { page, faults } = await open(t, base, look);
		await page.goto(`${base}/`);
		await page.getByRole("link", { name: /Bread that rises/ }).waitFor();
		await assertFits(page, "catalogue");
		await page.getByLabel("Search for courses").fill("cheese");
		await page.getByRole("heading", { name: "No course fits" }).waitFor();
		await assertFits(page, "nothing found");
		await page.getByLabel("Search for courses").fill("brea");
		await page.getByRole("link", { name: /Bread that rises/ }).click();
		await heading(page, "Bread that rises");
		assert.equal(await page.evaluate("document.activeElement.tagName"), "H1", "the focus follows");
		await assertFits(page, "course");

		await page.getByRole("link", { name: "Buy this course" }).click();
		await heading(page, "Sign in");
		await assertFits(page, "sign in");
		await page.getByRole("link", { name: "Make an account" }).click();
		await heading(page, "Make an account");
		await assertFits(page, "sign up");
		await signUp(page, { name: "Student One" });
		await heading(page, "Buy this course");
		await assertFits(page, "checkout");
		await page.getByRole("button", { name: "Go to payment" }).click();
		await page.getByRole("button", { name: "Pay", exact: true }).click();
		await page.getByText("Paid.").waitFor();
		await page.getByRole("link", { name: "Back to the school" }).click();
		await heading(page, "The course is yours");
		await assertFits(page, "paid");
		await page.getByRole("link", { name: "Start learning" }).click();

		await heading(page, "What lives in the jar");
		await watch(page);
		await page.getByText("50 % done").waitFor();
		await assertFits(page, "player");
		await page.getByRole("link", { name: "Next" }).click();
		await heading(page, "Feeding it");
		await watch(page);
		await page.getByRole("heading", { name: "You have completed this course" }).waitFor();
		await page.getByRole("button", { name: "Get the certificate" }).click();
		const link = page.getByRole("link", { name: "Open the certificate" });
		await link.waitFor();
		await assertFits(page, "completed");
		await link.click();
		await page.getByText("Student One").first().waitFor();
		await page.goto(`${base}/school#/notices`);
		await heading(page, "Notifications");
		await page.getByText("Bread that rises").first().waitFor();
		await assertFits(page, "notifications");
		await page.goto(`${base}/school#/learning`);
		await heading(page, "Your courses");
		await page.getByRole("heading", { name: "Completed" }).waitFor();
		await assertFits(page, "learning");
		await page.goto(`${base}/school#/account`);
		await heading(page, "Account");
		await page.getByRole("heading", { name: "What we tell you" }).waitFor();
		await assertFits(page, "account");
		await page.goto(`${base}/school#/account/purchases`);
		await page.getByText("Paid", { exact: true }).waitFor();
		await assertFits(page, "purchases");

		await page.goto(`${base}/school#/courses/${courseId}`);
		await page.getByText("Write a review").click();
		await page.getByRole("radio", { name: "5 of 5" }).check();
		await page.getByLabel(/In your words/).fill("My third loaf had holes. Real ones.");
		await assertFits(page, "review form");
		await page.getByRole("button", { name: "Send review" }).click();
		await page.locator(".review").getByText("My third loaf had holes. Real ones.").waitFor();
		await page.locator(".review").getByRole("img", { name: "5.0 of 5", exact: true }).waitFor();
		await assertFits(page, "reviewed course");
		assert.deepEqual(faults, []);
	}

	/** What happens to somebody is told while they look at another page; then they give back what they bought. */
	async function toldWalk(t: TestContext, base: string, also: readonly string[]): Promise<void> {
		const { courseId } = await makeCourse(base, { title: "Flat loaves" });
		const { page, faults } = await open(t, base, { colorScheme: "dark", also });
		const purchase = await openPayment(base, courseId);
		const isLive = Promise.withResolvers<void>();
		page.on("websocket", socket =>
			socket.on("framereceived", ({ payload }) => {
				// That Socket.IO has let it in.
				if (String(payload).startsWith("40")) isLive.resolve();
			}),
		);
		await signIn(page, base, purchase.student.email);
		await page.getByRole("link", { name: "Notifications", exact: true }).waitFor();
		await isLive.promise;
		await completePayment(base, purchase, "succeed");
		await page
			.locator(".toast")
			.getByText(/enrolled in Flat loaves/)
			.waitFor();
		await page.getByRole("link", { name: /Notifications, [12] unread/ }).waitFor();

		await page.goto(`${base}/school#/account/purchases`);
		await page.getByRole("button", { name: "Ask for a refund" }).click();
		await page.getByText("$24.00 of $24.00 go back to you").waitFor();
		await assertFits(page, "refund");
		await page.getByRole("button", { name: "Give it back" }).click();
		await page.locator(".tag").getByText("Given back", { exact: true }).waitFor();
		await hasSeat(base, purchase, "dropped");
		await page.goto(`${base}/school#/learning`);
		await page.getByRole("heading", { name: "You have no courses yet" }).waitFor();
		await assertFits(page, "no courses");
		assert.deepEqual(faults, []);
	}

	describe("walks", { concurrency: 3 }, () => {
		test("a student finds, buys, watches, completes, 390 px wide", async t => {
			const { base } = await openSchool(t);
			await studentWalk(t, base, { width: 390 });
		});

		test("a teacher makes a course, orders it by keyboard, and uploads through a line that breaks and a reload", async t => {
			const { node, base } = await openSchool(t);
			const { page, context, faults } = await open(t, base, { width: 390 });
			page.on("response", answer => {
				const { pathname } = new URL(answer.url());
				if (answer.status() === 404) faults.push(`no ${pathname}`);
			});
			await page.goto(`${base}/school#/sign-up`);
			await signUp(page, { name: "Teacher One", role: "Teach" });
			await heading(page, "Your teaching");
			await assertFits(page, "no courses yet");
			await page.getByRole("link", { name: "Make a course" }).click();
			await heading(page, "New course");
			await page.getByLabel("Title").fill("Bread that rises");
			await page.getByLabel("Price").fill("24");
			await assertFits(page, "new course");
			await page.getByRole("button", { name: "Make a draft" }).click();
			await heading(page, "Bread that rises");
			const courseId = /teach\/(crs_[\w-]+)/.exec(page.url())?.[1] as string;

			await page.getByRole("button", { name: "Add section" }).click();
			await page.getByRole("dialog").getByLabel("Title").fill("The starter");
			await assertFits(page, "a dialog");
			await page.keyboard.press("Enter");
			for (const title of ["Feeding it", "What lives in the jar"]) {
				await page.getByRole("button", { name: "Add lecture to The starter" }).click();
				await page.getByRole("dialog").getByLabel("Title").fill(title);
				await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
				await page.getByText(title).first().waitFor();
			}
			const up = page.getByRole("button", { name: "Move What lives in the jar up" });
			await up.focus();
			await page.keyboard.press("Enter");
			await page.getByText("What lives in the jar: 1 of 2 in The starter").waitFor();
			assert.equal(
				await page.evaluate("document.activeElement.getAttribute('aria-label')"),
				"Move What lives in the jar up",
				"the focus stays with what was moved",
			);
			const titles = async () => {
				const { token } = (await page.evaluate(
					"({ token: JSON.parse(localStorage['zeolite.session']).accessToken })",
				)) as { token: string };
				const { body } = await send(base, "GET", `/api/courses/${courseId}`, { token });
				return body.sections[0].lectures.map(({ title }: { title: string }) => title);
			};
			await eventually(titles, all => all[0] === "What lives in the jar");
			await assertFits(page, "editor");

			const line = await context.newCDPSession(page);
			await line.send("Network.enable");
			/** Bytes a second; none: it is broken. */
			const carries = (bytes: number) =>
				line.send("Network.emulateNetworkConditions", {
					offline: bytes === 0,
					latency: 20,
					downloadThroughput: -1,
					uploadThroughput: bytes,
				});
			const [quick, hardly, broken] = [6_000_000, 10_000, 0];
			await carries(quick);
			const path = longFilm(30 * 1_024 * 1_024);
			const sent: string[] = [];
			page.on("requestfinished", request => {
				if (request.method() === "PUT" && request.url().includes("/uploads/"))
					sent.push(request.url());
			});
			const chosen = () => page.locator("input[type=file]").first().setInputFiles(path);
			const beyond = (share: number) =>
				eventually(
					() => page.evaluate("document.querySelector('.uploading progress')?.value ?? 0"),
					value => Number(value) > share,
					20_000,
				);
			await chosen();
			await beyond(25);
			await carries(hardly);
			await assertFits(page, "an upload");
			await carries(broken);
			await page.getByText(/Connection lost at \d+ %/).waitFor();
			await carries(quick);
			await beyond(50);
			await carries(hardly);
			const before = sent.length;
			assert.ok(before > 0);
			page.on("dialog", dialog => void dialog.accept());
			await page.reload();
			await page.getByText(/The upload of long\.mp4 \(31 MB\) broke off/).waitFor();
			await assertFits(page, "an upload that broke off");
			await carries(quick);
			await chosen();
			await page.getByText("Video ready").waitFor({ timeout: 30_000 });
			const parts = 6;
			assert.ok(
				sent.length <= parts,
				`${before} parts, and ${sent.length - before} after the reload`,
			);
			await page.getByText("2 s").first().waitFor();

			await page
				.locator("input[type=file]")
				.nth(1)
				.setInputFiles({
					name: "notes.mp4",
					mimeType: "video/mp4",
					buffer: Buffer.from("This is no video at all, whatever its name says."),
				});
			await page.getByText("Video failed").waitFor();
			await assertFits(page, "a file that is no video");

			await page.getByRole("button", { name: "Publish" }).click();
			await page.getByText("Published", { exact: true }).waitFor();
			const purchase = await openPayment(base, courseId);
			await completePayment(base, purchase, "succeed");
			await hasSeat(base, purchase, "active");
			await page.getByRole("link", { name: "Students" }).click();
			await heading(page, "Students");
			await page.getByText("A student").waitFor();
			await settled(node);
			await page.goto(`${base}/school#/teach`);
			await page.getByRole("img", { name: /Revenue by day, \$24\.00 in/ }).waitFor();
			await assertFits(page, "teaching");
			await page.goto(`${base}/school#/teach/${courseId}/students`);
			await heading(page, "Students");
			await assertFits(page, "students");
			await page.goto(`${base}/school#/teach/${courseId}`);
			await page.getByText("Video ready").waitFor();
			await page.getByText("Video failed").waitFor();
			assert.deepEqual(faults, []);
		});

		test("a stream of Mux's is played with its token, and with no other's and no old one", async t => {
			const mux = await FakeMux.start(t);
			const { base } = await openSchool(t, mux.env);
			const lengths = [4, 20];
			const { courseId, lectureIds } = await makeCourse(base, {
				price: 0,
				async encode(fileId) {
					const [asset] = await eventually(
						async () => mux.of(fileId),
						made => made.length === 1,
					);
					const event = mux.finish(asset as MuxAsset, lengths.shift());
					assert.deepEqual(await mux.deliver(base, [event]), [200]);
				},
			});
			const [first, second] = lectureIds as [string, string];
			const { token, email } = await register(base);
			const ask = async (method: string, path: string, body?: object) =>
				(await send(base, method, path, { token, body })).body;
			await ask("POST", "/api/enrollments", { courseId });

			const { page, context, faults } = await open(t, base, { also: edgeOrigins });
			const opened: string[] = [];
			let late = 0;
			await context.route(/^https:\/\/[\w.-]+\.mux\.com\//, route => {
				const { host } = new URL(route.request().url());
				const isPlaylist = host.startsWith("stream");
				const answer = mux.edge(
					route.request().url(),
					isPlaylist && late-- > 0 ? Date.now() + 86_400_000 : Date.now(),
				);
				opened.push(`${answer.status} ${host.split(/[.-]/, 1)}`);
				return route.fulfill(answer);
			});
			await signIn(page, base, email, `#/learn/${courseId}/${first}`);
			await heading(page, "What lives in the jar");
			await watch(page);
			await page.getByText("Lecture completed.").waitFor();
			const path = `/api/enrollments/course/${courseId}`;
			const { lectures } = await ask("GET", path);
			assert.equal(lectures[first].completed, true, JSON.stringify(lectures));
			assert.equal(
				opened.sort().join(),
				"200 chunk,200 chunk,200 image,200 manifest,200 stream",
				"all of the stream by what signs it, once",
			);
			assert.match(
				String(await page.evaluate("document.querySelector('#video').currentSrc")),
				/^blob:/,
			);

			await ask("PATCH", `${path}/progress`, { lectureId: second, intervals: [[0, 6]] });
			opened.length = 0;
			late = 1;
			page.on("request", request => {
				if (request.url().endsWith(`/api/lectures/${second}`)) opened.push("asked");
			});
			await page.getByRole("link", { name: "Next" }).click();
			await heading(page, "Feeding it");
			await eventually(
				() => page.evaluate("document.querySelector('#video')?.currentTime ?? 0"),
				at => at === 6,
			);
			assert.deepEqual(
				opened.filter(one => /asked|stream/.test(one)),
				["asked", "403 stream", "asked", "200 stream"],
				"a fresh address was asked for, and one goes on where one was",
			);

			const cannot = page.getByText("This video cannot be played at the moment.");
			late = 2;
			await page.reload();
			await cannot.waitFor();
			await assertFits(page, "a video that cannot be played");
			await page.getByRole("button", { name: "Try again" }).click();
			await loaded(page);

			const other = new URL((await ask("GET", `/api/lectures/${first}`)).videoUrl).search;
			await page.route(`**/api/lectures/${second}`, async route => {
				const response = await route.fetch();
				const lecture = await response.json();
				const videoUrl = lecture.videoUrl.replace(/\?.*/, other);
				await route.fulfill({ response, json: { ...lecture, videoUrl } });
			});
			await page.reload();
			await cannot.waitFor();

			const policy = directives((await send(base, "GET", "/school")).headers);
			assert.deepEqual(
				["connect-src", "media-src", "img-src"].map(name => policy.get(name)),
				[
					"'self' https://*.mux.com",
					"'self' blob: https://*.mux.com",
					"'self' https://image.mux.com",
				],
			);
			assert.deepEqual(faults, []);
		});

		test("two tabs have one session, which one of them renews; signed out in one is signed out in both", async t => {
			const { base } = await openSchool(t);
			const { page, context, faults } = await open(t, base);
			const { email } = await register(base);
			await signIn(page, base, email, "#/account");
			await heading(page, "Account");
			const other = await context.newPage();
			await other.goto(`${base}/school#/account`);
			await heading(other, "Account");
			const renewed: string[] = [];
			for (const tab of [page, other])
				tab.on("request", request => {
					if (request.url().endsWith("/api/auth/refresh")) renewed.push(request.postData() ?? "");
				});
			// Where no script of the school runs, none renews before both tabs are there again.
			for (const tab of [page, other]) await tab.goto(`${base}/favicon.ico`);
			await page.evaluate(
				`const kept = JSON.parse(localStorage["zeolite.session"]);
			localStorage["zeolite.session"] = JSON.stringify({ ...kept, endsAt: 0 })`,
			);
			await Promise.all([page, other].map(tab => tab.goto(`${base}/school#/account`)));
			for (const tab of [page, other])
				await tab.getByRole("heading", { name: "What we tell you" }).waitFor();
			assert.equal(renewed.length, 1);
			await other.getByRole("button", { name: "Sign out" }).click();
			await page.getByRole("link", { name: "Sign in" }).waitFor();
			await heading(page, "Sign in");
			assert.equal(await page.evaluate("localStorage.getItem('zeolite.session')"), null);
			assert.deepEqual(faults, []);
		});

		test("what fails is said in plain words, and can be tried again", async t => {
			const { base } = await openSchool(t);
			const { page, faults } = await open(t, base, { width: 390 });
			await page.route("**/api/courses?**", route => route.abort());
			await page.goto(`${base}/`);
			await page.getByText("The school does not answer.").waitFor();
			await assertFits(page, "no answer");
			await page.unroute("**/api/courses?**");
			await page.getByRole("button", { name: "Try again" }).click();
			await page.getByText("No courses yet").waitFor();
			await assertFits(page, "no courses at all");

			const { email, token } = await register(base);
			await page.goto(`${base}/school#/sign-up`);
			await page.getByLabel("Your name").fill("Ada");
			await page.getByLabel("E-mail").fill(email);
			await page.getByLabel("Password").fill(password);
			const make = page.getByRole("button", { name: "Make an account" });
			await make.click();
			await page.getByText("There is an account with this e-mail already.").waitFor();
			await page.getByLabel("E-mail").fill("ada@nowhere");
			await make.click();
			await page.locator("#email-error").filter({ hasText: /./ }).waitFor();
			assert.equal(await page.getByLabel("E-mail").getAttribute("aria-invalid"), "true");
			assert.equal(await page.evaluate("document.activeElement.id"), "email");
			await assertFits(page, "a refused form");

			await page.goto(`${base}/school#/courses/crs_none`);
			await heading(page, "There is nothing here");
			await page.goto(`${base}/school#/teach`);
			await heading(page, "Sign in");
			await page.goto(`${base}/school#/forgot`);
			await page.getByLabel("E-mail").fill(email);
			await page.getByRole("button", { name: "Send the link" }).click();
			await page.getByText("a mail with a link is on its way").waitFor();
			await assertFits(page, "forgot");
			const mails = await eventually(
				() => send(base, "GET", "/api/sandbox/mails", { token }),
				({ body }) => JSON.stringify(body).includes("#/reset"),
			);
			const link = /http[^"\\\s]+#\/reset[^"\\\s<]+/.exec(
				JSON.stringify(mails.body),
			)?.[0] as string;
			await page.goto(link);
			await heading(page, "Choose a new password");
			await assertFits(page, "reset");
			await page.getByRole("textbox", { name: "New password" }).fill("another password");
			await page.getByRole("button", { name: "Change password" }).click();
			await heading(page, "Sign in");
			await page.getByLabel("E-mail").fill(email);
			await page.getByLabel("Password").fill("another password");
			await page.getByRole("button", { name: "Sign in" }).click();
			await heading(page, /Learn it/);
			assert.deepEqual(faults, []);
		});
	});

	if (servers)
		test("on a mesh, behind a balancer of two gateways, with files in an S3 store of another origin", {
			concurrency: true,
		}, async t => {
			const { env, client } = await newBucket(t, servers.s3);
			const port = await freePort();
			const base = `http://127.0.0.1:${port}`;
			await client.send(
				new PutBucketCorsCommand({
					Bucket: env.AWS_S3_BUCKET,
					CORSConfiguration: {
						CORSRules: [
							{
								AllowedOrigins: [base],
								AllowedMethods: ["PUT", "GET", "HEAD"],
								AllowedHeaders: ["content-type", "range"],
							},
						],
					},
				}),
			);
			// What is begun first ends first: the nodes let go of the browser, and of Redis.
			const gateways: number[] = [];
			await balance(t, port, gateways);
			const fanOut = await redis();
			const opened = await openMesh(t, {
				...env,
				NATS_URL: servers.nats.url,
				MONGO_URL: servers.mongo.url,
				PUBLIC_URL: base,
				...(fanOut && { REDIS_URL: fanOut.url }),
			});
			gateways.push(...opened);
			t.after(() => fanOut?.stop());
			const also = [env.S3_ENDPOINT];
			await Promise.all([
				t.test("a student finds, buys, watches, completes, 1280 px wide", t =>
					studentWalk(t, base, { colorScheme: "dark", also }),
				),
				t.test("what happens is told at once, and a purchase is given back", t =>
					toldWalk(t, base, also),
				),
				t.test("a video goes up in parts and is played", async t => {
					const teacher = await register(base, "teacher");
					const ask = async (path: string, body: object) =>
						(await send(base, "POST", path, { token: teacher.token, body })).body;
					const course = await ask("/api/courses", { title: "Afar" });
					const section = await ask(`/api/courses/${course.id}/sections`, { title: "One" });
					const { id } = await ask(`/api/sections/${section.id}/lectures`, { title: "First" });
					const { page, faults } = await open(t, base, { also });
					await signIn(page, base, teacher.email, `#/teach/${course.id}`);
					await page.locator("input[type=file]").setInputFiles(longFilm(11 * 1_024 * 1_024));
					await page.getByText("Video ready").waitFor();
					await page.goto(`${base}/school#/learn/${course.id}/${id}`);
					await watch(page);
					const played = await page.evaluate("document.querySelector('#video').currentSrc");
					assert.ok(String(played).startsWith(env.S3_ENDPOINT), String(played));
					assert.deepEqual(faults, []);
				}),
			]);
		});
}
