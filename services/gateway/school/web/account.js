import { get, patch, post, put, signOut } from "./api.js";
import { check, field, onSubmit, refusal } from "./form.js";
import { html, nothing } from "./lit-html.js";
import { icon, trouble } from "./parts.js";
import { wordsOf } from "./problems.js";
import { go } from "./router.js";
import { know, user } from "./session.js";
import { toast } from "./shell.js";

/** Somebody's own name, what they want to be told, and the way out. */
export async function accountPage(view) {
	view.title("Account");
	let problem;
	let preferences;

	const rename = onSubmit(async ({ name }) => {
		know(await patch("/api/users/me", { name: name.trim() }));
		toast("Saved.");
	});

	const resend = async () => {
		try {
			await post("/api/auth/email/resend");
			toast("A mail with a link is on its way.");
		} catch (failed) {
			toast(wordsOf(failed));
		}
	};

	const leave = () => {
		signOut();
		go("#/");
	};

	const wish = onSubmit(async values => {
		preferences = await put("/api/notifications/preferences", chosen(preferences, values));
		toast("Saved.");
		draw();
	});

	const draw = () =>
		view.draw(html`
			<div class="page-head"><div><h1>Account</h1><p>${user()?.email}</p></div>
				<button type="button" @click=${leave}>Sign out</button></div>
			${
				user()?.emailVerified === false
					? html`<div class="notice unverified" data-tone="warning"><p>Your address is not confirmed yet. Open the link in the mail that we sent to it.</p>
						<button type="button" class="small" @click=${resend}>Send it again</button></div>`
					: nothing
			}
			<div class="two">
				<section class="card" aria-labelledby="profile-title"><h2 id="profile-title">You</h2>
					<form @submit=${rename}>
						${field({ name: "name", label: "Your name", hint: "As it stands on certificates and reviews.", value: user()?.name ?? "", required: true, autocomplete: "name", maxlength: 100 })}
						${refusal}<button type="submit" class="main form-end">Save</button>
					</form>
				</section>
				<section class="card" aria-labelledby="more-title"><h2 id="more-title">More</h2>
					<ul class="links">
						<li><a class="link-line" href="#/learning">${icon("play")}Your courses</a></li>
						<li><a class="link-line" href="#/account/purchases">${icon("book")}Purchases and refunds</a></li>
						<li><a class="link-line" href="#/notices">${icon("bell")}Notifications</a></li>
					</ul>
				</section>
			</div>
			${
				preferences
					? html`<section class="card section" aria-labelledby="wishes-title"><h2 id="wishes-title">What we tell you</h2>
						<form @submit=${wish}>${wishes(preferences)}${refusal}<button type="submit" class="main form-end">Save</button></form></section>`
					: problem
						? trouble(problem)
						: nothing
			}`);
	draw();
	try {
		preferences = await get("/api/notifications/preferences", { signal: view.signal });
	} catch (failed) {
		if (view.signal.aborted || failed.status === 404) return;
		problem = failed;
	}
	draw();
}

const names = {
	"enrollment.activated": "A course is yours",
	"enrollment.completed": "You have completed a course",
	"payment.captured": "A payment went through",
	"payment.failed": "A payment failed",
	"payment.refunded": "Money was given back",
	"payment.refund_failed": "A refund failed",
	"certificate.issued": "A certificate is ready",
	"lecture.ready": "A video of yours is ready",
	"lecture.failed": "A video of yours failed",
};

const nameOf = type => names[type] ?? type.replace(/[._]/g, " ");
const channelNames = { inApp: "Here", in_app: "Here", email: "By mail", live: "At once" };

/** Type and channel by type and channel; whatever else is in there is kept. */
const wishes = ({ types = {} }) => html`
	<table class="wishes"><thead><tr><th scope="col">When</th>${Object.keys(
		Object.values(types)[0] ?? {},
	).map(
		channel => html`<th scope="col">${channelNames[channel] ?? channel}</th>`,
	)}</tr></thead><tbody>${Object.entries(types).map(
		([type, channels]) =>
			html`<tr><th scope="row">${nameOf(type)}</th>${Object.entries(channels).map(
				([channel, isOn]) =>
					html`<td>${check({ name: `${type} ${channel}`, label: html`<span class="hidden">${nameOf(type)}, ${channelNames[channel] ?? channel}</span>`, checked: isOn })}</td>`,
			)}</tr>`,
	)}</tbody></table>`;

const chosen = ({ types, ...rest }, values) => ({
	...rest,
	types: Object.fromEntries(
		Object.entries(types).map(([type, channels]) => [
			type,
			Object.fromEntries(
				Object.keys(channels).map(channel => [channel, `${type} ${channel}` in values]),
			),
		]),
	),
});
