import { defineModel } from "../../kernel/store/model.ts";

/** The sandbox's webhook secret where the deployment has no secret of its own. */
export interface SandboxSecretDoc {
	id: string;
	secret: string;
}

export const SandboxSecretModel = defineModel<SandboxSecretDoc>()({
	name: "sandbox_secrets",
	fields: { secret: String },
	indexes: {},
});
