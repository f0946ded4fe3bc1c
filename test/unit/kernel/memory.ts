import assert from "node:assert/strict";
import { ServiceBroker } from "moleculer";
import { Collection } from "../../../kernel/store/collection.ts";
import type { Doc, Model } from "../../../kernel/store/model.ts";
import { openNedb } from "../../../kernel/store/nedb.ts";

const broker = new ServiceBroker({ logger: false });

/** An empty collection in memory. */
export const inMemory = async <T extends Doc>(model: Model<T>): Promise<Collection<T>> =>
	new Collection(model, await openNedb(broker, model, undefined, assert.fail));

/** A clock that stands, and can be put forward. */
export class StillClock {
	ms = Date.parse("2026-05-01T12:00:00.000Z");
	now(): number {
		return this.ms;
	}
}
