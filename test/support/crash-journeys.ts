import type { Journey } from "./crash-journey.ts";
import { lecture } from "./crash-lecture.ts";
import { purchase } from "./crash-purchase.ts";

/** What crashes cut off, by name. */
export const journeys = { purchase, lecture } satisfies Record<string, Journey>;
export type JourneyName = keyof typeof journeys;
export const journeyNames = Object.keys(journeys) as JourneyName[];
