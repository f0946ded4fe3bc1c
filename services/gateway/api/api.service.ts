import { readFile } from "node:fs/promises";
import { Counter } from "prom-client";
import type { Clock } from "../../../kernel/clock.ts";
import type { Broker, Result } from "../../../kernel/contract.ts";
import { platformProblem, problem } from "../../../kernel/errors.ts";
import { answerWith, defineMixin, implement } from "../../../kernel/implement.ts";
import { missingServices } from "../../../kernel/ops.ts";
import { platformOf } from "../../../kernel/platform.ts";
import { isSameSecret } from "../../../kernel/secrets.ts";
import { type Collection, isDuplicate } from "../../../kernel/store/collection.ts";
import { Store } from "../../../mixins/store.mixin.ts";
import {
	type IdempotencyRecordDoc,
	IdempotencyRecordModel,
} from "../../../models/gateway/idempotency-record.model.ts";
import { NonceModel } from "../../../models/gateway/nonce.model.ts";
import { api } from "./api.contract.ts";
import { docsFile, docsPage, isDocsFile } from "./docs/files.ts";
import { explain, problemPage } from "./docs/problem-page.ts";
import { gatewayMixin } from "./gateway.mixin.ts";
import { Idempotency } from "./idempotency.ts";
import { openApi } from "./openapi.ts";
import type { Request } from "./request.ts";
import { verifyService } from "./service-signature.ts";

const icon = `${import.meta.dirname}/icon.svg`;
const nonceKeptMs = 2 * 300_000;

/** The key another system's server must send, where one is set for its name. */
const apiKeys = {
	"course-service": "COURSE_SERVICE_API_KEY",
	"payment-service": "PAYMENT_SERVICE_API_KEY",
	"file-service": "FILE_SERVICE_API_KEY",
	"user-service": "USER_SERVICE_API_KEY",
} as const;

/** Requests under an `Idempotency-Key`, before the first of them can come in. */
const keyed = defineMixin({
	brings: undefined as { idempotency: Idempotency } | undefined,
	async started(this: {
		broker: Broker;
		clock: Clock;
		records: Collection<IdempotencyRecordDoc>;
		idempotency: Idempotency;
	}) {
		const { registry, nodeID } = this.broker;
		const replays = new Counter({
			name: "zeolite_idempotency_replays_total",
			help: "Requests that were answered with what an earlier one under their key was",
			registers: [platformOf(this.broker).metrics.registry],
		});
		this.idempotency = new Idempotency({
			records: this.records,
			clock: this.clock,
			node: nodeID,
			isThere: node => registry.nodes.get(node)?.available === true,
			onReplay: () => replays.inc(),
		});
	},
});

/** The gateway: HTTP in, `ctx.call` out. */
export default implement(api, {
	mixins: [
		Store({ nonces: NonceModel, records: IdempotencyRecordModel }),
		keyed,
		gatewayMixin as { methods: {} },
	],

	methods: {
		/** @throws PROBLEM_NOT_FOUND */
		explain(slug: string): Result<"api.problem"> {
			const explained = explain(platformOf(this.broker).contracts, slug);
			if (!explained) throw problem(api, "PROBLEM_NOT_FOUND");
			return explained;
		},

		/**
		 * The name of the system whose server signed this request; its nonce is used up.
		 * @throws SERVICE_SIGNATURE_INVALID
		 */
		async proveService(request: Request): Promise<string> {
			const header = (name: string) => String(request.headers[name] ?? "");
			const name = header("x-service-name");
			const now = this.clock.now();
			const nonce = verifyService(
				this.env.SERVICE_SECRET_KEY,
				{
					name,
					signature: header("x-service-signature"),
					method: request.method ?? "",
					target: request.target,
					body: request.rawBody ?? Buffer.alloc(0),
				},
				now,
			);
			const variable = Object.hasOwn(apiKeys, name)
				? apiKeys[name as keyof typeof apiKeys]
				: undefined;
			const key = variable && this.env[variable];
			if (!nonce || !variable || (key && !isSameSecret(key, header("x-service-key"))))
				throw platformProblem("SERVICE_SIGNATURE_INVALID");
			try {
				await this.nonces.insert({ id: `${name}:${nonce}`, at: now });
			} catch (error) {
				throw isDuplicate(error) ? platformProblem("SERVICE_SIGNATURE_INVALID") : error;
			}
			return name;
		},
	},

	actions: {
		async health(ctx) {
			const missing = new Set(missingServices(this.broker as never));
			if (missing.size > 0) answerWith(ctx, 503);
			const names = [...platformOf(this.broker).mesh].filter(name => name !== "api");
			const services: Result<"api.health">["services"] = {};
			for (const name of names) services[name] = missing.has(name) ? "unavailable" : "healthy";
			return { gateway: "healthy" as const, services };
		},

		async openapi() {
			return openApi(platformOf(this.broker).contracts, this.env.publicUrl);
		},

		async docs() {
			return docsPage();
		},

		async docsFile(ctx) {
			const { file } = ctx.params;
			if (!isDocsFile(file)) throw problem(api, "FILE_NOT_FOUND");
			return docsFile(file);
		},

		async docsProblem(ctx) {
			const { contracts } = platformOf(this.broker);
			const content = problemPage(this.explain(ctx.params.slug), contracts);
			return { contentType: "text/html; charset=utf-8", content };
		},

		async problem(ctx) {
			return this.explain(ctx.params.slug);
		},

		async icon() {
			return { contentType: "image/svg+xml", content: await readFile(icon, "utf8") };
		},

		async forget() {
			const now = this.clock.now();
			const nonces = await this.nonces.remove({ at: { $lt: now - nonceKeptMs } });
			const records = await this.records.remove({ expiresAt: { $lte: now } });
			return { dropped: nonces + records };
		},
	},
});
