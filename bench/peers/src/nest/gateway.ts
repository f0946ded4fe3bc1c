// A NestJS gateway: Fastify in front, a NATS microservice behind. With AUTH=off there is neither token, access nor limit.
import "reflect-metadata";
import {
	Body,
	type CanActivate,
	Controller,
	type ExecutionContext,
	Get,
	HttpException,
	HttpStatus,
	Inject,
	Injectable,
	Module,
	Param,
	Post,
	Req,
	SetMetadata,
	UnauthorizedException,
	ValidationPipe,
} from "@nestjs/common";
import { APP_GUARD, NestFactory, Reflector } from "@nestjs/core";
import { ClientProxy, ClientsModule, NatsRecordBuilder, Transport } from "@nestjs/microservices";
import { FastifyAdapter, type NestFastifyApplication } from "@nestjs/platform-fastify";
import { headers as natsHeaders } from "nats";
import { RateLimiterMemory, type RateLimiterRes } from "rate-limiter-flexible";
import { catchError, type Observable, throwError, timeout } from "rxjs";
import { type Course, isReady, type Rating } from "../common/bench";
import { metricsText, observe } from "../common/metrics";
import { bearer, Tokens, type User } from "../common/tokens";
import { nextHop } from "../common/trace";
import { CourseParams, RatingBody } from "./dto";

const { PORT, NATS_URL = "", NAMESPACE = "", AUTH } = process.env;
const perMinute = 1_000_000;
const timeoutMs = 10_000;

interface Incoming {
	headers: Record<string, string | undefined>;
	ip: string;
	token?: string;
	user?: User;
	traceparent: string;
}

interface Reply {
	header(name: string, value: string): Reply;
}

const Public = () => SetMetadata("public", true);

const isPublic = (reflector: Reflector, context: ExecutionContext): boolean =>
	reflector.getAllAndOverride<boolean>("public", [context.getHandler(), context.getClass()]);

@Injectable()
class AuthGuard implements CanActivate {
	constructor(
		private readonly reflector: Reflector,
		private readonly tokens: Tokens,
	) {}

	canActivate(context: ExecutionContext): boolean {
		const request = context.switchToHttp().getRequest<Incoming>();
		const token = bearer(request.headers.authorization);
		if (token) {
			try {
				request.user = this.tokens.verify(token);
				request.token = token;
			} catch {
				throw new UnauthorizedException();
			}
		}
		if (!request.user && !isPublic(this.reflector, context)) throw new UnauthorizedException();
		return true;
	}
}

@Injectable()
class LimitGuard implements CanActivate {
	private readonly limiter = new RateLimiterMemory({ points: perMinute, duration: 60 });

	async canActivate(context: ExecutionContext): Promise<boolean> {
		const http = context.switchToHttp();
		const request = http.getRequest<Incoming>();
		const reply = http.getResponse<Reply>();
		const left = await this.limiter
			.consume(request.user?.id ?? request.ip)
			.catch((refused: RateLimiterRes) => {
				reply.header("retry-after", String(Math.ceil(refused.msBeforeNext / 1_000)));
				throw new HttpException("Too many requests", HttpStatus.TOO_MANY_REQUESTS);
			});
		const seconds = Math.ceil(left.msBeforeNext / 1_000);
		reply.header("ratelimit-policy", `"default";q=${perMinute};w=60`);
		reply.header("ratelimit", `"default";r=${left.remainingPoints};t=${seconds}`);
		return true;
	}
}

@Controller("api/bench/courses")
class CoursesController {
	constructor(@Inject("MESH") private readonly mesh: ClientProxy) {}

	@Get(":id")
	get(@Param() { id }: CourseParams, @Req() request: Incoming): Observable<Course> {
		return this.ask("get", { id }, request);
	}

	@Post(":id/ratings")
	rate(
		@Param() { id }: CourseParams,
		@Body() { stars, text }: RatingBody,
		@Req() request: Incoming,
	): Observable<Rating> {
		return this.ask("rate", { id, stars, text }, request);
	}

	private ask<T>(action: string, data: object, request: Incoming): Observable<T> {
		const headers = natsHeaders();
		if (request.token) headers.set("token", request.token);
		headers.set("traceparent", request.traceparent);
		const record = new NatsRecordBuilder(data).setHeaders(headers).build();
		return this.mesh.send<T>({ cmd: `${NAMESPACE}.${action}` }, record).pipe(
			timeout(timeoutMs),
			catchError((error: { status?: number; message?: string }) =>
				throwError(() => new HttpException(error.message ?? "", error.status ?? 500)),
			),
		);
	}
}

@Controller("metrics")
class MetricsController {
	@Public()
	@Get()
	metrics(): Promise<string> {
		return metricsText();
	}
}

const guards = [
	{ provide: APP_GUARD, useClass: AuthGuard },
	{ provide: APP_GUARD, useClass: LimitGuard },
];

@Module({
	imports: [
		ClientsModule.register([
			{ name: "MESH", transport: Transport.NATS, options: { servers: [NATS_URL] } },
		]),
	],
	controllers: [CoursesController, MetricsController],
	providers: [Tokens, ...(AUTH === "off" ? [] : guards)],
})
class GatewayModule {}

async function main(): Promise<void> {
	const app = await NestFactory.create<NestFastifyApplication>(
		GatewayModule,
		new FastifyAdapter(),
		{ logger: ["warn", "error"] },
	);
	app.useGlobalPipes(new ValidationPipe({ transform: true }));
	const fastify = app.getHttpAdapter().getInstance();
	fastify.addHook("onRequest", (request, _reply, done) => {
		const incoming = request as unknown as Incoming;
		incoming.traceparent = nextHop(incoming.headers.traceparent);
		done();
	});
	fastify.addHook("onResponse", (request, reply, done) => {
		const route = request.routeOptions.url ?? "none";
		observe(route, request.method, reply.statusCode, reply.elapsedTime / 1_000);
		done();
	});
	await app.listen(Number(PORT), "127.0.0.1");
	isReady();
}

void main();
