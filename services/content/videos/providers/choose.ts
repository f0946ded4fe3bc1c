import type { Clock } from "../../../../kernel/clock.ts";
import type { Caller } from "../../../../kernel/contract.ts";
import type { Env } from "../../../../kernel/env.ts";
import { type MuxSettings, muxProvider } from "./mux.ts";
import type { VideoProvider } from "./port.ts";
import { sandboxProvider } from "./sandbox.ts";

/** Every provider that is set up here, by name. Made once for a process: each keeps its connections. */
export function providersOf(
	env: Env,
	{ mesh, clock, key }: { mesh: Caller; clock: Clock; key: MuxSettings["key"] },
): ReadonlyMap<string, VideoProvider> {
	const providers: VideoProvider[] = [];
	if (env.sandbox) providers.push(sandboxProvider(mesh));
	const { MUX_TOKEN_ID: tokenId, MUX_TOKEN_SECRET: tokenSecret } = env;
	if (tokenId && tokenSecret)
		providers.push(
			muxProvider({
				tokenId,
				tokenSecret,
				webhookSecrets: env.MUX_WEBHOOK_SECRET,
				apiBase: env.MUX_API_BASE,
				clock,
				key,
			}),
		);
	return new Map(providers.map(provider => [provider.name, provider]));
}

/** Who makes new videos: Mux where its keys are set, else the sandbox where it may; undefined for nobody. */
export const providerFor = (env: Env): "mux" | "sandbox" | undefined =>
	env.MUX_TOKEN_SECRET ? "mux" : env.sandbox ? "sandbox" : undefined;
