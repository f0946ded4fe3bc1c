/** How long the gateway has to answer, ms. */
const patienceMs = 8_000;
/** A token is renewed this long before it ends, ms. */
const marginMs = 60_000;

/** The gateway answered with a problem; `status` 0 where it did not answer. */
export class Problem extends Error {
	constructor(status, code, message) {
		super(message);
		this.status = status;
		this.code = code;
	}
}

async function send(method, path, { token, body } = {}) {
	let response;
	try {
		response = await fetch(path, {
			method,
			headers: {
				...(body && { "content-type": "application/json" }),
				...(token && { authorization: `Bearer ${token}` }),
			},
			body: body && JSON.stringify(body),
			credentials: "omit",
			cache: "no-store",
			signal: AbortSignal.timeout(patienceMs),
		});
	} catch {
		throw new Problem(0, "NO_ANSWER", "The gateway does not answer");
	}
	const answer = await response.json().catch(() => undefined);
	if (response.ok) return answer;
	const { code = "", detail = response.statusText } = answer ?? {};
	throw new Problem(response.status, code, detail);
}

/** Who is signed in. Its tokens are in this variable and nowhere else; they go with the page. */
let session;
let renewal;

function begin({ user, accessToken, refreshToken, expiresIn }) {
	session = {
		user: user ?? session?.user,
		token: accessToken,
		refreshToken,
		endsAt: performance.now() + expiresIn * 1_000 - marginMs,
	};
}

/** @returns the user. @throws Problem */
export async function signIn(email, password) {
	begin(await send("POST", "/api/auth/login", { body: { email, password } }));
	return session.user;
}

/** Ends the session, here at once and at the server as soon as it hears of it. */
export function signOut() {
	const { token } = session ?? {};
	session = undefined;
	if (token) send("POST", "/api/auth/logout", { token }).catch(() => {});
}

/** One renewal for all who need it: a refresh token is good for one. */
function renew() {
	renewal ??= send("POST", "/api/auth/refresh", { body: { refreshToken: session.refreshToken } })
		.then(begin)
		.finally(() => {
			renewal = undefined;
		});
	return renewal;
}

async function call(method, path) {
	if (!session) throw new Problem(401, "UNAUTHENTICATED", "Nobody is signed in");
	if (performance.now() >= session.endsAt) await renew();
	try {
		return await send(method, path, { token: session.token });
	} catch (problem) {
		if (problem.status !== 401 || !session) throw problem;
		await renew();
		return send(method, path, { token: session.token });
	}
}

/** What the gateway answers to who is signed in. @throws Problem; 401 where the session is over. */
export const get = path => call("GET", path);
export const post = path => call("POST", path);
