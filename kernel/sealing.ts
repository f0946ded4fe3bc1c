import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

const ivBytes = 12;
const tagBytes = 16;

const keyOf = (secret: string): Buffer =>
	Buffer.from(hkdfSync("sha256", secret, "", "zeolite signing keys", 32));

/**
 * Encrypts `text` with AES-256-GCM under a key derived from `secret` by HKDF (RFC 5869).
 * @param name what it belongs to; it opens under the same name only.
 * @returns iv, tag and ciphertext, base64url.
 */
export function seal(text: string, secret: string, name: string): string {
	const iv = randomBytes(ivBytes);
	const cipher = createCipheriv("aes-256-gcm", keyOf(secret), iv).setAAD(Buffer.from(name));
	const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
	return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString("base64url");
}

/** What `seal` encrypted under this secret and name; null where another secret, name or text is meant. */
export function unseal(sealed: string, secret: string, name: string): string | null {
	const bytes = Buffer.from(sealed, "base64url");
	if (bytes.length < ivBytes + tagBytes) return null;
	const decipher = createDecipheriv("aes-256-gcm", keyOf(secret), bytes.subarray(0, ivBytes))
		.setAAD(Buffer.from(name))
		.setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes));
	try {
		return (
			decipher.update(bytes.subarray(ivBytes + tagBytes), undefined, "utf8") +
			decipher.final("utf8")
		);
	} catch {
		return null;
	}
}
