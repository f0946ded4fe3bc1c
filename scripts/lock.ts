// npm run lock: writes the face of all contracts into contracts.lock.json, unless it breaks a promise.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Contracts } from "../kernel/contracts.ts";
import { findServices } from "../kernel/load.ts";
import { brokenPromises, type Lock, lockOf } from "../kernel/lock.ts";

const root = resolve(import.meta.dirname, "..");
const file = join(root, "contracts.lock.json");

const folders = await findServices(root);
const now = lockOf(new Contracts(folders.map(folder => folder.contract)));
const before: Lock = existsSync(file)
	? (JSON.parse(readFileSync(file, "utf8")) as Lock)
	: { actions: {}, facts: {} };
const broken = brokenPromises(before, now);
for (const promise of broken) console.error(promise);
if (broken.length > 0) process.exitCode = 1;
else writeFileSync(file, `${JSON.stringify(now, null, "\t")}\n`);
