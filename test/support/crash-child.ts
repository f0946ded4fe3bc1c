// The whole product as one embedded process that plays a journey and, where CRASH_AT says so, ends on the way.
import { readEnv } from "../../kernel/env.ts";
import { findServices } from "../../kernel/load.ts";
import { createNode } from "../../kernel/node.ts";
import { brokerOptions } from "../../moleculer.config.ts";
import { fileMemory, placeIn } from "./crash.ts";
import { type Journey, play } from "./crash-journey.ts";
import { type JourneyName, journeys } from "./crash-journeys.ts";

const [, , name, cast, notes] = process.argv as [string, string, JourneyName, string, string];
const node = await createNode({
	env: readEnv(process.env),
	folders: await findServices(process.cwd()),
	configure: brokerOptions,
	identity: { keys: "auth.jwks", revoked: "auth.revoked", hint: "auth.revoked" },
});
await node.start();
const journey: Journey = journeys[name];
const place = placeIn(process.env.DATA_DIR as string, node);
await play(journey, place, { cast: JSON.parse(cast), memory: fileMemory(notes) });
process.exit(0);
