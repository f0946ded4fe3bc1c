import { inspect, styleText } from "node:util";
import type { ServiceBroker } from "moleculer";
import { accessOf } from "../contract.ts";
import type { Contracts } from "../contracts.ts";
import { platformOf } from "../platform.ts";
import { type CallLine, runCall, type StockCall } from "./call.ts";
import { describeAction, describeMesh, describeService } from "./describe.ts";
import { type Explained, explainedText, explainerOf } from "./explain.ts";
import { consumers, type FactsNeeds, parkedFacts, pendingFacts, replayFact } from "./facts.ts";
import {
	type CallsAnswer,
	callsText,
	type ErrorsAnswer,
	errorsText,
	type MeshAnswer,
	meshText,
	servicesText,
} from "./mesh.ts";
import { Operator } from "./operator.ts";
import { sampleLine } from "./params.ts";
import { problemText, Refusal } from "./problem.ts";
import { unknownName } from "./suggest.ts";

/** One command of the prompt. */
export interface Command {
	/** Its name and arguments, as the help shows them. */
	usage: string;
	description: string;
	/** What the next argument may be, after those that are there. */
	complete?(before: readonly string[]): readonly string[];
	/** What it says; a failure is thrown. */
	run(args: readonly string[]): string | Promise<string>;
}

export interface ReplOptions {
	/** The mesh-internal action that signs an operator in by e-mail. */
	signIn: string;
	print?(text: string): void;
}

const factVerbs = ["pending", "parked", "replay"];

/** The name of a command. */
export const nameOf = ({ usage }: Command): string => usage.split(" ")[0] as string;

