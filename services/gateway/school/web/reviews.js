import { call, get, patch, post } from "./api.js";
import { field, onSubmit, refusal } from "./form.js";
import { html, nothing, svg } from "./lit-html.js";
import { stars, trouble } from "./parts.js";
import { user } from "./session.js";
import { toast } from "./shell.js";
import { since, some } from "./words.js";

const numbers = [1, 2, 3, 4, 5];

const chooseStars = value => html`
	<fieldset class="field star-choice">
		<legend>Your rating</legend>
		<div>${numbers.map(
			number => html`<label><input type="radio" name="rating" value=${number} ?checked=${number === value} required>
				<span>${number}<span class="hidden"> of 5</span></span></label>`,
		)}</div>
		<p class="field-error" id="rating-error"></p>
	</fieldset>`;

/** How the stars are spread, as bars that say their numbers. */
const spread = ({ byRating, ratingCount }) => html`
	<ul class="spread">${[...numbers].reverse().map(number => {
		const count = byRating?.[number] ?? 0;
		const share = ratingCount > 0 ? (count / ratingCount) * 100 : 0;
		return html`<li class="spread-line"><span class="number">${number}</span>
			${svg`<svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><rect class="rail" width="100" height="6"></rect><rect class="bar" width=${share} height="6"></rect></svg>`}
			<span class="fine number">${count}<span class="hidden"> of ${number} stars</span></span></li>`;
	})}</ul>`;

/** Reviews of a course, and the form for who may write one. `redraw` shows what has changed. */
export function reviewList({ course, enrollment, isOwn, view, redraw }) {
	let page;
	let problem;
	let mine;
	let isOpen = false;
	const mayWrite = Boolean(enrollment) && !isOwn;
	const path = `/api/reviews?courseId=${course.id}`;

	async function load(cursor) {
		problem = undefined;
		try {
			const more = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
			const [next, own] = await Promise.all([
				get(`${path}&pageSize=10${more}`, { signal: view.signal }),
				mayWrite && !cursor
					? get(`/api/reviews/mine?courseId=${course.id}`, { signal: view.signal })
					: undefined,
			]);
			page = cursor ? { ...next, items: [...page.items, ...next.items] } : next;
			if (own) mine = own.items[0];
		} catch (failed) {
			if (view.signal.aborted) return;
			problem = failed;
		}
		redraw();
	}

	const write = onSubmit(async ({ rating, text }) => {
		const said = { rating: Number(rating), text: text.trim() };
		if (mine) await patch(`/api/reviews/${mine.id}`, said);
		else await post("/api/reviews", { courseId: course.id, ...said });
		isOpen = false;
		toast("Thank you. Your review is there for others now.");
		await load();
	});

	const reply = review =>
		onSubmit(async ({ reply }) => {
			await post(`/api/reviews/${review.id}/reply`, { text: reply });
			await load();
		});

	const takeAway = async () => {
		try {
			await call("DELETE", `/api/reviews/${mine.id}`);
			mine = undefined;
			isOpen = false;
		} catch (failed) {
			problem = failed;
		}
		await load();
	};

	const form = () => html`
		<form class="card review-form" @submit=${write}>
			${chooseStars(mine?.rating)}
			${field({ name: "text", label: "In your words (if you like)", lines: 4, maxlength: 4_000, value: mine?.text ?? "" })}
			${refusal}
			<div class="buttons form-end">
				<button type="submit" class="main">${mine ? "Change review" : "Send review"}</button>
				${mine ? html`<button type="button" class="plain" @click=${takeAway}>Take it away</button>` : nothing}
			</div>
		</form>`;

	const item = review => html`
		<li class="review">
			<p><strong>${review.author.name || "A student"}</strong> ${review.author.id === user()?.id ? html`<span class="tag">You</span>` : nothing}
				<span class="fine">${since(review.createdAt)}</span></p>
			${stars(review.rating)}
			${review.text ? html`<p class="prose">${review.text}</p>` : nothing}
			${review.reply ? html`<blockquote><p class="fine">The teacher answers</p><p class="prose">${review.reply.text}</p></blockquote>` : nothing}
			${
				isOwn && !review.reply
					? html`<details class="reply"><summary>Answer</summary><form @submit=${reply(review)}>
						<label class="hidden" for="reply-${review.id}">Your answer</label>
						<textarea id="reply-${review.id}" name="reply" rows="3" maxlength="4000" required></textarea>${refusal}
						<button type="submit" class="small">Send answer</button></form></details>`
					: nothing
			}
		</li>`;

	const template = () => {
		if (problem && !page) return trouble(problem, () => load());
		if (!page) return html`<p class="bone">Asking for reviews</p>`;
		return html`
			${
				page.ratingCount > 0
					? html`<div class="rating-head"><p class="rating-mean"><span class="number">${(page.ratingSum / page.ratingCount).toFixed(1)}</span>
						<span class="fine">${some(page.ratingCount, "review")}</span></p>${spread(page)}</div>`
					: html`<p class="quiet">Nobody has reviewed this course yet.</p>`
			}
			${
				mayWrite
					? html`<details class="write" ?open=${isOpen} @toggle=${({ target }) => {
							isOpen = target.open;
						}}><summary class="button">${mine ? "Change your review" : "Write a review"}</summary>${form()}</details>`
					: nothing
			}
			<ul class="reviews">${page.items.map(item)}</ul>
			${page.nextCursor ? html`<button type="button" @click=${() => load(page.nextCursor)}>More reviews</button>` : nothing}
			${problem ? trouble(problem) : nothing}`;
	};

	return { load, template };
}
