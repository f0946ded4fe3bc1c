import { get, signIn, signOut } from "./api.js";
import { callTable } from "./calls.js";
import { crystal } from "./crystal.js";
import { byId, say, set } from "./dom.js";
import { showErrors } from "./errors.js";
import { explainBox } from "./explain.js";
import { factView } from "./facts.js";
import { showBreakers, showNodes } from "./nodes.js";
import { showTroubles, tiles } from "./overview.js";
import { poll } from "./poll.js";
import { clock, rate, some } from "./words.js";

const meshMs = 2_000;
const restMs = 5_000;

const drawing = crystal(byId("crystal"));
const figures = tiles();
const calls = callTable();
const story = explainBox();
const facts = factView(() => rest.now());

let seenAt;
let meshTroubles = [];
let factTroubles = [];
const troubles = () => showTroubles([...meshTroubles, ...factTroubles]);

const pulse = (state, text) => {
	set(byId("pulse"), "data-state", state);
	say(byId("pulse-text"), text);
};

function inWords({ nodes, total, mode }) {
	if (mode === "embedded") return "Everything runs in one process, so there is no NATS.";
	const there = nodes.filter(({ state }) => state !== "gone").length;
	return `${some(there, "node")} on NATS, ${rate(total.callsPerSecond)} calls per second. The thicker a link, the more is called.`;
}

async function askMesh() {
	const mesh = await answered(get("/api/ops/mesh"));
	seenAt = Date.now();
	byId("outage").hidden = true;
	set(byId("view"), "data-state", undefined);
	pulse("good", `Live, ${clock(seenAt)}`);
	say(byId("mesh-words"), inWords(mesh));
	meshTroubles = mesh.troubles;
	troubles();
	figures.mesh(mesh);
	drawing.update(mesh);
	calls.update(mesh);
	showNodes(mesh);
	showBreakers(mesh);
}

const parkedTrouble = ({ service, parked = 0 }) =>
	parked > 0
		? [
				{
					severity: "warning",
					text: `${service} gave up ${some(parked, "fact")}: look, and replay`,
				},
			]
		: [];

async function askRest() {
	const [told, failed] = await Promise.all([
		answered(get("/api/ops/facts")),
		answered(get("/api/ops/errors")),
	]);
	figures.facts(told);
	factTroubles = told.items.flatMap(parkedTrouble);
	troubles();
	showErrors(failed);
	await facts(told);
}

/** What went wrong, in words that say whose turn it is. */
function reasonOf({ status, message }) {
	if (status === 0) return "The gateway does not answer";
	if (status === 503) return "The gateway is there, the service that watches the mesh is not";
	if (status === 429) return "The gateway was asked too often";
	return message;
}

/** An answer; a session that is over, or was no admin's, leads back to the door. */
async function answered(asked) {
	try {
		return await asked;
	} catch (problem) {
		if (problem.status === 401) leave("The session is over: sign in again.");
		if (problem.status === 403) leave("You are no admin any more.");
		throw Object.assign(problem, { told: true });
	}
}

/** What was seen last stays, and says how old it is. */
function lost(problem, waitMs) {
	if (byId("view").hidden) return;
	const when = seenAt ? `; last seen ${clock(seenAt)}` : "";
	const next = `Next try in ${Math.round(waitMs / 1_000)} s.`;
	byId("outage").hidden = false;
	say(byId("outage"), `${reasonOf(problem)}${when}. ${next}`);
	set(byId("view"), "data-state", "old");
	pulse("bad", "Not live");
}

let lastProblem;
const keepingProblem = work => async () => {
	try {
		await work();
	} catch (problem) {
		lastProblem = problem;
		throw problem;
	}
};
const live = poll(meshMs, keepingProblem(askMesh), waitMs => lost(lastProblem, waitMs));
const rest = poll(restMs, askRest);

function leave(why = "") {
	live.stop();
	rest.stop();
	signOut();
	seenAt = undefined;
	byId("view").hidden = true;
	byId("session").hidden = true;
	byId("pulse").hidden = true;
	byId("outage").hidden = true;
	byId("fact").close();
	story.clear();
	byId("door").hidden = false;
	say(byId("refusal"), why);
	byId("email").focus();
}

function enter(user) {
	byId("door").hidden = true;
	byId("view").hidden = false;
	byId("session").hidden = false;
	byId("pulse").hidden = false;
	say(byId("who"), user.email);
	pulse("", "Asking");
	live.start();
	rest.start();
	byId("main").focus({ preventScroll: true });
}

byId("sign-in").addEventListener("submit", async event => {
	event.preventDefault();
	const form = event.currentTarget;
	const button = form.querySelector("button");
	button.disabled = true;
	say(byId("refusal"), "");
	try {
		const user = await signIn(form.elements.email.value, form.elements.password.value);
		form.elements.password.value = "";
		if (user.roles.includes("admin")) enter(user);
		else leave(`${user.email} is no admin. Ask one for the role, or sign in as another.`);
	} catch (problem) {
		const wait = problem.status === 429 ? ". Wait a while." : "";
		say(byId("refusal"), `${problem.message}${wait}`);
	}
	button.disabled = false;
});

/** Tables are blocks where it is narrow, and stay tables for who hears them. */
const roles = {
	table: "table",
	thead: "rowgroup",
	tbody: "rowgroup",
	"thead tr": "row",
	"thead th": "columnheader",
};
for (const [selector, role] of Object.entries(roles))
	for (const part of document.querySelectorAll(selector)) part.setAttribute("role", role);

byId("sign-out").addEventListener("click", () => leave());
byId("door").hidden = false;
byId("email").focus();
