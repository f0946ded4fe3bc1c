import { defineModel } from "../../kernel/store/model.ts";

/** Failed logins of one account from one address, or of one address, in one window of time. */
export interface LoginWindowDoc {
	id: string;
	/** End of the window, ms. */
	endsAt: number;
	/** Failures and attempts under way together: what is left of the limit is free. */
	slots: number;
	failures: number;
}

export const LoginWindowModel = defineModel<LoginWindowDoc>()({
	name: "login_windows",
	fields: { endsAt: Number, slots: Number, failures: Number },
	indexes: { endsAt: {} },
});
