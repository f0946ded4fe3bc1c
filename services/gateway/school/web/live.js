import { accessToken, get } from "./api.js";
import { user } from "./session.js";
import { showUnread, toast } from "./shell.js";

/** Without a live line this often, ms. */
const pollMs = 30_000;

/** Where a notification leads; nowhere where there is nothing to see. */
export function leadsTo({ type, data = {} }) {
	const { courseId, paymentId, lectureId, certificateId, payable } = data;
	if (type.startsWith("lecture.") && courseId) return `#/teach/${courseId}`;
	if (type === "certificate.issued" && certificateId) return `/certificates/${certificateId}`;
	if (type.startsWith("enrollment.") && courseId) return `#/learn/${courseId}`;
	if (type.startsWith("payment.") && (paymentId ?? payable)) return "#/account/purchases";
	return courseId && !lectureId ? `#/courses/${courseId}` : undefined;
}

let socket;
let timer;
const listeners = new Set();

/** Is told each notification that comes while the page is there. Gives back what ends that. */
export function onNotice(listener) {
	listeners.add(listener);
	return () => listeners.delete(listener);
}

const toldOf = new Set();

function hear(notice) {
	if (toldOf.has(notice.id)) return;
	toldOf.add(notice.id);
	const href = leadsTo(notice);
	toast(notice.title, href && { href, name: "Look" });
	for (const listener of listeners) listener(notice);
}

let newest;

/** Asks what is unread; what has come since the last time is told. */
async function look() {
	if (!user()) return;
	const { items, unread } = await get("/api/notifications?pageSize=5");
	showUnread(unread);
	const fresh =
		newest === undefined
			? []
			: items.filter(({ createdAt, readAt }) => createdAt > newest && !readAt);
	newest = items.reduce((last, { createdAt }) => (createdAt > last ? createdAt : last), "");
	for (const notice of fresh.reverse()) hear(notice);
}

const again = () => {
	if (!document.hidden && !socket?.connected) look().catch(() => {});
};

async function connect() {
	const { io } = await import("./socket.io.js");
	if (!user()) return;
	const line = io({
		auth: answer =>
			accessToken().then(
				value => answer({ token: value }),
				() => answer({}),
			),
		transports: ["websocket", "polling"],
		reconnectionDelayMax: 30_000,
	});
	socket = line;
	line.on("notification", ({ unread, ...notice }) => {
		if (typeof unread === "number") showUnread(unread);
		hear(notice);
	});
	line.on("unread", count => showUnread(typeof count === "number" ? count : count.unread));
	line.on("connect", () => look().catch(() => {}));
}

/** Notifications of whoever is signed in, live; nobody's where nobody is. */
export async function listen(who = user()) {
	socket?.close();
	socket = undefined;
	clearInterval(timer);
	newest = undefined;
	showUnread(0);
	if (!who) return;
	timer = setInterval(again, pollMs);
	await look().catch(() => {});
	// The page is there first.
	setTimeout(() => connect().catch(() => {}), 500);
}

document.addEventListener("visibilitychange", again);
