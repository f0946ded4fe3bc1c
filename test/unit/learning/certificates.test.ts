import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createLocalJWKSet, jwtVerify } from "jose";
import { Collection, type Driver } from "../../../kernel/store/collection.ts";
import {
	type CertificateDoc,
	CertificateModel,
} from "../../../models/learning/certificate.model.ts";
import {
	type CertificateKeyDoc,
	CertificateKeyModel,
} from "../../../models/learning/certificate-key.model.ts";
import { CertificateKeys } from "../../../services/learning/certificates/keys.ts";
import { Register } from "../../../services/learning/certificates/register.ts";
import { memoryDriver } from "../../support/memory.ts";

const clock = { now: () => Date.UTC(2026, 0, 1) };
const cause = { headers: {}, locals: {} } as never;
const of = { enrollmentId: "enr_1", courseId: "crs_1", userId: "usr_1" };

interface World {
	register: Register;
	/** How the enrollment stands; `beforeRead` runs each time before it is told. */
	seat: { status: "active" | "completed" | "dropped"; completedAt?: string };
	hooks: { beforeRead?: () => Promise<void>; afterRead?: () => Promise<void> };
	doc(): Promise<CertificateDoc | undefined>;
	facts(): Promise<string[]>;
}

async function world(): Promise<World> {
	const certificates = new Collection(CertificateModel, await memoryDriver(CertificateModel));
	const seat: World["seat"] = { status: "completed", completedAt: "2025-12-31T00:00:00.000Z" };
	const hooks: World["hooks"] = {};
	const once = async (name: keyof World["hooks"]) => {
		const hook = hooks[name];
		delete hooks[name];
		await hook?.();
	};
	const register = new Register({
		certificates,
		clock,
		async seat() {
			await once("beforeRead");
			const read = { ...seat };
			await once("afterRead");
			return read;
		},
		snapshot: async () => ({ courseTitle: "Pottery", studentName: "Ada" }),
	});
	return {
		register,
		seat,
		hooks,
		doc: async () => (await certificates.find({}))[0],
		async facts() {
			const found = await certificates.outboxes(10);
			return found.flatMap(({ facts }) => facts.map(({ name }) => name)).sort();
		},
	};
}

describe("a certificate", () => {
	test("is issued once, however many ask at once, and told once", async () => {
		const { register, facts } = await world();
		const all = await Promise.all(Array.from({ length: 20 }, () => register.issue(cause, of)));
		assert.equal(new Set(all.map(({ id }) => id)).size, 1);
		assert.deepEqual(await facts(), ["certificate.issued"]);
	});

	test("is not there before the course is completed, nor what was begun of it", async () => {
		const { register, seat, doc } = await world();
		seat.status = "active";
		await assert.rejects(register.issue(cause, of), { type: "COURSE_NOT_COMPLETED" });
		const begun = (await doc()) as CertificateDoc;
		assert.equal(begun.state, "pending");
		assert.equal(await register.find(begun.id), null);
		seat.status = "completed";
		assert.equal((await register.issue(cause, of)).id, begun.id, "it is taken up");
	});

	for (const when of ["beforeRead", "afterRead"] as const)
		test(`is not issued where the enrollment is dropped and heard of ${when}`, async () => {
			const { register, seat, hooks, doc, facts } = await world();
			hooks[when] = async () => {
				seat.status = "dropped";
				await register.agree(of.enrollmentId);
			};
			await assert.rejects(register.issue(cause, of), { type: "COURSE_NOT_COMPLETED" });
			assert.equal((await doc())?.state, "pending");
			assert.deepEqual(await facts(), []);
		});

	test("is revoked with the enrollment, and holds again with it, each told once", async () => {
		const { register, seat, facts } = await world();
		const issued = await register.issue(cause, of);
		seat.status = "dropped";
		for (let again = 0; again < 3; again++) await register.agree(of.enrollmentId);
		const revoked = await register.find(issued.id);
		assert.deepEqual([revoked?.state, typeof revoked?.revokedAt], ["revoked", "string"]);
		await assert.rejects(register.issue(cause, of), { type: "COURSE_NOT_COMPLETED" });
		seat.status = "completed";
		for (let again = 0; again < 3; again++) await register.agree(of.enrollmentId);
		assert.deepEqual(await register.find(issued.id), { ...issued, version: 4 });
		assert.deepEqual(await facts(), [
			"certificate.issued",
			"certificate.reinstated",
			"certificate.revoked",
		]);
	});

	test("is right at the end where the enrollment changes while it is brought into line", async () => {
		const { register, seat, hooks, doc } = await world();
		await register.issue(cause, of);
		seat.status = "dropped";
		hooks.afterRead = async () => {
			seat.status = "completed";
			await register.agree(of.enrollmentId);
		};
		await register.agree(of.enrollmentId);
		assert.equal((await doc())?.state, "issued");
	});

	test("of an enrollment without one needs nothing", async () => {
		const { register, doc } = await world();
		await register.agree(of.enrollmentId);
		assert.equal(await doc(), undefined);
	});
});

