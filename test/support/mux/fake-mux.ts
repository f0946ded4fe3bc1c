import {
	createHmac,
	createPublicKey,
	generateKeyPairSync,
	type KeyObject,
	randomBytes,
} from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import jwt from "jsonwebtoken";
import { post } from "../stripe/webhooks.ts";
import { multivariant, rendition, type Segment, segments } from "./stream.ts";

/** An asset as Mux's API and events show it; only what this product could look at. */
export interface MuxAsset {
	id: string;
	created_at: string;
	status: "preparing" | "ready" | "errored";
	passthrough?: string;
	duration?: number;
	playback_ids: { id: string; policy: string }[];
	errors?: { type: string; messages: string[] };
}

export interface MuxEvent {
	id: string;
	type: string;
	created_at: string;
	object: { type: "asset"; id: string };
	environment: { name: string; id: string };
	data: MuxAsset;
}

/** What becomes of the next request that makes an asset. */
export type Fault =
	/** It is made; the connection breaks before the answer. */
	| "lost"
	/** It is made; nothing is answered. */
	| "hang"
	/** Nothing is made; Mux fails. */
	| "failure"
	/** Nothing is made; too many requests. */
	| "limit"
	/** Nothing is made; the order is not taken. */
	| "refuse";

export interface Signing {
	secret?: string | string[];
	/** How far the signed time is from now, seconds. */
	secondsOff?: number;
	/** Changes the body after it was signed. */
	alter?: (body: string) => string;
}

/** What Mux's edge answers a player. */
export interface EdgeAnswer {
	status: number;
	headers: Record<string, string>;
	body: Buffer | string;
}

const playlists = "https://manifest-gcp-us-east4-vop1.fastly.mux.com";
const chunks = "https://chunk-gcp-us-east4-vop1.fastly.mux.com";
/** Origins that the player of a video has to do with. */
export const edgeOrigins: readonly string[] = [
	"https://stream.mux.com",
	"https://image.mux.com",
	playlists,
	chunks,
];

/** One black point. */
const still = Buffer.from("R0lGODlhAQABAIAAAAAAAAAAACwAAAAAAQABAAACAkQBADs=", "base64");

const idOf = (bytes: number) => randomBytes(bytes).toString("base64url").replaceAll(/[-_]/g, "0");

const mpegurl = "application/x-mpegURL";

const opened = (type: string, body: Buffer | string): EdgeAnswer => ({
	status: 200,
	headers: { "content-type": type, "access-control-allow-origin": "*" },
	body,
});

class Refusal extends Error {
	readonly status: number;
	readonly type: string;
	constructor(status: number, type: string, message: string) {
		super(message);
		this.status = status;
		this.type = type;
	}
}

/**
 * Mux as its documents have it: assets, signing keys, signed playback and webhooks, over HTTP
 * (https://www.mux.com/docs/api-reference). An asset is encoded when a test says so.
 */
export class FakeMux {
	readonly tokenId = "mux-token-id";
	readonly tokenSecret = "mux-token-secret";
	readonly webhookSecret = "mux-webhook-secret-0123456789";
	readonly assets = new Map<string, MuxAsset>();
	/** All that was told or would be, in the order it happened. */
	readonly events: MuxEvent[] = [];
	/** `METHOD /path` of every request, in order. */
	readonly requests: string[] = [];
	/** What was given as input, by asset. */
	readonly inputs = new Map<string, string>();
	readonly keys = new Map<string, KeyObject>();
	faults: Fault[] = [];
	/** By their length. */
	readonly #streams = new Map<number, Segment[]>();
	#base = "";

	/** Variables that make a node use it. */
	get env(): Record<string, string> {
		return {
			MUX_TOKEN_ID: this.tokenId,
			MUX_TOKEN_SECRET: this.tokenSecret,
			MUX_WEBHOOK_SECRET: this.webhookSecret,
			MUX_API_BASE: this.#base,
		};
	}

