import { iso } from "../../../kernel/clock.ts";
import { invalidField } from "../../../kernel/errors.ts";
import { type Collection, isDuplicate } from "../../../kernel/store/collection.ts";
import type { ChannelChoice, PreferenceDoc } from "../../../models/engagement/preference.model.ts";
import { kindOf, type NotificationType, optionalTypes } from "./kinds.ts";
import type { Preferences } from "./notifications.contract.ts";
import { afterQuietHours, isTimeZone, type QuietHours } from "./quiet-hours.ts";

type Channels = Required<ChannelChoice>;

/** A key of a stored document has no dot. */
const keyOf = (type: string): string => type.replace(".", ":");

/** By which channels a user hears of a type. */
export function channelsFor(preference: PreferenceDoc | null, type: NotificationType): Channels {
	const { email, isCritical } = kindOf(type);
	const usual = { inApp: true, email, live: true };
	return isCritical ? usual : { ...usual, ...preference?.types[keyOf(type)] };
}

/** When the mail of a notification may go, ISO 8601; undefined for no mail. In-app nothing waits. */
export function mailAt(
	preference: PreferenceDoc | null,
	type: NotificationType,
	now: number,
): string | undefined {
	if (!channelsFor(preference, type).email) return undefined;
	const quiet = kindOf(type).isCritical ? undefined : preference?.quietHours;
	return iso(quiet ? afterQuietHours(now, quiet) : now);
}

/** A user's preferences, those they have not said included. */
export const toPreferences = (preference: PreferenceDoc | null): Preferences => ({
	types: Object.fromEntries(
		optionalTypes.map(type => [type, channelsFor(preference, type)]),
	) as Preferences["types"],
	...(preference?.quietHours && { quietHours: preference.quietHours }),
});

/** @throws VALIDATION_ERROR for hours that are none, or a zone that there is not. */
function checkQuietHours({ from, to, timeZone }: QuietHours): void {
	if (!isTimeZone(timeZone))
		throw invalidField("/quietHours/timeZone", "TIME_ZONE", "must be an IANA time zone");
	if (from === to)
		throw invalidField("/quietHours/to", "EMPTY", "must be another time than `from`");
}

/** Writes to a user's preferences, the first time too. */
async function put(
	preferences: Collection<PreferenceDoc>,
	doc: PreferenceDoc,
	change: Parameters<typeof preferences.advance>[1],
): Promise<PreferenceDoc> {
	for (;;) {
		const changed = await preferences.advance({ id: doc.id }, change);
		if (changed) return changed;
		try {
			return await preferences.insert(doc);
		} catch (error) {
			if (!isDuplicate(error)) throw error;
		}
	}
}

/**
 * Replaces all that a user has said.
 * @throws VALIDATION_ERROR
 */
export async function replacePreferences(
	preferences: Collection<PreferenceDoc>,
	userId: string,
	said: { types?: Record<string, ChannelChoice | undefined>; quietHours?: QuietHours },
	now: number,
): Promise<PreferenceDoc> {
	const { types: given = {}, quietHours } = said;
	if (quietHours) checkQuietHours(quietHours);
	const types = Object.fromEntries(
		Object.entries(given).map(([type, choice = {}]) => [keyOf(type), choice]),
	);
	const doc = { id: userId, types, ...(quietHours && { quietHours }), updatedAt: now };
	return put(preferences, doc, {
		$set: { types, updatedAt: now, ...(quietHours && { quietHours }) },
		...(!quietHours && { $unset: { quietHours: true } }),
	});
}

/** Turns the mail of one type off; the same on every repeat. */
export async function turnMailOff(
	preferences: Collection<PreferenceDoc>,
	userId: string,
	type: NotificationType,
	now: number,
): Promise<void> {
	const key = keyOf(type);
	const doc = { id: userId, types: { [key]: { email: false } }, updatedAt: now };
	await put(preferences, doc, { $set: { [`types.${key}.email`]: false, updatedAt: now } });
}