describe("the key of certificates", () => {
	const secrets = ["first-secret-0123456789", "former-secret-0123456789"];
	const open = (driver: Driver, by: readonly string[], warnings: string[] = []) => {
		const store = new Collection<CertificateKeyDoc>(CertificateKeyModel, driver);
		const warn = (message: string) => warnings.push(message);
		return CertificateKeys.open({ store, secrets: by, clock, warn });
	};
	const newDriver = () => memoryDriver(CertificateKeyModel);

	test("is made once by all that start, lies sealed, and verifies what it signed", async () => {
		const driver = await newDriver();
		const all = await Promise.all([1, 2, 3].map(() => open(driver, secrets)));
		const sets = await Promise.all(all.map(keys => keys.publicKeys()));
		assert.equal(new Set(sets.map(set => JSON.stringify(set))).size, 1);
		const jws = await (all[0] as CertificateKeys).sign({ jti: "crt_1" });
		const published = createLocalJWKSet({ keys: sets[2] as never });
		assert.equal((await jwtVerify(jws, published)).payload.jti, "crt_1");
		const [header = "", payload = "", signature = ""] = jws.split(".");
		const forged = Buffer.from('{"jti":"crt_2"}').toString("base64url");
		await assert.rejects(jwtVerify([header, forged, signature].join("."), published));
		assert.ok(payload);
		const [raw] = await driver.find({}, {});
		assert.doesNotMatch(JSON.stringify(raw), /PRIVATE/);
	});

	test("opens with a former secret, is sealed anew, and not without", async () => {
		const driver = await newDriver();
		const before = await (await open(driver, [secrets[1] as string])).publicKeys();
		assert.deepEqual(await (await open(driver, secrets)).publicKeys(), before);
		await open(driver, [secrets[0] as string]);
		await assert.rejects(open(driver, ["another-secret-0123456789"]), /SERVICE_SECRET_KEY/);
	});

	test("without a secret lies open, with a warning, until there is one", async () => {
		const driver = await newDriver();
		const warnings: string[] = [];
		await open(driver, [], warnings);
		assert.equal(warnings.length, 1);
		await open(driver, secrets);
		assert.doesNotMatch(JSON.stringify(await driver.find({}, {})), /PRIVATE/);
	});

	test("is followed by another; earlier ones verify, unless they were lost", async () => {
		const keys = await open(await newDriver(), secrets);
		const early = await keys.sign({ jti: "crt_1" });
		await keys.rotate(false);
		const both = await keys.publicKeys();
		assert.equal(both.length, 2);
		await jwtVerify(early, createLocalJWKSet({ keys: both as never }));
		const kid = await keys.rotate(true);
		assert.deepEqual(
			(await keys.publicKeys()).map(key => key.kid),
			[kid],
		);
		const left = createLocalJWKSet({ keys: (await keys.publicKeys()) as never });
		await assert.rejects(jwtVerify(early, left));
		await jwtVerify(await keys.sign({}), left);
	});
});
