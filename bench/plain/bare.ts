// The floor: node:http, the answer made into JSON each time, and nothing else.
import { createServer } from "node:http";
import { isReady } from "../harness/measured.ts";
import { courses, idIn } from "./courses.ts";

createServer((request, response) => {
	const course = courses.get(idIn(request.url ?? ""));
	const send = (status: number, body: unknown) => {
		response.writeHead(status, { "content-type": "application/json; charset=utf-8" });
		response.end(JSON.stringify(body));
	};
	if (!course) return send(404, { message: "There is no such course" });
	if (request.method !== "POST") return send(200, course);
	let text = "";
	request.setEncoding("utf8").on("data", part => {
		text += part;
	});
	request.once("end", () => send(201, { courseId: idIn(request.url ?? ""), ...JSON.parse(text) }));
}).listen(Number(process.env.PORT), "127.0.0.1", isReady);
