import { Agent, request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import type { Asked } from "./client.ts";
import type { Gateways } from "./gateways.ts";
import type { Journal } from "./journal.ts";

const everyMs = 100;
const answerMs = 15_000;

/**
 * One read after the other over one connection, behind a balancer of connections (a Kubernetes service): a gateway that
 * is unready gets no new connection, and those that are there stay until either side ends them.
 */
export async function keepReading(
	gateways: Gateways,
	journal: Journal,
	asked: Asked,
	stop: AbortSignal,
): Promise<void> {
	while (!stop.aborted) {
		const agent = new Agent({ keepAlive: true, maxSockets: 1 });
		const base = gateways.next();
		for (let isKept = true; isKept && !stop.aborted; ) {
			isKept = await read(agent, `${base}${asked.path}`, journal, asked);
			await pause(everyMs);
		}
		agent.destroy();
	}
}

/** @returns whether the connection may be used again. */
function read(
	agent: Agent,
	url: string,
	journal: Journal,
	{ person, courseId }: Asked,
): Promise<boolean> {
	const at = Date.now();
	const from = performance.now();
	const headers = { authorization: `Bearer ${person.token}` };
	const sent = request(url, { agent, headers, signal: AbortSignal.timeout(answerMs) });
	return new Promise(resolve => {
		const end = (status: number, code: string | undefined, isKept: boolean) => {
			journal.write({
				at,
				buyer: person.id,
				courseId,
				step: "kept",
				outcome: status === 200 ? "ok" : status === 0 ? "unknown" : "failed",
				status,
				...(code && { code }),
				ms: Math.round((performance.now() - from) * 10) / 10,
			});
			resolve(isKept);
		};
		const cut = (error: NodeJS.ErrnoException) => end(0, error.code ?? error.name, false);
		sent.once("error", cut);
		sent.once("response", response => {
			response.once("error", cut);
			let body = "";
			response
				.setEncoding("utf8")
				.on("data", (text: string) => {
					if (response.statusCode !== 200) body += text;
				})
				.once("end", () =>
					end(
						response.statusCode ?? 0,
						body ? codeIn(body) : undefined,
						response.headers.connection !== "close",
					),
				);
		});
		sent.end();
	});
}

/** What a problem document says was wrong. */
function codeIn(body: string): string {
	const { code, detail } = JSON.parse(body) as { code: string; detail?: string };
	return detail ? `${code}: ${detail}` : code;
}
