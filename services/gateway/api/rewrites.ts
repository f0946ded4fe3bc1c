/** Path families of the systems this product replaces → canonical paths, whole segments, longest first. */
const rewrites: readonly (readonly [from: string, to: string])[] = [
	["/api/course/enrollments", "/api/enrollments"],
	["/api/payment/payments", "/api/payments"],
	["/api/course/lectures", "/api/lectures"],
	["/api/generate-invoice", "/api/invoices/generate"],
	["/api/course/courses", "/api/courses"],
	["/api/products/id", "/api/products"],
	["/internal/course", "/api/courses/internal"],
	["/api/user/auth", "/api/auth"],
	["/api/webhooks", "/webhooks"],
	["/api/user", "/api/users"],
	["/invoices", "/api/invoices"],
	["/users", "/api/users"],
	["/auth", "/api/auth"],
];

/** The canonical form of a request target (path and query); a canonical one comes back as it is. */
export function canonical(target: string): string {
	for (const [from, to] of rewrites) {
		if (!target.startsWith(from)) continue;
		const next = target[from.length];
		if (next === undefined || next === "/" || next === "?") return to + target.slice(from.length);
	}
	return target;
}
