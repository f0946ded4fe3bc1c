import type { Broker } from "../../../kernel/contract.ts";
import { problem } from "../../../kernel/errors.ts";
import { escapeHtml } from "../../../kernel/html.ts";
import { defineMixin, implement } from "../../../kernel/implement.ts";
import { etagOf, readWebFiles, type WebFiles } from "./files.ts";
import { checkoutPolicy, schoolPolicy, widgetOf } from "./policy.ts";
import { school } from "./school.contract.ts";

const forEver = "public, max-age=31536000, immutable";
const askAgain = "no-cache";

/** A page that a browser keeps and asks after each time. */
const pageAnswer = (content: string, headers: Record<string, string>) => ({
	contentType: "text/html; charset=utf-8",
	content,
	headers: { "cache-control": askAgain, etag: etagOf(content), ...headers },
});

const loaded = defineMixin({
	brings: undefined as { web: WebFiles } | undefined,
	async started(this: { broker: Broker; web: WebFiles }) {
		this.web = await readWebFiles();
	},
});

export default implement(school, {
	mixins: [loaded],

	methods: {
		schoolPage() {
			return pageAnswer(this.web.pages.school, {
				"content-security-policy": schoolPolicy(this.env),
			});
		},
	},

	actions: {
		async home(ctx) {
			if (this.env.HOME_PAGE === "docs") return ctx.call("api.docs");
			if (this.env.HOME_PAGE === "ops") return ctx.call("ops.page");
			return this.schoolPage();
		},

		async page() {
			return this.schoolPage();
		},

		async checkout(ctx) {
			const widget = widgetOf(this.env, ctx.params.method);
			const key = {
				stripe: this.env.STRIPE_PUBLISHABLE_KEY,
				razorpay: this.env.RAZORPAY_KEY_ID,
			};
			const content = this.web.pages.checkout
				.replace("{{widget}}", widget ?? "")
				.replace("{{key}}", escapeHtml((widget && key[widget]) ?? ""));
			return pageAnswer(content, {
				"content-security-policy": checkoutPolicy(widget),
				// The buyer's bank may open a window of its own.
				"cross-origin-opener-policy": "same-origin-allow-popups",
			});
		},

		async file(ctx) {
			const { version, file } = ctx.params;
			const found = this.web.files.get(file);
			if (!found) throw problem(school, "FILE_NOT_FOUND");
			const { contentType, content, etag } = found;
			const isCurrent = version === this.web.version;
			return {
				contentType,
				content,
				headers: { "cache-control": isCurrent ? forEver : askAgain, etag },
			};
		},
	},
});
