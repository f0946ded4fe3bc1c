// The other half: the course made into JSON each time.
import { connect } from "nats";
import { isReady } from "../harness/measured.ts";
import { courses } from "./courses.ts";
import { inTurn, isBatched } from "./turn.ts";

const { NATS_URL: servers = "", NAMESPACE = "" } = process.env;
const connection = await connect({ servers });
const encoder = new TextEncoder();
const decoder = new TextDecoder();

const send = isBatched ? inTurn : (run: () => void) => run();

connection.subscribe(`${NAMESPACE}.get`, {
	callback: (_, message) => {
		const course = courses.get(decoder.decode(message.data));
		send(() => message.respond(course && encoder.encode(JSON.stringify(course))));
	},
});
connection.subscribe(`${NAMESPACE}.rate`, {
	callback: (_, message) => {
		const text = decoder.decode(message.data);
		const at = text.indexOf("{");
		const courseId = text.slice(0, at);
		const rating = courses.has(courseId) && { courseId, ...JSON.parse(text.slice(at)) };
		send(() => message.respond(rating ? encoder.encode(JSON.stringify(rating)) : undefined));
	},
});
await connection.flush();
isReady();
