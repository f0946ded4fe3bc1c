import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import generate from "openapi-typescript";
import { Contracts } from "../../kernel/contracts.ts";
import { findServices } from "../../kernel/load.ts";
import { openApi } from "../../services/gateway/api/openapi.ts";
import { root } from "../support/node.ts";

/** What somebody would write who has the generated types and nothing else of ours. */
const sample = `
import type { operations, paths } from "./api.ts";

type Json<T> = T extends { content: { "application/json": infer B } } ? B : never;
type Problem<T> = T extends { content: { "application/problem+json": infer B } } ? B : never;
type Answers<O> = O extends { responses: infer R } ? R : never;

declare function post<P extends keyof paths>(
	path: P,
	body: paths[P] extends { post: { requestBody?: infer B } } ? Json<NonNullable<B>> : never,
): Promise<Answers<paths[P] extends { post: infer O } ? O : never>>;

const made = await post("/api/courses", { title: "Pottery", price: 99.99, status: "draft" });
const course: Json<(typeof made)[201]> = {} as Json<(typeof made)[201]>;
export const minor: number = course.priceMinor;
export const state: "draft" | "published" | "archived" = course.status;

// @ts-expect-error the field is title
await post("/api/courses", { titel: "Pottery" });
// @ts-expect-error a price is a number
await post("/api/courses", { title: "Pottery", price: "99.99" });
// @ts-expect-error there is no such status
await post("/api/courses", { title: "Pottery", status: "sold" });
// @ts-expect-error there is no such path
await post("/api/course", { title: "Pottery" });
// @ts-expect-error there is no such field
course.cost;

declare const refused: Problem<Answers<operations["enrollments.enroll"]>[402 | 409]>;
if (refused.code === "PAYMENT_REQUIRED") {
	const due: number = refused.amountMinor;
	console.log(due, refused.currency);
} else if (refused.code === "ALREADY_ENROLLED") {
	// @ts-expect-error only a problem that has an amount has one
	console.log(refused.amountMinor);
}
// @ts-expect-error nobody answers with this code
refused.code === "PAYMENT_REQUIERD";
`;

const settings = {
	compilerOptions: {
		target: "es2024",
		module: "nodenext",
		strict: true,
		noEmit: true,
		allowImportingTsExtensions: true,
		types: [],
		lib: ["es2024", "dom"],
	},
	include: ["*.ts"],
};

async function compile(t: TestContext, types: string, client: string): Promise<string> {
	const dir = mkdtempSync(join(tmpdir(), "zeolite-client-"));
	t.after(() => rmSync(dir, { recursive: true }));
	for (const [file, text] of Object.entries({
		"package.json": '{"type": "module"}',
		"tsconfig.json": JSON.stringify(settings),
		"api.ts": types,
		"client.ts": client,
	}))
		writeFileSync(join(dir, file), text);
	const run = promisify(execFile)(join(root, "node_modules/.bin/tsc"), ["-p", dir]);
	return run.then(
		({ stdout }) => stdout,
		({ stdout }) => stdout,
	);
}

test("a typed client is generated from the document, and holds its user to it", async t => {
	const folders = await findServices(root);
	const contracts = new Contracts(folders.map(folder => folder.contract));
	const document = JSON.parse(JSON.stringify(openApi(contracts, "http://127.0.0.1:3000")));
	const types = await generate(document);
	assert.equal(await compile(t, types, sample), "");
	const careless = sample.replace("// @ts-expect-error the field is title\n", "");
	assert.match(await compile(t, types, careless), /titel/);
});
