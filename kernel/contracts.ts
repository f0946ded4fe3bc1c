import { createHash } from "node:crypto";
import type { TObject, TSchema } from "typebox";
import { auditFactOf } from "./audit.ts";
import {
	type ActionContract,
	accessOf,
	aliasesOf,
	type Contract,
	type Problem,
} from "./contract.ts";
import { platformProblems } from "./errors.ts";
import { consumerActions, publisherActions } from "./facts/contract.ts";
import { parseSchedule } from "./schedules.ts";

/** The contracts do not fit together; `problems` names every place. */
export class ContractError extends Error {
	readonly problems: readonly string[];
	constructor(problems: readonly string[]) {
		super(`The contracts do not fit together:\n${problems.map(p => `  - ${p}`).join("\n")}`);
		this.problems = problems;
	}
}

/** `POST /a/:id` and `POST /a/:name` are one address. */
const address = (alias: string): string => alias.replace(/:[^/]+/g, ":");

/** Every contract of the mesh, known to every node: a route whose service is away is 503, not 404. */
export class Contracts {
	readonly all: readonly Contract[];
	readonly #actions = new Map<string, ActionContract>();
	readonly #factData = new Map<string, TObject>();

	/**
	 * @param sandbox whether actions that exist only with sandbox providers do.
	 * @param disk whether those do that exist only where files lie on disk.
	 * @throws ContractError
	 */
	constructor(contracts: readonly Contract[], sandbox = true, disk = true) {
		const places = { sandbox, disk };
		this.all = contracts;
		for (const contract of contracts) {
			for (const [name, { data }] of Object.entries(contract.facts ?? {}))
				this.#factData.set(name, data);
			const given = {
				...(contract.facts ? publisherActions : {}),
				...(contract.consumes ? consumerActions : {}),
			};
			for (const [name, action] of Object.entries<ActionContract>({
				...given,
				...contract.actions,
			}))
				if (!action.onlyWhere || places[action.onlyWhere])
					this.#actions.set(`${contract.name}.${name}`, action);
		}
		const problems = [...this.#problems()];
		if (problems.length > 0) throw new ContractError(problems);
	}

	/** The contract of an action by its full name (`courses.create`), those that the kernel gives included. */
	action(name: string): ActionContract | undefined {
		return this.#actions.get(name);
	}

	/** Full name → contract of every action. */
	get actions(): ReadonlyMap<string, ActionContract> {
		return this.#actions;
	}

	/** The schema of a fact's data. @throws TypeError for a fact that no contract has. */
	factData(name: string): TObject {
		const data = this.#factData.get(name);
		if (!data) throw new TypeError(`No contract has the fact ${name}`);
		return data;
	}

	/** Names of the services whose contract consumes this fact. */
	consumersOf(fact: string): string[] {
		return this.all.filter(c => c.consumes && fact in c.consumes).map(c => c.name);
	}

	/** The full name of the action that plays a role (`payable:course`). */
	provider(role: string): string | undefined {
		const contract = this.all.find(c => c.provides && role in c.provides);
		return contract && `${contract.name}.${contract.provides?.[role]}`;
	}

	/** The declaration of an error code: the action's own first, then anybody's, then the platform's. */
	problem(code: string, action?: string): Problem | undefined {
		const own = action ? this.#actions.get(action)?.errors : undefined;
		if (own && Object.hasOwn(own, code)) return own[code];
		if (Object.hasOwn(platformProblems, code))
			return platformProblems[code as keyof typeof platformProblems];
		for (const { errors = {} } of this.#actions.values())
			if (Object.hasOwn(errors, code)) return errors[code];
		return undefined;
	}

	*#problems(): Generator<string> {
		const seen = new Map<string, string>();
		const facts = new Map<string, string>();
		const roles = new Map<string, string>();
		for (const { name, facts: told = {}, provides = {} } of this.all) {
			for (const fact of Object.keys(told)) {
				const other = facts.get(fact);
				if (other) yield `${name} and ${other} both have the fact ${fact}`;
				facts.set(fact, name);
			}
			for (const role of Object.keys(provides)) {
				const other = roles.get(role);
				if (other) yield `${name} and ${other} both provide ${role}`;
				roles.set(role, name);
			}
		}
		for (const [index, contract] of this.all.entries()) {
			if (this.all.findIndex(c => c.name === contract.name) !== index)
				yield `${contract.name}: two contracts have this name`;
			for (const fact of Object.keys(contract.consumes ?? {}))
				if (!facts.has(fact))
					yield `${contract.name} consumes the fact ${fact}, which no contract has`;
			for (const [role, action] of Object.entries(contract.provides ?? {}))
				if (!(action in contract.actions))
					yield `${contract.name} provides ${role} by ${action}, which is not one of its actions`;
			for (const [action, when] of Object.entries(contract.schedules ?? {})) {
				if (!(action in contract.actions))
					yield `${contract.name} schedules ${action}, which is not one of its actions`;
				if (!parseSchedule(when))
					yield `${contract.name}: the schedule ${when} of ${action} is neither a duration nor a cron expression`;
			}
		}
		for (const contract of this.all)
			for (const [action, { kind, audit }] of Object.entries(contract.actions)) {
				if (!audit) continue;
				const name = `${contract.name}.${action}`;
				if (kind === "read") yield `${name} is a read: there is nothing in it to audit`;
				else if (!auditFactOf(contract))
					yield `${name} is audited by no fact: add ...audited("<what it changes>") to the facts of ${contract.name}`;
			}
		for (const [name, action] of this.#actions) {
			if (!action.access || accessOf(action).length === 0)
				yield `${name} does not say who may call it: give it an access`;
			for (const alias of aliasesOf(action)) {
				if (!/^(GET|POST|PUT|PATCH|DELETE) \/\S*$/.test(alias))
					yield `${name}: ${alias} is not a method and a path`;
				const other = seen.get(address(alias));
				if (other) yield `${name} and ${other} both answer ${alias}`;
				seen.set(address(alias), name);
				if (accessOf(action).every(rule => rule === "internal"))
					yield `${name} is for the mesh only and cannot have the path ${alias}`;
			}
			if (!schemaId(action.result)) yield `${name}: its result schema has no $id`;
		}
		for (const contract of this.all)
			for (const [fact, { data }] of Object.entries(contract.facts ?? {}))
				if (!schemaId(data)) yield `${contract.name}: the fact ${fact} has a schema without $id`;
	}
}

const schemaId = (schema: TSchema | undefined): string | undefined =>
	(schema as { $id?: string } | undefined)?.$id;

/** A fingerprint of a contract's whole face, carried in the registry in place of its schemas. */
export const fingerprint = (contract: Contract): string =>
	createHash("sha256").update(JSON.stringify(contract)).digest("hex").slice(0, 16);
