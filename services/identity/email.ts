import { invalidField } from "../../kernel/errors.ts";

const local = "[\\p{L}\\p{M}\\p{N}!#$%&'*+/=?^_`{|}~-]+";
const label = "[\\p{L}\\p{M}\\p{N}](?:[\\p{L}\\p{M}\\p{N}-]*[\\p{L}\\p{M}\\p{N}])?";
const address = new RegExp(`^${local}(?:\\.${local})*@(?:${label}\\.)+${label}$`, "u");

const longest = 254;

/**
 * The form in which addresses are compared: trimmed, NFKC (UAX #15), lower case. Normalised again at the end, because
 * a few capitals have no composed form and their small letters do.
 */
export const canonicalEmail = (typed: string): string =>
	typed.normalize("NFKC").toLowerCase().normalize("NFKC").trim();

/**
 * The canonical form of an address that may receive mail (RFC 5321 §4.1.2 without quoting, RFC 6531 letters).
 * @throws VALIDATION_ERROR at `/email`.
 */
export function checkedEmail(typed: string): string {
	const email = canonicalEmail(typed);
	if (email.length > longest || !address.test(email))
		throw invalidField("/email", "FORMAT", "must be an e-mail address");
	return email;
}
