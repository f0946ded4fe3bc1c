import type { Clock } from "../../../../kernel/clock.ts";
import type { Caller } from "../../../../kernel/contract.ts";
import { watchedCalls } from "../../../../kernel/crash-point.ts";
import type { Env } from "../../../../kernel/env.ts";
import { defineMixin } from "../../../../kernel/implement.ts";
import { platformOf } from "../../../../kernel/platform.ts";
import type { Collection } from "../../../../kernel/store/collection.ts";
import { spannedCalls } from "../../../../kernel/tracing/spans.ts";
import type { PlaybackKeyDoc } from "../../../../models/content/playback-key.model.ts";
import { providersOf } from "./choose.ts";
import { PlaybackKeys } from "./playback-keys.ts";
import type { VideoProvider } from "./port.ts";

interface WithProviders {
	env: Env;
	broker: Caller;
	clock: Clock;
	name: string;
	logger: { warn(message: string): void };
	keys: Collection<PlaybackKeyDoc>;
	providers: ReadonlyMap<string, VideoProvider>;
}

/** Gives a service that keeps `keys` the video providers that are set up here, by name. */
export const VideoProviders = defineMixin({
	brings: undefined as Pick<WithProviders, "providers"> | undefined,
	async started(this: WithProviders) {
		const { env, broker, clock, keys } = this;
		const { MUX_SIGNING_KEY: keyId, MUX_SIGNING_PRIVATE_KEY: privateKey } = env;
		const playbackKeys = new PlaybackKeys({
			store: keys,
			tokenId: env.MUX_TOKEN_ID ?? "",
			given: keyId && privateKey ? { keyId, privateKey } : undefined,
			secrets: env.SERVICE_SECRET_KEY,
			clock,
			warn: message => this.logger.warn(message),
		});
		const { tracing } = platformOf(broker);
		const made = providersOf(env, { mesh: broker, clock, key: mux => playbackKeys.get(mux) });
		this.providers = new Map(
			[...made].map(([name, provider]) => {
				const watched = watchedCalls(env, this.name, provider, ["create", "remove"]);
				const calls = ["create", "findBy", "fetch", "remove"] as const;
				return [name, tracing.spans ? spannedCalls(name, watched, calls) : watched];
			}),
		);
	},
});
