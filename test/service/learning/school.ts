import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { Broker, Params } from "../../../kernel/contract.ts";
import { codeOf } from "../../../kernel/errors.ts";
import type { Consumer } from "../../../kernel/facts/consumer.ts";
import type { StoredFact } from "../../../kernel/facts/contract.ts";
import type { Node } from "../../../kernel/node.ts";
import type { Collection } from "../../../kernel/store/collection.ts";
import type { Doc } from "../../../kernel/store/model.ts";
import type { Course } from "../../../services/learning/courses/courses.contract.ts";
import { eventually } from "../../support/http.ts";
import { type SignedUp, signUp } from "../../support/identity.ts";
import { startNode } from "../../support/node.ts";

const services = "identity,learning,engagement,money";
const receiptsKeptMs = 91 * 86_400_000;

/** Calling options of who holds this access token. */
export const as = ({ token }: Pick<SignedUp, "token">, seed?: string) => ({
	headers: { token, ...(seed && { seed }) },
});

/** Calling options of another system's server. */
export const asService = (service: string) => ({ headers: { service } });

export { outcome } from "../../support/outcome.ts";

/** The places of a VALIDATION_ERROR. */
export async function placesOf(answer: Promise<unknown>): Promise<string[]> {
	try {
		await answer;
	} catch (error) {
		assert.equal(codeOf(error), "VALIDATION_ERROR", String(error));
		const { data } = error as { data: { errors?: { path: string }[] } & { path: string }[] };
		return (data.errors ?? data).map(({ path }) => path);
	}
	assert.fail("it was taken");
}

export const twenty = <T>(ask: (i: number) => Promise<T>): Promise<T[]> =>
	Promise.all(Array.from({ length: 20 }, (_, i) => ask(i)));

/** How often each value is there. */
export const tally = (values: readonly (string | undefined)[]): Record<string, number> => {
	const counts: Record<string, number> = {};
	for (const value of values) counts[String(value)] = (counts[String(value)] ?? 0) + 1;
	return counts;
};

export interface School {
	node: Node;
	call: Broker["call"];
	/** Moved by tests; runs on by itself. */
	clock: { aheadMs: number; now(): number };
	teacher: SignedUp;
	student: SignedUp;
	person(role?: "student" | "teacher" | "admin"): Promise<SignedUp>;
	/** A course of the teacher's. */
	course(params?: Partial<Params<"courses.create">>, teacher?: SignedUp): Promise<Course>;
	/** A captured payment of a student's for a course, all consequences of it included. */
	pay(student: SignedUp, courseId: string): Promise<string>;
	/** Facts of this name that were told so far, each once. */
	told(name: string): StoredFact[];
	/** Hands a fact to the pipe again, as new to `service` as on the first day. */
	tellAgain(service: string, fact: StoredFact): Promise<void>;
	/** Waits until every fact was handled by all who consume it. */
	settled(): Promise<void>;
	/** A collection of a service's own. */
	store<T extends Doc>(service: string, collection: string): Collection<T>;
}

/** A node with teachers, students, a sandbox to pay at, and a clock. */
export async function openSchool(
	t: TestContext,
	env: Record<string, string> = {},
): Promise<School> {
	const clock = { aheadMs: 0, now: () => Date.now() + clock.aheadMs };
	const node = await startNode(t, { env: { SERVICES: services, MESH: services, ...env }, clock });
	const { pipe } = node.platform;
	const facts = new Map<string, StoredFact>();
	const publish = pipe.publish.bind(pipe);
	t.mock.method(pipe, "publish", (fact: StoredFact, messageId: string) => {
		facts.set(fact.id, fact);
		return publish(fact, messageId);
	});
	const broker = node.broker as unknown as Broker;
	const call: Broker["call"] = broker.call.bind(broker);
	const [teacher, student] = await Promise.all([signUp(node, { role: "teacher" }), signUp(node)]);
	const local = (service: string) => node.broker.getLocalService(service) as never;
	const publishers = ["courses", "enrollments", "payments", "certificates"];
	const sweep = (service: string): Promise<{ pending: number }> =>
		node.broker.call(`${service}.facts.sweep`, {});

	const school: School = {
		node,
		call,
		clock,
		teacher,
		student,
		person: role => signUp(node, role && { role }),
		course: (params = {}, by = teacher) =>
			call("courses.create", { title: "Test Course", ...params }, as(by)),
		async pay(by, courseId) {
			const wanted = { courseId, paymentMethod: "stripe" } as const;
			const { id } = await call("payments.create", wanted, as(by));
			await call("sandbox.complete", { id, outcome: "succeed" }, as(by));
			await school.settled();
			return id;
		},
		told: name => [...facts.values()].filter(fact => fact.name === name),
		async tellAgain(service, fact) {
			await school.settled();
			const { consumer } = local(service) as { consumer: Consumer };
			clock.aheadMs += receiptsKeptMs;
			await consumer.prune();
			clock.aheadMs -= receiptsKeptMs;
			assert.deepEqual(await consumer.states([fact.id]), {}, "its receipt is still there");
			await publish(fact, `${fact.id}:again`);
			await eventually(
				() => consumer.states([fact.id]),
				states => states[fact.id] === "done",
			);
		},
		async settled() {
			await eventually(
				() => Promise.all(publishers.map(sweep)),
				sweeps => sweeps.every(({ pending }) => pending === 0),
			);
		},
		store: (service, collection) => local(service)[collection],
	};
	return school;
}
