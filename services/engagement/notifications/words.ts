import { Liquid } from "liquidjs";
import { kindOf, type NotificationType, notificationTypes } from "./kinds.ts";

const liquid = new Liquid({ strictVariables: true, strictFilters: true, ownPropertyOnly: true });
const parsed = new Map(
	notificationTypes.map(type => {
		const { title, body, path } = kindOf(type);
		return [
			type,
			{ title: liquid.parse(title), body: liquid.parse(body), path: liquid.parse(path) },
		];
	}),
);

/**
 * What a notification says and where it leads, as plain text.
 * @throws Error where its words name what `data` does not have.
 */
export function write(
	type: NotificationType,
	data: Record<string, string | number>,
): { title: string; body: string; path: string } {
	const { title, body, path } = parsed.get(type) as NonNullable<ReturnType<typeof parsed.get>>;
	const render = (template: typeof title) => liquid.renderSync(template, data) as string;
	return { title: render(title), body: render(body), path: render(path) };
}
