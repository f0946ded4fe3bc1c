import assert from "node:assert/strict";
import { test } from "node:test";
import { inParallel, openForgeMesh } from "../support/forge-mesh.ts";
import { type Answer, eventually, type Person, register, send } from "../support/http.ts";
import { needs } from "../support/servers.ts";

const rounds = 100;

const servers = await needs("nats", "mongo");
if (servers)
	test("races of refreshes, by two gateways and two nodes of auth", async t => {
		const mesh = await openForgeMesh(t, servers);
		// A token that was used stays good for 10 s, however long requests take.
		mesh.clock.stop();
		const at = (i: number) => mesh.gateways[i % 2]?.url as string;
		const refresh = (refreshToken: string, i = 0): Promise<Answer> =>
			send(at(i), "POST", "/api/auth/refresh", { body: { refreshToken } });
		const atOnce = (count: number, token: (i: number) => string) =>
			inParallel(count, count, i => refresh(token(i), i));
		const outcomes = (answers: readonly Answer[]) =>
			new Set(answers.map(({ status, body }) => body.code ?? status));
		const successors = (answers: readonly Answer[]): Set<string> =>
			new Set(answers.map(({ body }) => body.refreshToken));
		/** The one successor that all got. */
		const one = (answers: readonly Answer[]): string => {
			assert.deepEqual([...outcomes(answers)], [200]);
			const [next, ...others] = successors(answers);
			assert.deepEqual(others, []);
			return next as string;
		};
		const sessionsOf = async ({ token }: Pick<Person, "token">): Promise<{ id: string }[]> =>
			(await send(at(0), "GET", "/api/auth/sessions", { token })).body.items;
		const isDead = async (person: Pick<Person, "token" | "refreshToken">) => {
			const again = await refresh(person.refreshToken);
			assert.deepEqual([again.status, again.body.code], [401, "SESSION_REVOKED"]);
			for (const i of [0, 1])
				await eventually(
					() => send(at(i), "GET", "/api/auth/me", { token: person.token }),
					({ status }) => status === 401,
				);
		};

		await t.test(
			"two tabs get the same successor, and so does one that asks again in 10 s",
			async () => {
				const person = await register(at(0));
				const next = one(await atOnce(2, () => person.refreshToken));
				assert.notEqual(next, person.refreshToken);
				mesh.clock.forward(9_000);
				assert.equal(one([await refresh(person.refreshToken, 1)]), next);
				const afterNext = one(await atOnce(2, () => next));
				assert.equal(one([await refresh(person.refreshToken)]), next, "though that is spent too");
				assert.equal(one([await refresh(next)]), afterNext);
				assert.equal((await sessionsOf(person)).length, 1);
			},
		);

		await t.test(
			"after 10 s an old one is reuse, and the session is dead on every node",
			async () => {
				const person = await register(at(0));
				const tokens = [person.refreshToken];
				for (let i = 0; i < 3; i++) tokens.push(one([await refresh(tokens.at(-1) as string, i)]));
				const { body } = await refresh(tokens[3] as string);
				mesh.clock.forward(10_100);
				const reused = await refresh(tokens[1] as string, 1);
				assert.deepEqual([reused.status, reused.body.code], [401, "REFRESH_REUSED"]);
				assert.equal(reused.body.refreshToken, undefined);
				for (const refreshToken of [...tokens, body.refreshToken])
					await isDead({ token: body.accessToken, refreshToken });
			},
		);

		await t.test(`${rounds} rounds of 10 at once leave one chain`, async () => {
			const person = await register(at(0));
			const chain = [person.refreshToken];
			for (let round = 0; round < rounds; round++) {
				const current = chain.at(-1) as string;
				const before = chain.at(-2) ?? current;
				// Every third round some still hold the one before, as a tab that slept would.
				const isLate = (i: number) => round % 3 === 2 && i % 4 === 3;
				const answers = await atOnce(10, i => (isLate(i) ? before : current));
				const next = one(answers.filter((_, i) => !isLate(i)));
				const late = answers.filter((_, i) => isLate(i));
				if (late.length > 0) assert.equal(one(late), current);
				chain.push(next);
			}
			assert.equal(new Set(chain).size, rounds + 1);
			const last = await refresh(chain.at(-1) as string);
			assert.equal(last.status, 200);
			assert.equal((await sessionsOf({ token: last.body.accessToken })).length, 1);
			mesh.clock.forward(10_100);
			const stale = await refresh(chain[50] as string);
			assert.equal(stale.body.code, "REFRESH_REUSED", "each link is known as used");
			await isDead({ token: last.body.accessToken, refreshToken: last.body.refreshToken });
		});

		await t.test(`${rounds} times a thief and the owner: the session ends dead`, async () => {
			const seen: Record<string, number> = {};
			await inParallel(rounds, 5, async i => {
				const owner = await register(at(i));
				const stolen = owner.refreshToken;
				const current = one([await refresh(stolen, i)]);
				// The clock is everybody's: moved far enough, each round's own token is old as well.
				mesh.clock.forward(10_100);
				const [first, second] = await Promise.all([refresh(current, i), refresh(stolen, i + 1)]);
				assert.equal(second?.body.code, "REFRESH_REUSED");
				const how = String(first?.body.code ?? first?.status);
				seen[how] = (seen[how] ?? 0) + 1;
				assert.match(how, /^(200|SESSION_REVOKED)$/);
				const left = first?.status === 200 ? first.body.refreshToken : current;
				assert.equal((await refresh(left, i)).body.code, "SESSION_REVOKED");
			});
			t.diagnostic(JSON.stringify(seen));
		});

		await t.test("a refresh beside a logout: none outlives it", async () => {
			await inParallel(30, 5, async i => {
				const person = await register(at(i));
				const [refreshed, out] = await Promise.all([
					refresh(person.refreshToken, i),
					send(at(i + 1), "POST", "/api/auth/logout", { token: person.token, body: {} }),
				]);
				assert.equal(out.status, 204);
				assert.match(String(refreshed.body.code ?? refreshed.status), /^(200|SESSION_REVOKED)$/);
				const left = refreshed.body.refreshToken ?? person.refreshToken;
				assert.equal((await refresh(left)).body.code, "SESSION_REVOKED");
			});
		});

		await t.test("what was made up is REFRESH_INVALID and ends nobody's session", async () => {
			const person = await register(at(0));
			const [id, body, tag] = person.refreshToken.split(".") as [string, string, string];
			const other = (await register(at(0))).refreshToken.split(".") as [string, string, string];
			const letters = (text: string) =>
				text[0] === "A" ? `B${text.slice(1)}` : `A${text.slice(1)}`;
			const madeUp = [
				`${id}.${letters(body)}.${tag}`,
				`${id}.${body}.${letters(tag)}`,
				`${other[0]}.${body}.${tag}`,
				`${id}.${other[1]}.${other[2]}`,
				`${id}.${body}`,
				`${id}.${body}.`,
				`${id}..${tag}`,
				`${person.refreshToken} `,
				person.refreshToken.toUpperCase(),
				person.token.slice(0, 200),
				"x",
			];
			for (const token of madeUp)
				assert.equal((await refresh(token)).body.code, "REFRESH_INVALID", token);
			one([await refresh(person.refreshToken)]);
		});
	});
