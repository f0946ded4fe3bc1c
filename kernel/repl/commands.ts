import { inspect, styleText } from "node:util";
import type { ServiceBroker } from "moleculer";
import { accessOf } from "../contract.ts";
import type { Contracts } from "../contracts.ts";
import { codeOf } from "../errors.ts";
import { platformOf } from "../platform.ts";
import { accessInWords, describeAction, describeMesh, describeService } from "./describe.ts";
import { consumers, type FactsNeeds, parkedFacts, pendingFacts, replayFact } from "./facts.ts";
import { Operator } from "./operator.ts";
import { asTyped, type Schema, sampleLine, strangeParam } from "./params.ts";
import { problemText } from "./problem.ts";
import { unknownName } from "./suggest.ts";

/** One command of the prompt; what it says goes out by `print`. */
export interface Command {
	/** Its name and arguments, as the help shows them. */
	command: string;
	description: string;
	/** Names that its arguments, complete so far but for the last, may go on with. */
	complete?(before: readonly string[]): readonly string[];
	run(args: readonly string[]): Promise<void> | void;
}

/** A line `call …` as moleculer-repl has parsed it. */
export interface CallLine {
	actionName: string;
	/** JSON, where params were not given as flags. */
	jsonParams?: string;
	meta?: string;
	options: Record<string, unknown>;
	rawCommand: string;
}

/** moleculer-repl's own `call`, which reads files, makes the call and prints the answer. */
export type StockCall = (broker: object, line: CallLine) => Promise<void>;

export interface ReplOptions {
	/** The mesh-internal action that signs an operator in by e-mail. */
	signIn: string;
	print?(text: string): void;
}

const verbs = ["pending", "parked", "replay"];

/** Names of other systems' servers that some contract lets in. */
const serviceNames = (contracts: Contracts): string[] => [
	...new Set(
		[...contracts.actions.values()].flatMap(action =>
			accessOf(action).flatMap(rule =>
				typeof rule === "object" && "service" in rule ? rule.service : [],
			),
		),
	),
];

/** What the prompt of one node can do. */
export class Repl {
	readonly operator: Operator;
	readonly commands: readonly Command[];
	readonly #broker: ServiceBroker;
	readonly #contracts: Contracts;
	readonly #facts: FactsNeeds;
	readonly #print: (text: string) => void;

	constructor(broker: ServiceBroker, options: ReplOptions) {
		const { contracts, clock } = platformOf(broker);
		const call = (action: string, params: object, callOptions = {}): Promise<unknown> =>
			broker.call(action, params, callOptions);
		this.#broker = broker;
		this.#contracts = contracts;
		this.#facts = { contracts, clock, call };
		this.#print = options.print ?? (text => console.log(text));
		this.operator = new Operator({ call, signIn: options.signIn, clock });
		this.commands = this.#all();
	}

	/**
	 * Runs a `call` or `dcall` line as the operator: params get the types of the contract, and an error is told in a
	 * line or two.
	 */
	call(line: CallLine, stock: StockCall): Promise<void> {
		const { actionName, jsonParams, meta, options, rawCommand } = line;
		const contract = this.#contracts.action(actionName);
		if (!contract && !this.#runs(actionName)) {
			this.#refuse(unknownName("action", actionName, this.#contracts.actions.keys()));
			return Promise.resolve();
		}
		const wrong = [jsonParams, meta].find(text => text !== undefined && !isJson(text));
		if (wrong !== undefined) {
			this.#refuse(`${wrong} is not JSON; \`sample ${actionName}\` shows how to call it`);
			return Promise.resolve();
		}
		const schema = contract?.params as Schema | undefined;
		const typed = new Set(rawCommand.split(/[\s=]+/));
		return new Promise((done, failed) => {
			const broker = {
				registry: this.#broker.registry,
				MOLECULER_VERSION: this.#broker.MOLECULER_VERSION,
				call: async (action: string, given: Record<string, unknown>, callOptions: object) => {
					const { stream, ...flags } = given;
					const params = options.stream ? flags : given;
					const strange = contract && strangeParam(params, schema);
					try {
						if (strange)
							throw unknownName(
								`param of ${action}`,
								strange,
								Object.keys(schema?.properties ?? {}),
							);
						const sent = jsonParams || !schema ? params : asTyped(params, schema, typed);
						return await this.operator.call(action, sent as object, callOptions);
					} catch (error) {
						this.#refuse(typeof error === "string" ? error : this.#told(error));
						done();
						// What stock `call` prints of an error is not wanted, so it hears of none.
						return new Promise(() => {});
					}
				},
			};
			stock(broker, line).then(done, failed);
		});
	}

	/** Runs a command by its name, as the prompt does. */
	async run(name: string, args: readonly string[]): Promise<void> {
		const command = this.commands.find(({ command }) => command.split(" ")[0] === name);
		if (!command) throw new TypeError(`The prompt has no command ${name}`);
		try {
			await command.run(args);
		} catch (error) {
			this.#refuse(this.#told(error));
		}
	}

	/** What the last word of a line may be completed to; undefined for a line of a stock command. */
	complete(line: string): string[] | undefined {
		const [name, ...args] = line.split(/\s+/);
		const command = this.commands.find(({ command }) => command.split(" ")[0] === name);
		if (!command || args.length === 0) return undefined;
		const begun = args.at(-1) ?? "";
		const head = line.slice(0, line.length - begun.length);
		const names = command.complete?.(args.slice(0, -1)) ?? [];
		return names.filter(word => word.startsWith(begun)).map(word => head + word);
	}

