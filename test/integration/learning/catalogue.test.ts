import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { ServiceBroker } from "moleculer";
import type { Identity, Params } from "../../../kernel/contract.ts";
import { Collection, type Driver } from "../../../kernel/store/collection.ts";
import { openMongo } from "../../../kernel/store/mongo.ts";
import { openNedb } from "../../../kernel/store/nedb.ts";
import { type CourseDoc, CourseModel } from "../../../models/learning/course.model.ts";
import { catalogueQuery } from "../../../services/learning/courses/catalogue.ts";
import { courseFrom } from "../../../services/learning/courses/editing.ts";
import { rated } from "../../../services/learning/courses/rating.ts";
import { needs } from "../../support/servers.ts";

type Filters = Params<"courses.list">;

const broker = new ServiceBroker({ logger: false });
const titles = ["Pottery for all", "Crème brûlée", "Straße & Łódź", "Clay, fire, glaze", "Zen"];
const categories = [undefined, "Crafts", "Cookery", "Künste"];
const levels = [undefined, "beginner", "advanced"] as const;
const languages = [undefined, "en", "en-GB", "eng", "de"];
const statuses = ["published", "published", "published", "draft", "archived"] as const;
const pick = <T>(of: readonly T[], i: number): T => of[i % of.length] as T;

/** Sixty courses, no two alike in all that is asked for. */
const courses: CourseDoc[] = Array.from({ length: 60 }, (_, i) => {
	const [category, level, language] = [pick(categories, i), pick(levels, i), pick(languages, i)];
	const made = courseFrom(
		{
			title: `${pick(titles, i)} ${i}`,
			price: (i % 7) * 10,
			currency: i % 3 ? "USD" : "JPY",
			status: pick(statuses, i + Math.floor(i / 5)),
			...(category && { category }),
			...(level && { level }),
			...(language && { language }),
		},
		{
			id: `crs_${String(i).padStart(3, "0")}`,
			teacherId: i % 2 ? "usr_t" : "usr_u",
			now: new Date(1_700_000_000_000 + (i % 20) * 1_000).toISOString(),
		},
	);
	const { $set } = rated({ ratingCount: i % 4, ratingSum: (i % 4) * ((i % 5) + 1) });
	return { ...made, enrollmentCount: i % 6, ...$set };
});

const teacher: Identity = { id: "usr_t", roles: ["teacher"], sid: "ses_1" };

/** What is asked for, in the words of the description; `by` where somebody is signed in. */
const asks: readonly [Filters, (course: CourseDoc) => boolean, Identity?][] = [
	[{}, () => true],
	[{ q: "pot" }, c => c.title.startsWith("Pottery")],
	[{ q: "BRULEE Cre" }, c => c.title.startsWith("Crème")],
	[{ q: "strasse lodz" }, c => c.title.startsWith("Straße")],
	[{ q: "kunst" }, c => c.category === "Künste"],
	[{ q: "pot craft" }, c => c.title.startsWith("Pottery") && c.category === "Crafts"],
	[{ q: "lay" }, () => false],
	[{ q: "$where .* words.a" }, () => false],
	[{ free: true }, c => c.priceMinor === 0],
	[{ free: false }, c => c.priceMinor > 0],
	[{ currency: "JPY" }, c => c.currency === "JPY"],
	[
		{ currency: "USD", minPrice: 20, maxPrice: 40 },
		c => c.currency === "USD" && c.priceMinor >= 2_000 && c.priceMinor <= 4_000,
	],
	[{ minRating: 3 }, c => (c.rating ?? 0) >= 3],
	[{ category: "  KUNSTE " }, c => c.category === "Künste"],
	[{ category: " " }, () => true],
	[{ level: "beginner" }, c => c.level === "beginner"],
	[{ language: "en" }, c => c.language === "en" || c.language === "en-GB"],
	[{ teacherId: "usr_u" }, c => c.teacherId === "usr_u"],
	[{ teacherId: "usr_t", status: "draft" }, () => false],
	[{ status: "all" }, () => true],
	[{ teacherId: "usr_t", status: "draft" }, c => c.teacherId === "usr_t", teacher],
	[{ teacherId: "usr_u", status: "draft" }, () => false, teacher],
	[{ teacherId: "usr_t", status: "all" }, c => c.teacherId === "usr_t", teacher],
];

const sorts = ["newest", "popular", "rating", "price", "-price", "title", "-title"] as const;
const keyOf: Record<(typeof sorts)[number], (course: CourseDoc) => number | string> = {
	newest: c => -Date.parse(c.createdAt),
	popular: c => -c.enrollmentCount,
	rating: c => -(c.ratingScore ?? 0),
	price: c => c.priceMinor,
	"-price": c => -c.priceMinor,
	title: c => c.titleKey,
	"-title": c => c.titleKey,
};

/** Every course that is found, page by page by cursors. */
async function walk(
	collection: Collection<CourseDoc>,
	filters: Filters,
	by?: Identity,
): Promise<CourseDoc[]> {
	const { guard, sort } = catalogueQuery(filters, by);
	const seen: CourseDoc[] = [];
	for (let cursor: string | undefined; ; ) {
		const page = await collection.list(guard, { pageSize: 7, ...(cursor && { cursor }) }, sort);
		seen.push(...page.items);
		if (!page.nextCursor) return seen;
		cursor = page.nextCursor;
	}
}

function catalogue(name: string, open: () => Promise<Driver>) {
	describe(`the catalogue on ${name}`, () => {
		const filled = async (t: TestContext) => {
			const collection = new Collection(CourseModel, await open());
			t.after(() => collection.close());
			for (const course of courses)
				if (!(await collection.get(course.id))) await collection.insert(course);
			return collection;
		};

		test("has what is asked for and nothing else", async t => {
			const collection = await filled(t);
			for (const [filters, fits, by] of asks) {
				const status = filters.status ?? "published";
				const inStatus = (c: CourseDoc) =>
					status === "all" && by ? true : c.status === (status === "all" ? "published" : status);
				const wanted = courses.filter(c => fits(c) && inStatus(c)).map(({ id }) => id);
				const found = (await walk(collection, filters, by)).map(({ id }) => id);
				assert.deepEqual(found.toSorted(), wanted.toSorted(), JSON.stringify(filters));
			}
		});

		test("is in the order that is asked for, each course once, across pages", async t => {
			const collection = await filled(t);
			for (const sort of sorts) {
				const found = await walk(collection, { sort });
				const way = sort === "-title" ? -1 : 1;
				const keys = found.map(keyOf[sort]);
				for (const [i, key] of keys.entries()) {
					const next = keys[i + 1];
					if (next !== undefined && next !== key) assert.equal(key < next ? 1 : -1, way, sort);
				}
				assert.equal(new Set(found.map(({ id }) => id)).size, 36, sort);
			}
		});
	});
}

catalogue("NeDB", () => openNedb(broker, CourseModel, undefined, assert.fail));
const servers = await needs("mongo");
if (servers) {
	const namespace = `catalogue_${process.pid}_${Date.now()}`;
	catalogue("MongoDB", () =>
		openMongo(broker, CourseModel, servers.mongo.url, namespace, () => {}),
	);
}
