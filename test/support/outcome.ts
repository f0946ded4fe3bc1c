import { codeOf } from "../../kernel/errors.ts";

/** The stable code an answer refuses with; `ok` where it does not. */
export const outcome = (answer: Promise<unknown>): Promise<string | undefined> =>
	answer.then(
		() => "ok",
		error => codeOf(error) ?? String(error),
	);