/** Names of other systems' servers that some contract lets in. */
const serviceNames = (contracts: Contracts): string[] => [
	...new Set(
		[...contracts.actions.values()]
			.flatMap(accessOf)
			.flatMap(rule => (typeof rule === "object" && "service" in rule ? rule.service : [])),
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

	constructor(broker: ServiceBroker, { signIn, print = console.log }: ReplOptions) {
		const { contracts, clock, mesh } = platformOf(broker);
		const call = (action: string, params: object, options = {}): Promise<unknown> =>
			broker.call(action, params, options);
		this.#broker = broker;
		this.#contracts = contracts;
		const known = contracts.provider("ops:replay");
		const replay = known && mesh.has(known.slice(0, known.indexOf("."))) ? known : undefined;
		this.#facts = {
			contracts,
			clock,
			call,
			...(replay && { replay: params => this.operator.call(replay, params) }),
		};
		this.#print = print;
		this.operator = new Operator({ call, signIn, clock });
		this.commands = this.#all();
	}

	/** Runs a command by its name; prints what it says, or its failure in a line or two. */
	async run(name: string, args: readonly string[]): Promise<void> {
		await this.#telling(async () => {
			const command = this.#command(name);
			if (!command)
				throw unknownName(`There is no command ${name}`, name, this.commands.map(nameOf));
			this.#print(await command.run(args));
		});
	}

	/** Runs a line `call …` or `dcall …` as the operator; a failure is told in a line or two. */
	async call(line: CallLine, stock: StockCall): Promise<void> {
		await this.#telling(() => runCall(this.#broker, this.operator, stock, line));
	}

	/** The lines that a begun one may be completed to; undefined where it is a stock command's. */
	complete(line: string): string[] | undefined {
		const [name = "", ...args] = line.split(/ +/);
		const command = this.#command(name);
		const begun = args.at(-1);
		if (!command || begun === undefined) return undefined;
		const head = line.slice(0, line.length - begun.length);
		const words = command.complete?.(args.slice(0, -1)) ?? [];
		return words.filter(word => word.startsWith(begun)).map(word => head + word);
	}

	#command(name: string): Command | undefined {
		return this.commands.find(command => nameOf(command) === name);
	}

	async #telling(work: () => Promise<void>): Promise<void> {
		try {
			await work();
		} catch (error) {
			this.#print(styleText("red", problemText(error)));
		}
	}

	#all(): Command[] {
		const contracts = this.#contracts;
		const actions = (before: readonly string[]) =>
			before.length === 0 ? [...contracts.actions.keys()] : [];
		return [
			{
				usage: "as <who> [name]",
				description: "Call as a user (an e-mail), as `service <name>`, or as `nobody`",
				complete: ([who, name]) => {
					if (!who) return ["nobody", "service"];
					return who === "service" && !name ? serviceNames(contracts) : [];
				},
				run: ([who = "", name]) => this.#as(who, name),
			},
			{
				usage: "whoami",
				description: "Show as whom calls are made",
				run: () => this.#whoami(),
			},
			{
				usage: "mesh",
				description: "Show the nodes, how they are, and what is wrong",
				run: async () => meshText((await this.#ops("mesh")) as MeshAnswer),
			},
			{
				usage: "top [service]",
				description: "Show what is called: by service, or of one service by action",
				complete: before => (before.length === 0 ? contracts.all.map(({ name }) => name) : []),
				run: ([service]) => this.#top(service),
			},
			{
				usage: "errors",
				description: "Show what failed of late, newest first",
				run: async () =>
					errorsText((await this.#ops("errors")) as ErrorsAnswer, this.#facts.clock.now()),
			},
			{
				usage: "facts <verb> [service] [factId]",
				description: "Show facts that are `pending` or `parked`, `replay` a parked one",
				complete: ([verb, service]) => {
					if (!verb) return factVerbs;
					return verb === "replay" && !service ? consumers(contracts) : [];
				},
				run: ([verb = "", service, factId]) => this.#runFacts(verb, service, factId),
			},
			{
				usage: "explain <id>",
				description: "Tell everything that happened to a thing, oldest first (`pay_…`)",
				run: ([id = ""]) => this.#explain(id),
			},
			{
				usage: "contract [name]",
				description: "Describe the mesh, a service, or an action with its params and errors",
				complete: before => [
					...(before.length === 0 ? contracts.all.map(({ name }) => name) : []),
					...actions(before),
				],
				run: ([name]) => this.#describe(name),
			},
			{
				usage: "sample <action>",
				description: "Show a line that calls an action, ready to paste",
				complete: actions,
				run: ([action = ""]) => sampleLine(action, this.#example(action)),
			},
			{
				usage: "try <action>",
				description: "Call an action with the example of its contract",
				complete: actions,
				run: ([action = ""]) => this.#try(action),
			},
		];
	}

	async #as(who: string, name: string | undefined): Promise<string> {
		if (who === "nobody") this.operator.becomeNobody();
		else if (who === "service") this.#asService(name);
		else await this.operator.becomeUser(who);
		return this.#whoami();
	}

	#asService(name: string | undefined): void {
		const names = serviceNames(this.#contracts);
		if (!name) throw new Refusal(`As which service? One of ${names.join(", ")}`);
		if (!names.includes(name))
			throw unknownName(`No contract lets a service ${name} in`, name, names);
		this.operator.becomeService(name);
	}

	#whoami(): string {
		const { who } = this.operator;
		if (who.kind === "nobody") return "nobody: may call what is for anyone and for the mesh";
		if (who.kind === "service") return `the service ${who.name}`;
		const { email, id, roles } = who.user;
		return `${email} ${id} (${roles.join(", ")})`;
	}

	#runFacts(verb: string, service?: string, factId?: string): Promise<string> {
		if (verb === "pending") return pendingFacts(this.#facts);
		if (verb === "parked") return parkedFacts(this.#facts);
		if (verb !== "replay" || !service || !factId)
			throw new Refusal("facts pending, facts parked, or facts replay <service> <factId>");
		return replayFact(this.#facts, service, factId);
	}

	/** Asks what watches the mesh, as the operator. @throws Refusal where no contract does. */
	#ops(role: string, params: object = {}): Promise<unknown> {
		const action = this.#contracts.provider(`ops:${role}`);
		if (!action) throw new Refusal("No service of this mesh watches it");
		return this.operator.call(action, params);
	}

	async #top(service: string | undefined): Promise<string> {
		if (service === undefined) return servicesText((await this.#ops("mesh")) as MeshAnswer);
		const names = this.#contracts.all.map(contract => contract.name);
		if (!names.includes(service))
			throw unknownName(`There is no service ${service}`, service, names);
		return callsText((await this.#ops("calls", { service })) as CallsAnswer);
	}

	async #explain(id: string): Promise<string> {
		const action = explainerOf(this.#contracts, id);
		return explainedText((await this.operator.call(action, { id })) as Explained);
	}

	#describe(name: string | undefined): string {
		const contracts = this.#contracts;
		if (!name) return describeMesh(contracts);
		const action = contracts.action(name);
		if (action) return describeAction(name, action);
		const service = contracts.all.find(contract => contract.name === name);
		if (service) return describeService(contracts, service);
		const services = contracts.all.map(contract => contract.name);
		const names = [...services, ...contracts.actions.keys()];
		throw unknownName(`There is no service or action ${name}`, name, names);
	}

	#example(name: string): Record<string, unknown> {
		const action = this.#contracts.action(name);
		if (!action)
			throw unknownName(`There is no action ${name}`, name, this.#contracts.actions.keys());
		if (!action.example) throw new Refusal(`${name} has no example; see \`contract ${name}\``);
		return structuredClone(action.example);
	}

	async #try(action: string): Promise<string> {
		const example = this.#example(action);
		this.#print(sampleLine(action, example));
		const answer = await this.operator.call(action, example);
		return inspect(answer, { depth: 6, colors: process.stdout.isTTY ?? false });
	}
}
