// A NestJS microservice on NATS, which checks for itself who is calling. With AUTH=off it does not.
import "reflect-metadata";
import {
	type CanActivate,
	Controller,
	type ExecutionContext,
	Injectable,
	Module,
} from "@nestjs/common";
import { APP_GUARD, NestFactory } from "@nestjs/core";
import {
	Ctx,
	MessagePattern,
	type MicroserviceOptions,
	NatsContext,
	Payload,
	RpcException,
	Transport,
} from "@nestjs/microservices";
import { type Course, isReady, loadCourses, type Rating } from "../common/bench";
import { Tokens, type User } from "../common/tokens";

const { NATS_URL = "", NAMESPACE = "", AUTH } = process.env;

interface Data {
	id: string;
	stars: number;
	text: string;
}

const unauthenticated = () => new RpcException({ status: 401, message: "Unauthorized" });

@Injectable()
class AuthGuard implements CanActivate {
	constructor(private readonly tokens: Tokens) {}

	canActivate(context: ExecutionContext): boolean {
		const nats = context.switchToRpc().getContext<NatsContext & { user?: User }>();
		const token: string | undefined = nats.getHeaders()?.get("token");
		if (!token) throw unauthenticated();
		try {
			nats.user = this.tokens.verify(token);
		} catch {
			throw unauthenticated();
		}
		return true;
	}
}

@Controller()
class CoursesController {
	private readonly courses = loadCourses();

	@MessagePattern({ cmd: `${NAMESPACE}.get` })
	get(@Payload() { id }: Data): Course {
		return this.find(id);
	}

	@MessagePattern({ cmd: `${NAMESPACE}.rate` })
	rate(
		@Payload() { id, stars, text }: Data,
		@Ctx() context: NatsContext & { user?: User },
	): Rating {
		return { courseId: this.find(id).id, userId: context.user?.id ?? "", stars, text };
	}

	private find(id: string): Course {
		const course = this.courses.get(id);
		if (!course) throw new RpcException({ status: 404, message: "There is no such course" });
		return course;
	}
}

@Module({
	controllers: [CoursesController],
	providers: [Tokens, ...(AUTH === "off" ? [] : [{ provide: APP_GUARD, useClass: AuthGuard }])],
})
class ServiceModule {}

async function main(): Promise<void> {
	const app = await NestFactory.createMicroservice<MicroserviceOptions>(ServiceModule, {
		transport: Transport.NATS,
		options: { servers: [NATS_URL], queue: NAMESPACE },
		logger: ["warn", "error"],
	});
	await app.listen();
	isReady();
}

void main();