	static async start(t: Pick<TestContext, "after">): Promise<FakeMux> {
		const mux = new FakeMux();
		const server = createServer((request, response) => void mux.#serve(request, response));
		await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
		mux.#base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
		t.after(() => {
			server.closeAllConnections();
			server.close();
		});
		return mux;
	}

	/** The assets that were made of a file. */
	of(fileId: string): MuxAsset[] {
		return [...this.assets.values()].filter(({ passthrough }) => passthrough === fileId);
	}

	/** How often assets were asked for, by method and path without ids. */
	count(request: string): number {
		return this.requests.filter(made => made.startsWith(request)).length;
	}

	/** Encodes an asset. */
	finish(asset: MuxAsset, duration = 12.6): MuxEvent {
		Object.assign(asset, { status: "ready", duration });
		return this.#note("video.asset.ready", asset);
	}

	/** Fails to encode it. */
	spoil(asset: MuxAsset, message = "The input is not a video"): MuxEvent {
		const errors = { type: "invalid_input", messages: [message] };
		Object.assign(asset, { status: "errored", errors });
		return this.#note("video.asset.errored", asset);
	}

	/** Deletes it, by whomever. */
	drop(asset: MuxAsset): MuxEvent {
		this.assets.delete(asset.id);
		return this.#note("video.asset.deleted", asset);
	}

	/** An event with its signature: `t=<seconds>,v1=<HMAC-SHA256 of "<t>.<body>">`, one `v1` for each secret. */
	sign(event: MuxEvent, { secret, secondsOff = 0, alter = body => body }: Signing = {}) {
		const body = JSON.stringify(event);
		const time = Math.floor(Date.now() / 1_000) + secondsOff;
		const signatures = [secret ?? this.webhookSecret]
			.flat()
			.map(key => `v1=${createHmac("sha256", key).update(`${time}.${body}`).digest("hex")}`);
		const headers = {
			"content-type": "application/json",
			"mux-signature": [`t=${time}`, ...signatures].join(","),
		};
		return { event, headers, body: alter(body) };
	}

	/** Posts events to a gateway; the statuses, in the order of the answers. */
	async deliver(
		base: string,
		events: readonly MuxEvent[],
		options: Signing & { times?: number; shuffle?: number; parallel?: number } = {},
	): Promise<(number | undefined)[]> {
		const deliveries = events.map(event => this.sign(event, options));
		const posted = await post(deliveries as never, [`${base}/webhooks/mux`], options as never);
		return posted.map(({ status }) => status);
	}

	/**
	 * What Mux's edge answers to an address of a playlist or thumbnail: 200, 403 where the token does not hold for it, 404
	 * where nothing is there.
	 */
	open(address: string, at = Date.now()): 200 | 403 | 404 {
		const url = new URL(address);
		const [, kind, playbackId] =
			/^https:\/\/(stream|image)\.mux\.com\/([\w-]+?)(?:\.m3u8|\/thumbnail\.jpg)$/.exec(
				url.origin + url.pathname,
			) ?? [];
		const isThere = [...this.assets.values()].some(
			({ status, playback_ids: [playback] }) => status === "ready" && playback?.id === playbackId,
		);
		if (!isThere) return 404;
		const token = url.searchParams.get("token") ?? "";
		const { kid } = (jwt.decode(token) ?? {}) as { kid?: string };
		const key = this.keys.get(kid ?? "");
		if (!key) return 403;
		try {
			const claims = jwt.verify(token, key, {
				algorithms: ["RS256"],
				audience: kind === "stream" ? "v" : "t",
				subject: playbackId as string,
				clockTimestamp: Math.floor(at / 1_000),
			}) as { exp?: number };
			return claims.exp ? 200 : 403;
		} catch {
			return 403;
		}
	}

	/**
	 * What a browser gets of an asset's stream and still: playlists and segments lie on hosts of their own, under
	 * addresses that Mux itself signs.
	 */
	edge(address: string, at = Date.now()): EdgeAnswer {
		const url = new URL(address);
		const [, assetId = "", number] = /^\/(?:v1\/chunk\/)?(\w+)\/(\d+)?/.exec(url.pathname) ?? [];
		const asset = this.assets.get(assetId);
		if (asset && url.searchParams.get("signature") === this.#signature(url.pathname)) {
			const made = this.#stream(asset);
			if (number) return opened("video/mp2t", made[Number(number)]?.bytes ?? "");
			const parts = made.map(({ seconds }, i) => {
				const path = `/v1/chunk/${assetId}/${i}.ts`;
				const address = `${chunks}${path}?skid=default&signature=${this.#signature(path)}`;
				return [seconds, address] as const;
			});
			return opened(mpegurl, rendition(parts));
		}
		const status = this.open(address, at);
		if (status !== 200) return { ...opened("text/plain", ""), status };
		if (url.hostname.startsWith("image")) return opened("image/gif", still);
		const [playbackId] = url.pathname.slice(1).split(".");
		const id = [...this.assets.values()].find(one => one.playback_ids[0]?.id === playbackId)?.id;
		const path = `/${id}/rendition.m3u8`;
		const signature = this.#signature(path);
		return opened(
			mpegurl,
			multivariant(`${playlists}${path}?cdn=fastly&skid=default&signature=${signature}`),
		);
	}

	#stream({ duration = 0 }: MuxAsset): Segment[] {
		const made = this.#streams.get(duration) ?? segments(duration);
		this.#streams.set(duration, made);
		return made;
	}

