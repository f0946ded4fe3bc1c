import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import type { Broker } from "../../../kernel/contract.ts";
import type { Collection } from "../../../kernel/store/collection.ts";
import type { MailDoc } from "../../../models/engagement/mail.model.ts";
import { eventually } from "../../support/http.ts";
import { signUp } from "../../support/identity.ts";
import { startNode } from "../../support/node.ts";
import { freePort } from "../../support/ports.ts";

interface Received {
	to: string[];
	/** With its headings, unfolded. */
	message: string;
}

/** A mail server that can be told what to do. */
class Postmaster {
	readonly port: number;
	readonly received: Received[] = [];
	/** Takes the mail and hangs up before it says so. */
	loses = false;
	refusal: { code: number; text: string } | undefined;
	#server: SMTPServer | undefined;

	constructor(port: number) {
		this.port = port;
	}

	async open(): Promise<void> {
		const options: SMTPServerOptions = {
			disabledCommands: ["STARTTLS"],
			onAuth: ({ username, password }, _session, done) =>
				username === "school" && password === "p@ss"
					? done(null, { user: username })
					: done(new Error("no")),
			onRcptTo: (_address, _session, done) => {
				if (!this.refusal) return done();
				const { code, text } = this.refusal;
				done(Object.assign(new Error(text), { responseCode: code }));
			},
			onData: (stream, session, done) => {
				const chunks: Buffer[] = [];
				stream.on("data", chunk => chunks.push(chunk));
				stream.on("end", () => {
					const message = Buffer.concat(chunks)
						.toString()
						.replace(/\r\n[ \t]+/g, " ");
					const to = session.envelope.rcptTo.map(({ address }) => address);
					this.received.push({ to, message });
					if (!this.loses) return done();
					for (const connection of server.connections as Set<{ _socket: { destroy(): void } }>)
						connection._socket.destroy();
				});
			},
		};
		const server = new SMTPServer(options);
		server.on("error", () => {});
		this.#server = server;
		await new Promise<void>(resolve => server.listen(this.port, "127.0.0.1", () => resolve()));
	}

