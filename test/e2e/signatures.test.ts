import assert from "node:assert/strict";
import { test } from "node:test";
import { type ForgeMesh, inParallel, openForgeMesh } from "../support/forge-mesh.ts";
import {
	newNonce,
	type Outgoing,
	outgoing,
	type Signable,
	transmit,
} from "../support/forge-signature.ts";
import { register } from "../support/http.ts";
import { publishCourse } from "../support/journey.ts";
import { needs } from "../support/servers.ts";

const secret = "a-secret-for-tests-0123456789abcdef";
const refused = "401 SERVICE_SIGNATURE_INVALID";
const replays = 1_000;

/** A character that differs in its last bit. */
const flip = (text: string, at: number): string =>
	text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1) + text.slice(at + 1);
const flips = (text: string): string[] => Array.from(text, (_, at) => flip(text, at));

/** How many of each. */
const tally = (outcomes: readonly string[]): Record<string, number> => {
	const counts: Record<string, number> = {};
	for (const outcome of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1;
	return counts;
};

const servers = await needs("nats", "mongo");
if (servers)
	test("other systems' signatures", async t => {
		const mesh: ForgeMesh = await openForgeMesh(t, servers);
		const [one, two] = mesh.gateways;
		const { courseId } = await publishCourse(one.url);
		const student = await register(one.url);
		const now = () => Math.floor(mesh.clock.now() / 1000);
		const fresh = () => ({ time: now(), nonce: newNonce(), secret });
		const read = (change: Partial<Signable> = {}): Signable => ({
			...fresh(),
			name: "payment-service",
			method: "GET",
			target: `/api/courses/internal/${courseId}?a=1&b=${"x".repeat(8)}`,
			body: "",
			...change,
		});
		const write = (change: Partial<Signable> = {}): Signable => ({
			...fresh(),
			name: "payment-service",
			method: "POST",
			target: "/api/payments/internal/create?c=1",
			body: JSON.stringify({ userId: student.id, courseId, paymentMethod: "stripe" }),
			...change,
		});
		const kinds = [
			["a read", read, "200"],
			["a write", write, "20"],
		] as const;

		for (const [kind, make, good] of kinds) {
			await t.test(
				`${kind} passes as it was signed, and with any byte changed does not`,
				async () => {
					const signed = outgoing(make());
					const signature = signed.headers["x-service-signature"] as string;
					const withHeaders = (change: Record<string, string>): Outgoing => ({
						...signed,
						headers: { ...signed.headers, ...change },
					});
					const path = signed.target.split("?")[0] as string;
					const variable = kind === "a read" ? path.length - courseId.length : path.length;
					const changed: Outgoing[] = [
						...flips(signature).map(text => withHeaders({ "x-service-signature": text })),
						...flips("payment-service").map(text => withHeaders({ "x-service-name": text })),
						...flips(signed.target)
							.filter((_, at) => at >= variable && signed.target[at] !== "?")
							.map(target => ({ ...signed, target })),
						...flips(signed.body.toString("latin1")).map(text => ({
							...signed,
							body: Buffer.from(text, "latin1"),
						})),
						{ ...signed, target: `${signed.target}&` },
						{ ...signed, target: `${signed.target}#` },
						{ ...signed, target: path },
						{ ...signed, target: `${path}?` },
						...(kind === "a write"
							? [
									{ ...signed, body: Buffer.concat([signed.body, Buffer.from("\n")]) },
									{ ...signed, body: Buffer.concat([Buffer.from(" "), signed.body]) },
									{ ...signed, body: Buffer.alloc(0) },
								]
							: [{ ...signed, method: "HEAD" }]),
						withHeaders({ "x-service-signature": "" }),
						withHeaders({ "x-service-name": "" }),
						withHeaders({ "x-service-name": "toString" }),
						withHeaders({ "x-service-signature": signature.toUpperCase() }),
						withHeaders({ "x-service-signature": `${signature},v1=${"0".repeat(64)}` }),
					];
					const outcomes = await inParallel(changed.length, 8, i =>
						transmit(mesh.gateways[i % 2]?.url as string, changed[i] as Outgoing),
					);
					const others = outcomes
						.map((outcome, i) => ({ outcome, sent: changed[i] as Outgoing }))
						.filter(({ outcome, sent }) =>
							sent.method === "HEAD" ? outcome !== "401" : outcome !== refused,
						)
						.map(
							({ outcome, sent }) =>
								`${outcome}: ${sent.target} ${sent.body} ${JSON.stringify(sent.headers)}`,
						);
					assert.deepEqual(others, []);
					assert.ok(changed.length > 120, String(changed.length));

					const elsewhere = await inParallel(variable, 8, i =>
						transmit(one.url, { ...signed, target: flip(signed.target, i + (i === 0 ? 1 : 0)) }),
					);
					assert.deepEqual(
						elsewhere.filter(outcome => !/^40[0145]/.test(outcome)),
						[],
					);
					for (const method of ["PUT", "PATCH", "DELETE", kind === "a read" ? "POST" : "GET"])
						assert.match(await transmit(one.url, { ...signed, method }), /^40[145] /, method);

					assert.ok(
						(await transmit(two.url, signed)).startsWith(good),
						"nothing used its nonce up",
					);
				},
			);

			await t.test(`${kind} passes once of ${replays} times, by both gateways`, async () => {
				const signed = outgoing(make());
				const send = (i: number) => transmit(mesh.gateways[i % 2]?.url as string, signed);
				const outcomes = tally(await inParallel(replays + 1, 24, send));
				assert.equal(outcomes[refused], replays, JSON.stringify(outcomes));
				assert.match(Object.keys(outcomes).join(), new RegExp(`(^|,)${good}`));
				const third = await mesh.addGateway();
				assert.equal(await transmit(third.url, signed), refused, "by one that came later");
			});
		}

		await t.test("a nonce is of one name and one secret's holder alone", async () => {
			const nonce = newNonce();
			const wrong = outgoing(read({ nonce, secret: "another secret" }));
			assert.equal(await transmit(one.url, wrong), refused);
			assert.equal(await transmit(one.url, outgoing(read({ nonce }))), "200");
			const file = outgoing(read({ nonce, name: "file-service" }));
			assert.equal(await transmit(one.url, file), "200", "another system's own");
			assert.equal(await transmit(one.url, outgoing(read({ nonce }))), refused);
			for (const other of ["short12", "x".repeat(65), "with.a.dot", "with space", ""])
				assert.equal(await transmit(one.url, outgoing(read({ nonce: other }))), refused, other);
		});

		await t.test("the same by a former path has to be signed as such", async () => {
			const target = `/internal/course/${courseId}`;
			const signable = read({ target: `/api/courses/internal/${courseId}` });
			assert.equal(await transmit(one.url, { ...outgoing(signable), target }), refused);
			assert.equal(await transmit(one.url, outgoing({ ...signable, target })), "200");
		});

		await t.test("a name the route is not open to is 403, a user's token 403 or 401", async () => {
			const file = outgoing(write({ name: "file-service" }));
			assert.equal(await transmit(one.url, file), "403 FORBIDDEN");
			const { headers, ...rest } = outgoing(read());
			const authorization = `Bearer ${student.token}`;
			assert.equal(
				await transmit(one.url, { ...rest, headers: { authorization } }),
				"403 FORBIDDEN",
			);
			const forged = { ...headers, authorization: "Bearer a.b.c" };
			assert.equal(await transmit(one.url, { ...rest, headers: forged }), "401 UNAUTHENTICATED");
		});

		await t.test("the former secret holds while both are there, and no longer", async () => {
			const next = "the-next-secret-of-the-deployment-0123456789";
			const both = await mesh.addGateway({ SERVICE_SECRET_KEY: `${next},${secret}` });
			assert.equal(await transmit(both.url, outgoing(read())), "200");
			assert.equal(await transmit(both.url, outgoing(read({ secret: next }))), "200");
			const done = await mesh.addGateway({ SERVICE_SECRET_KEY: next });
			assert.equal(await transmit(done.url, outgoing(read())), refused);
			assert.equal(await transmit(done.url, outgoing(read({ secret: next }))), "200");
			assert.equal(await transmit(done.url, outgoing(read({ secret: "" }))), refused);
			const twice = outgoing(read({ secret: next }));
			assert.equal(await transmit(both.url, twice), "200");
			assert.equal(await transmit(done.url, twice), refused);
		});

		await t.test(
			"a key of its own is asked for beside the signature, where one is set",
			async () => {
				const keyed = await mesh.addGateway({ PAYMENT_SERVICE_API_KEY: "the key of payments" });
				const withKey = (key?: string): Outgoing => {
					const { headers, ...rest } = outgoing(read());
					return { ...rest, headers: { ...headers, ...(key && { "x-service-key": key }) } };
				};
				assert.equal(await transmit(keyed.url, withKey()), refused);
				assert.equal(await transmit(keyed.url, withKey("the key of Payments")), refused);
				assert.equal(await transmit(keyed.url, withKey("the key of payments")), "200");
			},
		);

		await t.test(
			"300 s off passes either way, 301 s does not, and a purge lets nothing in",
			async () => {
				const at = Math.floor(Date.now() / 1000);
				const clock = { ms: at * 1000, now: () => clock.ms };
				const still = await mesh.addGateway({}, clock);
				const ask = (change: Partial<Signable>) => transmit(still.url, outgoing(read(change)));
				assert.equal(await ask({ time: at - 300 }), "200");
				assert.equal(await ask({ time: at - 301 }), refused);
				assert.equal(await ask({ time: at + 301 }), refused);
				const ahead = outgoing(read({ time: at + 300 }));
				assert.equal(await transmit(still.url, ahead), "200");
				for (const seconds of [600, 600.001, 601]) {
					clock.ms = (at + seconds) * 1000;
					await (still.node.broker as unknown as { call(name: string): Promise<unknown> }).call(
						"api.forget",
					);
					assert.equal(await transmit(still.url, ahead), refused, `after ${seconds} s`);
				}
				for (const time of ["-1", "1e9", "0x10", "", " 1", `${at}.5`]) {
					const { headers, ...rest } = outgoing(read());
					const signature = (headers["x-service-signature"] as string).replace(
						/t=\d+/,
						`t=${time}`,
					);
					const sent = { ...rest, headers: { ...headers, "x-service-signature": signature } };
					assert.equal(await transmit(still.url, sent), refused, time);
				}
			},
		);
	});
