/** Where the session lies: every tab of this browser has the same one, and it outlives a reload. */
const place = "zeolite.session";
/** A token is renewed this long before it ends, ms. */
const marginMs = 30_000;
/** Tabs are processes: what one writes, another reads a little later, and must have before the lock is its own, ms. */
const settleMs = 100;

const listeners = new Set();

function read() {
	try {
		return JSON.parse(localStorage.getItem(place)) ?? undefined;
	} catch {
		return undefined;
	}
}

let session = read();

function write(next) {
	const isAnother = next?.user?.id !== session?.user?.id;
	session = next;
	if (next) localStorage.setItem(place, JSON.stringify(next));
	else localStorage.removeItem(place);
	if (isAnother) tell();
}

const tell = () => {
	for (const listener of listeners) listener(session?.user);
};

addEventListener("storage", ({ key }) => {
	if (key !== place && key !== null) return;
	const before = session?.user?.id;
	session = read();
	if (session?.user?.id !== before) tell();
});

/** Who is signed in, if anybody. */
export const user = () => session?.user;

export const isTeacher = () =>
	session?.user.roles.some(role => role === "teacher" || role === "admin");

/** Is told who is signed in whenever that changes, in another tab too. */
export const onUser = listener => listeners.add(listener);

const sessionOf = ({ user, accessToken, refreshToken, expiresIn }) => ({
	user: user ?? session?.user,
	accessToken,
	refreshToken,
	endsAt: Date.now() + expiresIn * 1_000,
});

/** Begins with what `register` or `login` answered. */
export const begin = answer => write(sessionOf(answer));

export const forget = () => write(undefined);

/** Keeps what the user changed of their own profile. */
export function know(user) {
	write({ ...session, user });
	tell();
}

/** The token as it is, for what cannot wait: a page that is being left. */
export const tokenNow = () => session?.accessToken;

/** One tab at a time: a refresh token is good for one. Without locks (no secure context) the server forgives 10 s. */
const alone = work => (navigator.locks ? navigator.locks.request(place, work) : work());

/**
 * The access token, undefined where nobody is signed in; renewed when it ends soon or when it is `stale`, which the
 * server refused.
 * @param refresh trades a refresh token; rejects with a problem, by 401 where the session is over.
 */
export async function token(refresh, stale) {
	const isGood = () =>
		session && session.accessToken !== stale && Date.now() < session.endsAt - marginMs;
	if (!session || isGood()) return session?.accessToken;
	return alone(async () => {
		session = read();
		if (!session || isGood()) return session?.accessToken;
		try {
			write(sessionOf(await refresh(session.refreshToken)));
			await new Promise(settled => setTimeout(settled, settleMs));
		} catch (problem) {
			if (problem.status !== 401) throw problem;
			forget();
		}
		return session?.accessToken;
	});
}
