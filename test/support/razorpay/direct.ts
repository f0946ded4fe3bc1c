import type { RazorpayClient } from "../../../services/money/payments/providers/razorpay-client.ts";
import { RazorpayError } from "../../../services/money/payments/providers/razorpay-client.ts";
import type { Books } from "./books.ts";
import { Refusal } from "./errors.ts";
import { routes } from "./routes.ts";

/**
 * A client on a Razorpay's books without a network between.
 * @param reach decides when and whether each request arrives and its answer does.
 */
export function directClient(
	books: Books,
	reach: <T>(what: string, act: () => T) => Promise<T>,
): RazorpayClient {
	const ask = async (method: string, path: string, params: object = {}) =>
		reach(`${method} ${path}`, () => structuredClone(act(books, method, `/v1/${path}`, params)));
	return () => ({
		get: async (path, query) => (await ask("GET", path, query)) as never,
		post: async (path, body) => (await ask("POST", path, body)) as never,
		patch: async (path, body) => (await ask("PATCH", path, body)) as never,
	});
}

/** @throws RazorpayError as Razorpay refuses */
function act(books: Books, method: string, path: string, params: object): object {
	for (const route of routes) {
		const match = route.method === method ? route.path.exec(path) : null;
		if (!match) continue;
		try {
			return route.run(books, params as Record<string, unknown>, match[1] ?? "");
		} catch (error) {
			if (error instanceof Refusal) throw new RazorpayError(error.status, error.body);
			throw error;
		}
	}
	throw new Error(`there is no ${method} ${path}`);
}