	async close(): Promise<void> {
		await new Promise<void>(resolve => this.#server?.close(() => resolve()) ?? resolve());
		this.#server = undefined;
	}

	/** A heading of each that came. */
	headings(name: string): string[] {
		const pattern = new RegExp(`^${name}: (.*)$`, "im");
		return this.received.map(({ message }) => pattern.exec(message)?.[1]?.trim() ?? "");
	}
}

async function open(t: TestContext) {
	const postmaster = new Postmaster(await freePort());
	t.after(() => postmaster.close());
	const clock = { aheadMs: 0, now: () => Date.now() + clock.aheadMs };
	const services = "identity,engagement";
	const node = await startNode(t, {
		env: {
			SERVICES: services,
			MESH: services,
			SERVICE_SECRET_KEY: "s".repeat(32),
			SMTP_URL: `smtp://school:p%40ss@127.0.0.1:${postmaster.port}/?from=The%20School%20%3Cschool@example.org%3E`,
			PUBLIC_URL: "https://school.example",
		},
		clock,
	});
	const logged: string[] = [];
	const service = node.broker.getLocalService("mail") as unknown as {
		mails: Collection<MailDoc>;
		logger: { warn(message: string): void };
	};
	t.mock.method(service.logger, "warn", (...words: unknown[]) => void logged.push(words.join(" ")));
	const broker = node.broker as unknown as Broker;
	const call = broker.call.bind(broker) as Broker["call"];
	const send = async (key: string, userId: string) =>
		call("mail.send", {
			key,
			userId,
			template: "notification",
			data: { title: `Zahlung für ${key}`, body: "Danke.", path: "/school#/x" },
			unsubscribeUrl: "https://school.example/api/notifications/unsubscribe/t",
		});
	const stateOf = async (id: string) => (await service.mails.get(id)) as MailDoc;
	/** Until a mail is in this state. */
	const becomes = (id: string, state: string) =>
		eventually(
			() => stateOf(id),
			mail => mail.state === state,
		);
	return { node, call, clock, postmaster, send, stateOf, becomes, logged };
}

test("mails wait while the server is away and go once; what registering sends has its link", async t => {
	const { node, call, clock, postmaster, send, becomes, stateOf, logged } = await open(t);
	const who = await signUp(node);
	const ids: string[] = [];
	for (let i = 0; i < 10; i++) ids.push((await send(`k${i}`, who.user.id)).id);
	for (let i = 0; i < 10; i++) await send(`k${i}`, who.user.id);
	await eventually(
		async () => logged.length,
		count => count > 0,
	);
	for (const id of ids) assert.equal((await stateOf(id)).state, "waiting");
	await postmaster.open();
	// Less in all than whoever sends one may take for it.
	for (let i = 0; i < 5; i++) {
		clock.aheadMs += 20_000;
		await call("mail.sendDue");
	}
	for (const id of ids) await becomes(id, "sent");
	assert.equal(postmaster.received.length, 11);
	assert.equal(new Set(postmaster.headings("Message-ID")).size, 11);
	assert.ok(postmaster.received.every(({ to }) => to.length === 1 && to[0] === who.email));
	const verification = postmaster.received.find(({ message }) =>
		/Confirm your e-mail/.test(message),
	);
	assert.match(
		String(verification?.message).replace(/=\r\n/g, "").replace(/=3D/g, "="),
		/https:\/\/school\.example\/school#\/verify-email\?token=usr_[\w.-]+/,
	);
	assert.ok(!logged.join("\n").includes(who.email), logged.join("\n"));
});

test("a mail carries who it is from, one id, and how its kind is turned off by one click", async t => {
	const { node, postmaster, send, becomes } = await open(t);
	await postmaster.open();
	const who = await signUp(node);
	await becomes((await send("k", who.user.id)).id, "sent");
	const i = postmaster.headings("List-Unsubscribe").findIndex(Boolean);
	const heading = (name: string) => postmaster.headings(name)[i];
	assert.equal(heading("From"), "The School <school@example.org>");
	assert.match(heading("Message-ID") as string, /^<[0-9a-f]{40}@school\.example>$/);
	assert.equal(
		heading("List-Unsubscribe"),
		"<https://school.example/api/notifications/unsubscribe/t>",
	);
	assert.equal(heading("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
	assert.equal(heading("Auto-Submitted"), "auto-generated");
	assert.match(heading("Subject") as string, /^=\?UTF-8\?Q\?Zahlung/);
	assert.match(heading("Content-Type") as string, /^multipart\/alternative/);
});

test("where the server's answer is lost the mail goes again under its own id, and a refusal parks it", async t => {
	const { node, call, clock, postmaster, send, becomes, stateOf, logged } = await open(t);
	await postmaster.open();
	const who = await signUp(node);
	await eventually(
		async () => postmaster.received.length,
		count => count === 1,
	);
	postmaster.loses = true;
	const { id } = await send("lost", who.user.id);
	await eventually(
		async () => (await stateOf(id)).lastError,
		error => error !== undefined,
	);
	postmaster.loses = false;
	clock.aheadMs += 130_000;
	await call("mail.sendDue");
	await becomes(id, "sent");
	const [, first, second] = postmaster.headings("Message-ID");
	assert.equal(postmaster.received.length, 3);
	assert.equal(first, second);

	postmaster.refusal = { code: 550, text: `no such user ${who.email}` };
	const refused = (await send("refused", who.user.id)).id;
	const parked = await becomes(refused, "parked");
	assert.equal(parked.lastError, "EENVELOPE 550");
	assert.ok(!logged.join("\n").includes(who.email), logged.join("\n"));
	postmaster.refusal = undefined;
	assert.equal((await call("mail.retry", { id: refused })).state, "waiting");
	await call("mail.sendDue");
	await becomes(refused, "sent");

	postmaster.refusal = { code: 451, text: "later" };
	const later = (await send("later", who.user.id)).id;
	await eventually(
		async () => (await stateOf(later)).lastError,
		error => error === "EENVELOPE 451",
	);
	assert.equal((await stateOf(later)).state, "waiting");
});
