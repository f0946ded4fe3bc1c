// Takes what OTLP exporters send, reads it to its end and keeps nothing; GET tells how many bytes there were.
import { createServer } from "node:http";
import { isReady } from "../harness/measured.ts";

let taken = 0;

createServer((request, response) => {
	request.on("data", (part: Buffer) => {
		taken += part.length;
	});
	request.once("end", () => {
		response.writeHead(200, { "content-type": "application/json" });
		response.end(JSON.stringify(request.method === "GET" ? { taken } : {}));
	});
}).listen(Number(process.env.PORT), "127.0.0.1", isReady);
