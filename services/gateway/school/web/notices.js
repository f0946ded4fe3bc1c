import { get, patch, post } from "./api.js";
import { html, nothing } from "./lit-html.js";
import { leadsTo, onNotice } from "./live.js";
import { bones, empty, loading, trouble } from "./parts.js";
import { showUnread } from "./shell.js";
import { since } from "./words.js";

/** What happened that somebody should know. */
export async function noticesPage(view) {
	view.title("Notifications");
	view.busy(
		html`${loading("Asking for your notifications")}<div class="page-head"><h1>Notifications</h1></div>${bones(4, "stack")}`,
	);
	let page = await get("/api/notifications?pageSize=30", { signal: view.signal });
	let problem;

	async function doing(work) {
		problem = undefined;
		try {
			await work();
		} catch (failed) {
			problem = failed;
		}
		draw();
	}

	const readAll = () =>
		doing(async () => {
			await post("/api/notifications/read-all");
			const readAt = new Date().toISOString();
			page = {
				...page,
				unread: 0,
				items: page.items.map(item => ({ ...item, readAt: item.readAt ?? readAt })),
			};
			showUnread(0);
		});

	const read = notice => {
		if (notice.readAt) return;
		notice.readAt = new Date().toISOString();
		page.unread--;
		showUnread(page.unread);
		draw();
		patch(`/api/notifications/${notice.id}/read`, {}).catch(() => {});
	};

	const more = () =>
		doing(async () => {
			const next = await get(
				`/api/notifications?pageSize=30&cursor=${encodeURIComponent(page.nextCursor)}`,
			);
			page = { ...next, items: [...page.items, ...next.items] };
		});

	const item = notice => {
		const href = leadsTo(notice);
		const text = html`<strong>${notice.title}</strong><span>${notice.body}</span>
			<span class="fine">${since(notice.createdAt)}${notice.readAt ? nothing : html`<span class="hidden">, unread</span>`}</span>`;
		return html`<li class="notice-item" data-state=${notice.readAt ? "read" : "unread"}>
			${
				href
					? html`<a class="notice-body" href=${href} @click=${() => read(notice)}>${text}</a>`
					: html`<button type="button" class="notice-body" @click=${() => read(notice)}>${text}</button>`
			}
		</li>`;
	};

	const draw = () =>
		view.draw(html`
			<div class="page-head"><h1>Notifications</h1>
				<div class="buttons">
					${page.unread > 0 ? html`<button type="button" class="small" @click=${readAll}>Mark all as read</button>` : nothing}
					<a class="button small" href="#/account">Settings</a>
				</div>
			</div>
			${problem ? trouble(problem) : nothing}
			${
				page.items.length === 0
					? empty(
							"Nothing yet",
							"What happens with your courses and payments will stand here, at once.",
						)
					: html`<ul class="notice-list card">${page.items.map(item)}</ul>`
			}
			${page.nextCursor ? html`<p class="more"><button type="button" @click=${more}>Show more</button></p>` : nothing}`);

	const end = onNotice(notice => {
		if (page.items.some(({ id }) => id === notice.id)) return;
		page = { ...page, items: [notice, ...page.items], unread: page.unread + 1 };
		draw();
	});
	view.signal.addEventListener("abort", end);
	draw();
}
