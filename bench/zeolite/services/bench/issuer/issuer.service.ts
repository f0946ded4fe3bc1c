import { readFileSync } from "node:fs";
import { join } from "node:path";
import { implement } from "../../../../../kernel/implement.ts";
import { issuer } from "./issuer.contract.ts";

const key = JSON.parse(readFileSync(join(process.env.BENCH_DIR ?? "", "key.json"), "utf8"));

export default implement(issuer, {
	actions: {
		async keys() {
			return { keys: [key] };
		},

		async revoked() {
			return { sessions: [] };
		},
	},
});
