import assert from "node:assert/strict";
import { ServiceBroker } from "moleculer";
import { Collection, type Driver } from "../../kernel/store/collection.ts";
import type { Doc, Model } from "../../kernel/store/model.ts";
import { openNedb } from "../../kernel/store/nedb.ts";

const broker = new ServiceBroker({ logger: false, skipProcessEventRegistration: true });

/** The real store of one model, empty and in memory, its unique indexes included. */
export const memoryDriver = <T extends Doc>(model: Model<T>): Promise<Driver> =>
	openNedb(broker, model, undefined, assert.fail);

/** A collection on it. */
export const memoryCollection = async <T extends Doc>(model: Model<T>): Promise<Collection<T>> =>
	new Collection(model, await memoryDriver(model));

/** A clock that stands, and can be put forward. */
export class StillClock {
	ms = Date.parse("2026-05-01T12:00:00.000Z");
	now(): number {
		return this.ms;
	}
}
