// Half of the raw pair: node:http and one nats.request, bytes through as they are. With BATCHED=on the requests of one
// turn of the event loop are written together.
import { createServer } from "node:http";
import { connect, type Msg } from "nats";
import { isReady } from "../harness/measured.ts";
import { idIn } from "./courses.ts";
import { inTurn, isBatched } from "./turn.ts";

const { NATS_URL: servers = "", NAMESPACE = "" } = process.env;
const timeout = 10_000;
const connection = await connect({ servers });
const encoder = new TextEncoder();

const ask = (subject: string, data: Uint8Array): Promise<Msg> =>
	connection.request(subject, data, { timeout });

const askInTurn = (subject: string, data: Uint8Array): Promise<Msg> =>
	new Promise((resolve, reject) => inTurn(() => ask(subject, data).then(resolve, reject)));

const request = isBatched ? askInTurn : ask;

createServer((incoming, response) => {
	const send = (action: string, status: number, data: Uint8Array) =>
		request(`${NAMESPACE}.${action}`, data).then(
			answer => {
				const found = answer.data.length > 0;
				response.writeHead(found ? status : 404, {
					"content-type": "application/json; charset=utf-8",
				});
				response.end(answer.data);
			},
			() => response.writeHead(504).end(),
		);
	const id = idIn(incoming.url ?? "");
	if (incoming.method !== "POST") return void send("get", 200, encoder.encode(id));
	const parts: Buffer[] = [encoder.encode(id) as Buffer];
	incoming.on("data", part => parts.push(part));
	incoming.once("end", () => send("rate", 201, Buffer.concat(parts)));
}).listen(Number(process.env.PORT), "127.0.0.1", isReady);