	#all(): Command[] {
		const contracts = this.#contracts;
		const names = () => [...contracts.actions.keys()];
		const first = (list: () => readonly string[]) => (before: readonly string[]) =>
			before.length === 0 ? list() : [];
		return [
			{
				command: "as <who> [name]",
				description: "Calls as a user (e-mail), as `service <name>`, or as `nobody`",
				complete: before => {
					if (before.length === 0) return ["nobody", "service"];
					return before.length === 1 && before[0] === "service" ? serviceNames(contracts) : [];
				},
				run: ([who = "", name]) => this.#as(who, name),
			},
			{
				command: "whoami",
				description: "As whom calls are made",
				run: () => this.#print(this.#whoami()),
			},
			{
				command: "facts <verb> [service] [factId]",
				description: "`pending`, `parked`, or `replay <service> <factId>`",
				complete: before => {
					if (before.length === 0) return verbs;
					return before.length === 1 && before[0] === "replay" ? consumers(contracts) : [];
				},
				run: ([verb = "", service, factId]) => this.#runFacts(verb, service, factId),
			},
			{
				command: "contract [name]",
				description: "What a service or an action is: access, path, params, errors, example",
				complete: first(() => [...contracts.all.map(({ name }) => name), ...names()]),
				run: ([name]) => this.#describe(name),
			},
			{
				command: "sample <action>",
				description: "A line that calls an action, ready to paste",
				complete: first(names),
				run: ([action = ""]) => {
					const example = this.#example(action);
					if (example) this.#print(sampleLine(action, example));
				},
			},
			{
				command: "try <action>",
				description: "Calls an action with the example of its contract",
				complete: first(names),
				run: ([action = ""]) => this.#try(action),
			},
		];
	}

	async #as(who: string, name: string | undefined): Promise<void> {
		if (who === "nobody") this.operator.becomeNobody();
		else if (who !== "service") await this.operator.becomeUser(who);
		else {
			const names = serviceNames(this.#contracts);
			if (!name || !names.includes(name))
				return this.#refuse(
					name ? unknownName("service", name, names) : `As which service? ${names.join(", ")}`,
				);
			this.operator.becomeService(name);
		}
		this.#print(this.#whoami());
	}

	#whoami(): string {
		const { who } = this.operator;
		if (who.kind === "nobody") return "nobody: what anyone and what the mesh may call";
		if (who.kind === "service") return `the service ${who.name}`;
		const { email, id, roles } = who.user;
		return `${email} ${id} (${roles.join(", ")})`;
	}

	async #runFacts(verb: string, service?: string, factId?: string): Promise<void> {
		if (!verbs.includes(verb))
			return this.#refuse(
				unknownName(
					"verb",
					`facts ${verb}`,
					verbs.map(v => `facts ${v}`),
				),
			);
		if (verb === "pending") return this.#print(await pendingFacts(this.#facts));
		if (verb === "parked") return this.#print(await parkedFacts(this.#facts));
		if (!service || !factId) return this.#refuse("Which one? facts replay <service> <factId>");
		this.#print(await replayFact(this.#facts, service, factId));
	}

	#describe(name: string | undefined): void {
		const contracts = this.#contracts;
		if (!name) return this.#print(describeMesh(contracts));
		const action = contracts.action(name);
		if (action) return this.#print(describeAction(name, action));
		const service = contracts.all.find(contract => contract.name === name);
		if (service) return this.#print(describeService(contracts, service));
		const known = [...contracts.all.map(contract => contract.name), ...contracts.actions.keys()];
		this.#refuse(unknownName("service or action", name, known));
	}

	/** The example of an action; says so where there is none. */
	#example(action: string): Record<string, unknown> | undefined {
		const contract = this.#contracts.action(action);
		if (!contract) this.#refuse(unknownName("action", action, this.#contracts.actions.keys()));
		else if (!contract.example)
			this.#refuse(`${action} has no example; \`contract ${action}\` describes it`);
		return contract?.example;
	}

	async #try(action: string): Promise<void> {
		const example = this.#example(action);
		if (!example) return;
		this.#print(sampleLine(action, example));
		const answer = await this.operator.call(action, structuredClone(example));
		this.#print(inspect(answer, { depth: 6, colors: process.stdout.isTTY ?? false }));
	}

	#runs(action: string): boolean {
		return this.#broker.registry
			.getActionList({})
			.some(({ name }: { name: string }) => name === action);
	}

	/** A problem with what the operator can do about it. */
	#told(error: unknown): string {
		const text = problemText(error);
		const code = codeOf(error);
		const { action } = ((error as { data?: unknown }).data ?? {}) as { action?: string };
		if (code === "SERVICE_NOT_FOUND" || code === "SERVICE_NOT_AVAILABLE")
			return `${text}\n  No node of this mesh serves ${action ?? "it"} now`;
		const contract = action ? this.#contracts.action(action) : undefined;
		const who = contract ? `${action} is for ${accessInWords(contract)}; ` : "";
		if (code === "UNAUTHENTICATED" && this.operator.who.kind === "nobody")
			return `${text}\n  ${who}\`as <e-mail>\` signs in`;
		return text;
	}

	#refuse(text: string): void {
		this.#print(styleText("red", text));
	}
}

function isJson(text: string): boolean {
	try {
		JSON.parse(text);
		return true;
	} catch {
		return false;
	}
}
