import {
	createHmac,
	generateKeyPairSync,
	type JsonWebKey,
	type KeyObject,
	sign,
} from "node:crypto";

export interface Forger {
	/** The private key that auth signs with. */
	key: KeyObject;
	publicKey: KeyObject;
	/** Its id, and its public form as auth publishes it. */
	jwk: JsonWebKey & { kid: string };
	/** A token that is good. */
	token: string;
	/** Its refresh token. */
	refreshToken: string;
	/** A good token of somebody else. */
	other: string;
	/** Seconds since the epoch. */
	now: number;
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const decode = (part: string): Record<string, unknown> =>
	JSON.parse(Buffer.from(part, "base64url").toString());

/** A JWS (RFC 7515) over whatever header and payload text, by ECDSA with SHA-256; `raw` is r and s, 32 bytes each. */
const jws = (header: object, payload: string, key: KeyObject, form: "raw" | "der" = "raw") => {
	const input = `${encode(header)}.${payload}`;
	const dsaEncoding = form === "raw" ? "ieee-p1363" : "der";
	return `${input}.${sign("sha256", Buffer.from(input), { key, dsaEncoding }).toString("base64url")}`;
};

const pair = (curve: string) => generateKeyPairSync("ec", { namedCurve: curve });

/** The signature with one bit changed. */
const flipped = (signature: string, bit: number): string => {
	const bytes = Buffer.from(signature, "base64url");
	bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (0x80 >> (bit & 7));
	return bytes.toString("base64url");
};

/** Tokens that prove nothing, by how they were made. Some are signed by auth's own key, over what auth never says. */
export function forgedTokens(forger: Forger): Record<string, string> {
	const { key, publicKey, jwk, token, refreshToken, other, now } = forger;
	const { kid } = jwk;
	const [head, body, signature] = token.split(".") as [string, string, string];
	const [, otherBody, otherSignature] = other.split(".") as [string, string, string];
	const header = decode(head);
	const claims = decode(body);
	const admin = { ...claims, roles: ["admin"] };
	const mine = pair("P-256");
	const mineJwk = mine.publicKey.export({ format: "jwk" });
	const p384 = pair("P-384");
	const k256 = pair("secp256k1");
	const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
	const ed = generateKeyPairSync("ed25519");
	const pem = publicKey.export({ type: "spki", format: "pem" }) as string;
	const der = publicKey.export({ type: "spki", format: "der" });

	const claiming = (change: object) => jws(header, encode({ ...claims, ...change }), key);
	const without = (name: string) => {
		const { [name]: _, ...rest } = claims;
		return jws(header, encode(rest), key);
	};
	/** Signed by a key of the forger's, under a header of theirs. */
	const under = (change: object) => jws({ ...header, ...change }, encode(admin), mine.privateKey);
	const unsigned = (alg: string) => `${encode({ ...header, alg })}.${encode(admin)}.`;
	const hmac = (alg: string, secret: string | Buffer) => {
		const input = `${encode({ ...header, alg })}.${encode(admin)}`;
		const hash = `sha${alg.slice(2)}`;
		return `${input}.${createHmac(hash, secret).update(input).digest("base64url")}`;
	};
	const text = (payload: string) => jws(header, Buffer.from(payload).toString("base64url"), key);
	const json = JSON.stringify(claims);

	return {
		...Object.fromEntries(
			["none", "None", "NONE", "nOnE", "none ", "", "ES256 ", "es256"].map(alg => [
				`alg "${alg}", no signature`,
				unsigned(alg),
			]),
		),
		"alg none, the old signature": `${encode({ ...header, alg: "none" })}.${body}.${signature}`,
		"alg none, two parts": `${encode({ ...header, alg: "none" })}.${encode(admin)}`,
		"alg that is a list": `${encode({ ...header, alg: ["none", "ES256"] })}.${encode(admin)}.`,
		"no alg": `${encode({ typ: "JWT", kid })}.${body}.${signature}`,
		"HS256 with the public PEM": hmac("HS256", pem),
		"HS256 with the public DER": hmac("HS256", der),
		"HS384 with the public PEM": hmac("HS384", pem),
		"HS512 with the public PEM": hmac("HS512", pem),
		"HS256 with the public JWK": hmac("HS256", JSON.stringify(jwk)),
		"HS256 with an empty secret": hmac("HS256", ""),
		"HS256 with the kid": hmac("HS256", kid),
		"another key under this kid": under({}),
		"P-384 as ES384": (() => {
			const input = `${encode({ ...header, alg: "ES384" })}.${encode(admin)}`;
			const options = { key: p384.privateKey, dsaEncoding: "ieee-p1363" } as const;
			return `${input}.${sign("sha384", Buffer.from(input), options).toString("base64url")}`;
		})(),
		"secp256k1 as ES256": jws(header, encode(admin), k256.privateKey),
		"RS256 under this kid": (() => {
			const input = `${encode({ ...header, alg: "RS256" })}.${encode(admin)}`;
			return `${input}.${sign("sha256", Buffer.from(input), rsa.privateKey).toString("base64url")}`;
		})(),
		"EdDSA under this kid": (() => {
			const input = `${encode({ ...header, alg: "EdDSA" })}.${encode(admin)}`;
			return `${input}.${sign(null, Buffer.from(input), ed.privateKey).toString("base64url")}`;
		})(),
		"the right key, said to be ES384": jws({ ...header, alg: "ES384" }, body, key),
		"a kid nobody has": jws({ ...header, kid: "other" }, body, key),
		"no kid": jws({ alg: "ES256", typ: "JWT" }, body, key),
		"a kid that is a number": jws({ ...header, kid: 0 }, body, key),
		"a kid that is a list": jws({ ...header, kid: [kid] }, body, key),
		"a kid that is a path": under({ kid: "../../../../dev/null" }),
		"a kid that is SQL": under({ kid: `${kid}' UNION SELECT 'key` }),
		"a kid that is an operator": under({ kid: { $ne: "" } }),
		"a kid that is a prototype's": under({ kid: "__proto__" }),
		"a kid that is a file": under({ kid: "file:///etc/hostname" }),
		"jwk of its own": under({ jwk: mineJwk }),
		"jwk of its own under its own kid": under({ jwk: { ...mineJwk, kid: "own" }, kid: "own" }),
		"jku of its own": under({ jku: "http://127.0.0.1:9/jwks.json" }),
		"x5u of its own": under({ x5u: "http://127.0.0.1:9/cert.pem" }),
		"x5c of its own": under({
			x5c: [mine.publicKey.export({ type: "spki", format: "der" }).toString("base64")],
		}),
		"another issuer": claiming({ iss: "zeolite.example" }),
		"an issuer in other letters": claiming({ iss: "Zeolite" }),
		"no issuer": without("iss"),
		"another audience": claiming({ aud: "zeolite" }),
		"no audience": without("aud"),
		"an empty list of audiences": claiming({ aud: [] }),
		expired: claiming({ iat: now - 1_000, exp: now - 100 }),
		"expired long ago": claiming({ exp: 0 }),
		"not yet valid": claiming({ nbf: now + 600 }),
		"nbf that is text": claiming({ nbf: "tomorrow" }),
		"no expiry": without("exp"),
		"an expiry that is text": claiming({ exp: String(now + 900) }),
		"an expiry that is null": claiming({ exp: null }),
		"an expiry without end": text(json.replace(/"exp":\d+/, '"exp":1e999')),
		"no subject": without("sub"),
		"a subject that is a number": claiming({ sub: 1 }),
		"a subject that is an operator": claiming({ sub: { $ne: "" } }),
		"an empty subject": claiming({ sub: "" }),
		"no session": without("sid"),
		"a session that is a list": claiming({ sid: [claims.sid] }),
		"an empty session": claiming({ sid: "" }),
		"no roles": without("roles"),
		"roles that are text": claiming({ roles: "admin" }),
		"roles that are an object": claiming({ roles: { 0: "admin", length: 1 } }),
		"roles that are no text": claiming({ roles: [["admin"]] }),
		"a payload that is a list": text(JSON.stringify([claims])),
		"a payload that is text": text('"admin"'),
		"a payload that is null": text("null"),
		"a payload that is no JSON": text("admin"),
		"roles added after signing": `${head}.${encode(admin)}.${signature}`,
		"another subject after signing": `${head}.${encode({ ...claims, sub: decode(otherBody).sub })}.${signature}`,
		"the signature of another token": `${head}.${body}.${otherSignature}`,
		"the signature stripped": `${head}.${body}.`,
		"the signature and its dot stripped": `${head}.${body}`,
		"the signature cut by one character": token.slice(0, -1),
		"the signature cut in half": token.slice(0, -43),
		"the signature with one character more": `${token}A`,
		"the signature written with other spare bits": `${token.slice(0, -1)}${spare(token.at(-1) as string)}`,
		...Object.fromEntries(
			[0, 1, 255, 256, 511].map(bit => [
				`bit ${bit} of the signature flipped`,
				`${head}.${body}.${flipped(signature, bit)}`,
			]),
		),
		"a signature of zeros": `${head}.${body}.${Buffer.alloc(64).toString("base64url")}`,
		"a signature in DER": jws(header, body, key, "der"),
		"the signature twice": `${token}.${signature}`,
		"the payload encoded anew": `${head}.${Buffer.from(` ${json}`).toString("base64url")}.${signature}`,
		"the payload padded": `${head}.${body}=.${signature}`,
		"the head encoded anew": `${encode(Object.fromEntries(Object.entries(header).reverse()))}.${body}.${signature}`,
		"two tokens joined": `${token}${other}`,
		"two tokens joined by a dot": `${token}.${other}`,
		"two tokens joined by a comma": `${token},${other}`,
		"five parts, as of a JWE": `${encode({ alg: "dir", enc: "A256GCM", kid })}..AAAA.AAAA.AAAA`,
		"a token in a token": jws(
			{ ...header, cty: "JWT" },
			Buffer.from(token).toString("base64url"),
			mine.privateKey,
		),
		huge: `${head}.${encode({ ...admin, x: "x".repeat(8_000) })}.${signature}`,
		"in other letters": token.toUpperCase(),
		"a refresh token": refreshToken,
		"a session's id": String(claims.sid),
		"a user's id": String(claims.sub),
		"dots alone": "..",
		"one dot": ".",
		"a word": "undefined",
	};
}

/** The same bytes at the end of a signature, in the other way to write them: the last of 86 characters has 4 spare bits. */
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const spare = (last: string): string => alphabet[alphabet.indexOf(last) ^ 1] as string;

/** What no HTTP header brings in one piece, but a call between nodes can. */
export const callTokens = ({ token }: Forger): Record<string, unknown> => ({
	"a space before": ` ${token}`,
	"a space after": `${token} `,
	"a line's end": `${token}\n`,
	"a NUL at the end": `${token}\0`,
	"the scheme before": `Bearer ${token}`,
	"256 KiB": "a".repeat(256 * 1024),
	"256 KiB of dots": ".".repeat(256 * 1024),
	"a number": 1,
	true: true,
	"an object": { token },
	"a list": [token],
	"a lone surrogate": `${token}\ud800`,
});

/** `Authorization` of a good token, in ways that say nothing. */
export const authorizations = ({ token }: Forger): Record<string, string> => ({
	"no scheme": token,
	"scheme alone": "Bearer",
	"scheme without a space": `Bearer${token}`,
	"another scheme": `Basic ${Buffer.from(`admin:${token}`).toString("base64")}`,
	"a scheme of old": `JWT ${token}`,
	"a tab": `Bearer\t${token}`,
	"two tokens": `Bearer ${token} ${token}`,
	"two schemes": `Bearer Bearer ${token}`,
	"two values": `Bearer ${token}, Bearer ${token}`,
	"in quotes": `Bearer "${token}"`,
	"by name": `Bearer token=${token}`,
	"a space in the token": `Bearer ${token.replace(".", ". ")}`,
});