	#signature(path: string): string {
		return createHmac("sha256", this.webhookSecret).update(path).digest("base64url");
	}

	#note(type: string, asset: MuxAsset): MuxEvent {
		const event = {
			id: `evt-${idOf(12)}`,
			type,
			created_at: new Date().toISOString(),
			object: { type: "asset" as const, id: asset.id },
			environment: { name: "Test", id: "env-1" },
			data: structuredClone(asset),
		};
		this.events.push(event);
		return event;
	}

	async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
		const url = new URL(request.url ?? "/", "http://mux");
		this.requests.push(`${request.method} ${url.pathname}`);
		const answer = (status: number, body?: object) => {
			response.writeHead(status, { "content-type": "application/json" });
			response.end(body && JSON.stringify(body));
		};
		try {
			const chunks: Buffer[] = [];
			for await (const chunk of request) chunks.push(chunk as Buffer);
			const text = Buffer.concat(chunks).toString();
			const wanted = `Basic ${Buffer.from(`${this.tokenId}:${this.tokenSecret}`).toString("base64")}`;
			if (request.headers.authorization !== wanted)
				throw new Refusal(401, "unauthorized", "Unauthorized request");
			const made = this.#route(`${request.method} ${url.pathname}`, url, text);
			if (made.fault === "lost") request.socket.destroy();
			else if (made.fault !== "hang") answer(made.status, made.body);
		} catch (error) {
			const { status = 500, type = "internal", message } = error as Partial<Refusal>;
			answer(status, { error: { type, messages: [message] } });
		}
	}

	#route(route: string, url: URL, text: string): { status: number; body?: object; fault?: Fault } {
		const [, assetId = ""] = /^\w+ \/video\/v1\/assets\/([\w-]+)$/.exec(route) ?? [];
		const [, keyId = ""] = /^DELETE \/system\/v1\/signing-keys\/([\w-]+)$/.exec(route) ?? [];
		if (route === "POST /video/v1/assets") return this.#make(text);
		if (route === "GET /video/v1/assets") return this.#list(url);
		if (route === "POST /system/v1/signing-keys") return this.#makeKey();
		if (keyId && this.keys.delete(keyId)) return { status: 204 };
		const asset = this.assets.get(assetId);
		if (!asset) throw new Refusal(404, "not_found", "Not Found");
		if (route.startsWith("GET")) return { status: 200, body: { data: asset } };
		if (!route.startsWith("DELETE")) throw new Refusal(404, "not_found", "Not Found");
		this.drop(asset);
		return { status: 204 };
	}

	#make(text: string): { status: number; body?: object; fault?: Fault } {
		const fault = this.faults.shift();
		if (fault === "failure") throw new Refusal(500, "internal", "Something broke");
		if (fault === "limit") throw new Refusal(429, "rate_limited", "Too many requests");
		const order = JSON.parse(text) as {
			inputs?: { url?: string }[];
			playback_policies?: string[];
			passthrough?: string;
		};
		const input = order.inputs?.[0]?.url ?? "";
		const isValid =
			URL.canParse(input) &&
			order.playback_policies?.every(policy => ["public", "signed"].includes(policy)) &&
			(order.passthrough?.length ?? 0) <= 255;
		if (!isValid || fault === "refuse")
			throw new Refusal(400, "invalid_parameters", "Failed to fetch the input");
		const asset: MuxAsset = {
			id: idOf(24),
			created_at: String(Math.floor(Date.now() / 1_000)),
			status: "preparing",
			...(order.passthrough && { passthrough: order.passthrough }),
			playback_ids: (order.playback_policies ?? []).map(policy => ({ id: idOf(24), policy })),
		};
		this.assets.set(asset.id, asset);
		this.inputs.set(asset.id, input);
		this.#note("video.asset.created", asset);
		return { status: 201, body: { data: asset }, ...(fault && { fault }) };
	}

	#list(url: URL): { status: number; body: object } {
		const limit = Number(url.searchParams.get("limit") ?? 25);
		const from = Number(url.searchParams.get("cursor") ?? 0);
		const newestFirst = [...this.assets.values()].reverse();
		const data = newestFirst.slice(from, from + limit);
		const next = from + limit < newestFirst.length ? String(from + limit) : undefined;
		return { status: 200, body: { data, ...(next && { next_cursor: next }) } };
	}

	#makeKey(): { status: number; body: object } {
		const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
		const id = idOf(24);
		this.keys.set(id, createPublicKey(privateKey));
		const pem = privateKey.export({ type: "pkcs1", format: "pem" });
		const created_at = String(Math.floor(Date.now() / 1_000));
		const private_key = Buffer.from(pem).toString("base64");
		return { status: 201, body: { data: { id, created_at, private_key } } };
	}
}
