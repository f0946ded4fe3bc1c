import { type Context, Errors, ServiceBroker } from "moleculer";
import { type Course, isReady, loadCourses, type Rating } from "../common/bench";
import { Tokens, type User } from "../common/tokens";

const { NATS_URL = "", NAMESPACE = "" } = process.env;
const tokens = new Tokens();
const courses = loadCourses();

interface RatingParams {
	id: string;
	stars: number;
	text: string;
}

const find = (id: string): Course => {
	const course = courses.get(id);
	if (!course) throw new Errors.MoleculerClientError("There is no such course", 404, "NOT_FOUND");
	return course;
};

const broker = new ServiceBroker({
	namespace: NAMESPACE,
	nodeID: `courses-${process.pid}`,
	transporter: { type: "NATS", options: { servers: NATS_URL } },
	logLevel: "warn",
	requestTimeout: 10_000,
});

broker.createService({
	name: "courses",
	hooks: {
		before: {
			"*"(ctx: Context<unknown, { token?: string }>) {
				try {
					ctx.locals.user = tokens.verify(ctx.meta.token ?? "");
				} catch {
					throw new Errors.MoleculerClientError("Unauthorized", 401, "UNAUTHORIZED");
				}
			},
		},
	},
	actions: {
		get: {
			params: { id: { type: "string", min: 1, max: 64 } },
			handler: (ctx: Context<{ id: string }>): Course => find(ctx.params.id),
		},
		rate: {
			params: {
				id: { type: "string", min: 1, max: 64 },
				stars: { type: "number", integer: true, min: 1, max: 5 },
				text: { type: "string", min: 1, max: 2_000 },
			},
			handler(ctx: Context<RatingParams, { $statusCode: number }>): Rating {
				const { id, stars, text } = ctx.params;
				const user = ctx.locals.user as User;
				ctx.meta.$statusCode = 201;
				return { courseId: find(id).id, userId: user.id, stars, text };
			},
		},
	},
});

void broker.start().then(isReady);
