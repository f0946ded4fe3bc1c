import { ask, post } from "./api.js";
import { field, onSubmit, refusal } from "./form.js";
import { html, nothing } from "./lit-html.js";
import { wordsOf } from "./problems.js";
import { go } from "./router.js";
import { begin, know, user } from "./session.js";
import { toast } from "./shell.js";

/** Where somebody goes who has signed in: where they came from, in this page and nowhere else. */
export function nextOf(query) {
	const next = query.get("next") ?? "";
	return next.startsWith("#/") ? next : "#/";
}

const links = (query, text, name, to) => {
	const next = query.get("next");
	return html`<p class="fine door-end">${text} <a href="#/${to}${next ? `?next=${encodeURIComponent(next)}` : ""}">${name}</a></p>`;
};

const frame = (
	heading,
	body,
) => html`<div class="narrow door"><section class="card" aria-labelledby="door-title">
	<h1 id="door-title">${heading}</h1>${body}</section></div>`;

const email = {
	name: "email",
	label: "E-mail",
	type: "email",
	required: true,
	autocomplete: "username",
	maxlength: 254,
};
const newPassword = {
	name: "password",
	label: "Password",
	type: "password",
	hint: "At least 8 characters. A few words in a row are better than one with signs.",
	required: true,
	autocomplete: "new-password",
	minlength: 8,
	maxlength: 128,
};

export async function signInPage(view) {
	view.title("Sign in");
	const send = onSubmit(async ({ email, password }) => {
		begin(await ask("/api/auth/login", { email, password }));
		go(nextOf(view.query), { replace: true });
	});
	view.draw(
		frame(
			"Sign in",
			html`<form @submit=${send}>
				${field(email)}
				${field({ name: "password", label: "Password", type: "password", required: true, autocomplete: "current-password", maxlength: 128 })}
				${refusal}
				<button type="submit" class="main wide form-end">Sign in</button>
			</form>
			<p class="fine door-end"><a href="#/forgot">Forgot your password?</a></p>
			${links(view.query, "New here?", "Make an account", "sign-up")}`,
		),
	);
}

export async function signUpPage(view) {
	view.title("Make an account");
	const send = onSubmit(async values => {
		begin(await ask("/api/auth/register", values));
		const { roles, name } = user();
		toast(`Welcome, ${name}.`);
		const next = nextOf(view.query);
		go(next === "#/" && roles.includes("teacher") ? "#/teach" : next, { replace: true });
	});
	view.draw(
		frame(
			"Make an account",
			html`<form @submit=${send}>
				${field({ name: "name", label: "Your name", hint: "As it shall stand on certificates.", required: true, autocomplete: "name", maxlength: 100 })}
				${field(email)}
				${field(newPassword)}
				<fieldset class="field"><legend>I am here to</legend>
					<div class="choices">
						<label class="choice"><input type="radio" name="role" value="student" checked> <span><strong>Learn</strong><span class="fine">Take courses and get certificates</span></span></label>
						<label class="choice"><input type="radio" name="role" value="teacher"> <span><strong>Teach</strong><span class="fine">Make courses, and take them, too</span></span></label>
					</div>
				</fieldset>
				${refusal}
				<button type="submit" class="main wide form-end">Make an account</button>
			</form>
			${links(view.query, "You have one?", "Sign in", "sign-in")}`,
		),
	);
}

export async function forgotPage(view) {
	view.title("Forgot your password");
	let isSent = false;
	const send = onSubmit(async ({ email }) => {
		await ask("/api/auth/password/forgot", { email });
		isSent = true;
		draw();
	});
	const draw = () =>
		view.draw(
			frame(
				"Forgot your password?",
				isSent
					? html`<p class="notice" role="status">If there is an account with this address, a mail with a link is on its way.</p>
						<p class="door-end"><a class="button wide" href="#/sign-in">Back to sign in</a></p>`
					: html`<form @submit=${send}><p class="quiet">Tell us your address. We send a link by which you choose a new one.</p>
						${field(email)}${refusal}
						<button type="submit" class="main wide form-end">Send the link</button></form>
						<p class="fine door-end"><a href="#/sign-in">Back to sign in</a></p>`,
			),
		);
	draw();
}

export async function resetPage(view) {
	view.title("A new password");
	const token = view.query.get("token") ?? "";
	const send = onSubmit(async ({ password }) => {
		await ask("/api/auth/password/reset", { token, password });
		toast("Your password is changed. Sign in with it.");
		go("#/sign-in", { replace: true });
	});
	view.draw(
		frame(
			"Choose a new password",
			token
				? html`<form @submit=${send}>${field({ ...newPassword, label: "New password" })}${refusal}
					<button type="submit" class="main wide form-end">Change password</button></form>`
				: html`<p class="notice" data-tone="bad">This link is not whole. Open it from the mail once more.</p>
					<p class="door-end"><a class="button wide" href="#/forgot">Ask for another link</a></p>`,
		),
	);
}

export async function verifyPage(view) {
	view.title("Your e-mail");
	const token = view.query.get("token") ?? "";
	let problem;
	try {
		await ask("/api/auth/email/verify", { token });
		if (user()) know({ ...user(), emailVerified: true });
	} catch (failed) {
		problem = failed;
	}
	view.draw(
		frame(
			problem ? "That did not work" : "Your e-mail is confirmed",
			html`<p class="notice" data-tone=${problem ? "bad" : nothing}>${problem ? wordsOf(problem) : "Thank you. We know now that mail reaches you."}</p>
				<p class="door-end">${
					problem && user()
						? html`<button type="button" class="wide" @click=${async () => {
								await post("/api/auth/email/resend");
								toast("Another mail is on its way.");
							}}>Send another mail</button>`
						: html`<a class="button wide main" href="#/">To the courses</a>`
				}</p>`,
		),
	);
}
