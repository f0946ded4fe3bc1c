import { createRequire } from "node:module";
import type { REPLServer } from "node:repl";
import type { ServiceBroker } from "moleculer";
import type { CallLine, StockCall } from "./call.ts";
import { nameOf, Repl, type ReplOptions } from "./commands.ts";

/** A command of moleculer-repl: `register` adds it with its own handler, `declaration` with another. */
interface StockCommand {
	register(program: object, broker: object): void;
	declaration(
		program: object,
		broker: object,
		handler: (broker: object, line: never) => void,
	): void;
	handler: StockCall;
}

type Completer = (line: string, done: (error: null, found: [string[], string]) => void) => void;

/**
 * Lines run one after the other, also when several are pasted or piped in at once.
 * @returns waits for the lines so far.
 */
function oneByOne(server: REPLServer): () => Promise<void> {
	const evaluate = server.eval;
	let last = Promise.resolve();
	const queued: typeof evaluate = function (this: REPLServer, line, context, file, done) {
		const run = () =>
			new Promise<void>(ended => {
				// What is handed on beside the error is printed, so nothing is where a command hands on nothing.
				evaluate.call(this, line, context, file, (...answer) => {
					done(...answer);
					ended();
				});
			});
		last = last.then(run);
	};
	Object.assign(server, { eval: queued });
	return () => last;
}

/** Gives a stock command another handler, before the prompt registers it. */
function takeOver(name: string, handler: (line: never, stock: StockCall) => unknown): void {
	const stock = createRequire(import.meta.url)(
		`moleculer-repl/src/commands/${name}.js`,
	) as StockCommand;
	stock.register = (program, broker) =>
		stock.declaration(program, broker, (_, line) => handler(line, stock.handler));
}

export interface OpenOptions extends ReplOptions {
	/** Drains the node and ends the process; called once, when the operator leaves. */
	leave(): void;
}

/** Opens the prompt `zeolite $` on a started node. moleculer-repl has one prompt per process. */
export function openRepl(broker: ServiceBroker, options: OpenOptions): REPLServer {
	const repl = new Repl(broker, options);
	let left = false;
	const leave = () => {
		if (left) return;
		left = true;
		// A pipe may not have taken all that was said.
		process.stdout.write("", () => options.leave());
	};
	takeOver("call", (line: CallLine, stock) => repl.call(line, stock));
	takeOver("quit", leave);
	broker.options.replOptions = {
		delimiter: "zeolite $",
		customCommands: repl.commands.map(command => ({
			command: command.usage,
			description: command.description,
			allowUnknownOptions: true,
			parse(line: { args: string[]; params: string[] }) {
				line.params = line.args;
			},
			action: (_: ServiceBroker, args: string[]) => repl.run(nameOf(command), args),
		})),
	} as never;
	const server = broker.repl() as unknown as REPLServer;
	// The only listener by now is moleculer-repl's, which would end the process before the node has drained.
	server.removeAllListeners("exit");
	const ended = oneByOne(server);
	server.once("exit", () => (server.terminal ? leave() : void ended().then(leave)));
	const stock = server.completer as Completer;
	const complete: Completer = (line, done) => {
		const found = repl.complete(line);
		if (found) done(null, [found, line]);
		else stock(line, done);
	};
	Object.assign(server, { completer: complete });
	return server;
}
