import { Type } from "typebox";
import { defineContract } from "../../../../../kernel/contract.ts";

const Key = Type.Object({
	kid: Type.String(),
	kty: Type.Literal("EC"),
	crv: Type.Literal("P-256"),
	x: Type.String(),
	y: Type.String(),
	alg: Type.Literal("ES256"),
	use: Type.Literal("sig"),
});

/** Stands for auth: what nodes need to verify the tokens of the bench. */
export const issuer = defineContract("issuer", {
	description: "The key that signed the tokens of a bench",
	actions: {
		keys: {
			description: "The public key",
			kind: "read",
			access: "internal",
			result: Type.Object({ keys: Type.Array(Key) }, { $id: "BenchKeys" }),
			example: {},
		},
		revoked: {
			description: "No session is ever revoked here",
			kind: "read",
			access: "internal",
			result: Type.Object({ sessions: Type.Array(Type.String()) }, { $id: "BenchRevoked" }),
			example: {},
		},
	},
});
