import { defineModel } from "../../kernel/store/model.ts";

/** What a user has said of one type of notification; what they have not is as it is for all. */
export interface ChannelChoice {
	inApp?: boolean;
	email?: boolean;
	live?: boolean;
}

/** How a user wants to hear of things; its id is the user's. */
export interface PreferenceDoc {
	id: string;
	/** By type, `:` for its dot. */
	types: Record<string, ChannelChoice>;
	quietHours?: { from: string; to: string; timeZone: string };
	/** ms */
	updatedAt: number;
}

export const PreferenceModel = defineModel<PreferenceDoc>()({
	name: "notification_preferences",
	fields: { types: { type: Object }, quietHours: { type: Object }, updatedAt: Number },
	indexes: {},
});
