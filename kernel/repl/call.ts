import type { ServiceBroker } from "moleculer";
import { platformOf } from "../platform.ts";
import type { Operator } from "./operator.ts";
import { asTyped, type Schema, strangeParam } from "./params.ts";
import { Refusal } from "./problem.ts";
import { unknownName } from "./suggest.ts";

/** A line `call …` or `dcall …` as moleculer-repl has parsed it. */
export interface CallLine {
	actionName: string;
	/** JSON, where params were not given as flags. */
	jsonParams?: string;
	meta?: string;
	options: Record<string, unknown>;
	rawCommand: string;
}

/** moleculer-repl's own `call`: reads files, makes the call by the broker it is given, prints the answer. */
export type StockCall = (broker: object, line: CallLine) => Promise<void>;

function isJson(text: string): boolean {
	try {
		JSON.parse(text);
		return true;
	} catch {
		return false;
	}
}

const isOffered = (broker: ServiceBroker, action: string): boolean =>
	broker.registry.getActionList({}).some(({ name }: { name: string }) => name === action);

/**
 * Runs a line by moleculer-repl's `call`, as the operator: flags get the types of the contract, and a param that it
 * does not know is refused, since the action would drop it without a word.
 * @throws Refusal for a line that cannot be run; what the call throws.
 */
export async function runCall(
	broker: ServiceBroker,
	operator: Operator,
	stock: StockCall,
	line: CallLine,
): Promise<void> {
	const { actionName, jsonParams, meta, options, rawCommand } = line;
	const { contracts } = platformOf(broker);
	const contract = contracts.action(actionName);
	if (!contract && !isOffered(broker, actionName))
		throw unknownName(`There is no action ${actionName}`, actionName, contracts.actions.keys());
	const broken = [jsonParams, meta].find(text => text !== undefined && !isJson(text));
	if (broken !== undefined)
		throw new Refusal(`${broken} is not JSON; \`sample ${actionName}\` shows how to call it`);

	const schema = (contract?.params ?? {}) as Schema;
	const typed = new Set(rawCommand.split(/[\s=]+/));
	const call = (given: Record<string, unknown>, callOptions: object): Promise<unknown> => {
		const { stream, ...others } = given;
		const params = options.stream ? others : given;
		const strange = contract && strangeParam(params, schema);
		if (strange)
			throw unknownName(
				`${actionName} has no param ${strange}`,
				strange,
				Object.keys(schema.properties ?? {}),
			);
		const sent = jsonParams === undefined ? asTyped(params, schema, typed) : params;
		return operator.call(actionName, sent as object, callOptions);
	};
	await new Promise<void>((done, failed) => {
		const { registry, MOLECULER_VERSION } = broker;
		const through = {
			registry,
			MOLECULER_VERSION,
			async call(_: string, params: Record<string, unknown>, callOptions: object) {
				try {
					return await call(params, callOptions);
				} catch (error) {
					failed(error);
					// The stock command would print the stack, so it never hears of the error.
					return new Promise(() => {});
				}
			},
		};
		stock(through, line).then(done, failed);
	});
}
