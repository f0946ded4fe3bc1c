import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { recount } from "../../../services/learning/courses/recount.ts";

test("the count is the owner's last one, however recounts, changes and answers interleave", async () => {
	await fc.assert(
		fc.asyncProperty(
			fc.scheduler(),
			fc.array(fc.constantFrom(1, -1), { minLength: 1, maxLength: 6 }),
			async (scheduler, changes) => {
				let owned = 0;
				let stored = 0;
				const count = async () => {
					const counted = owned;
					return scheduler.schedule(Promise.resolve(counted), `counted ${counted}`);
				};
				const courses = {
					async advance(_: object, change: { $set?: { enrollmentCount?: number } }) {
						const { enrollmentCount = 0 } = change.$set ?? {};
						await scheduler.schedule(Promise.resolve(), `writes ${enrollmentCount}`);
						stored = enrollmentCount;
						return null;
					},
				};
				const recounts = changes.map(async change => {
					await scheduler.schedule(Promise.resolve(), `changes by ${change}`);
					owned += change;
					await recount(courses as never, "crs_1", count);
				});
				await scheduler.waitFor(Promise.all(recounts));
				assert.equal(stored, owned);
			},
		),
	);
});
