import { levels } from "./catalogue.js";
import { field } from "./form.js";
import { html } from "./lit-html.js";

const currencies = ["USD", "EUR", "GBP", "INR", "JPY"].map(code => [code, code]);
const languages = [
	["", "Not said"],
	["en", "English"],
	["de", "German"],
	["es", "Spanish"],
	["fr", "French"],
	["hi", "Hindi"],
	["ja", "Japanese"],
	["pt", "Portuguese"],
];
const rules = [
	["watched", "when its videos are watched"],
	["reported", "when each lecture is ticked off"],
];

const withOwn = (options, value) =>
	value && !options.some(([option]) => option === value) ? [...options, [value, value]] : options;

/** The fields of a course; `course` is what stands in them. */
export const courseFields = (course = {}) => html`
	${field({ name: "title", label: "Title", required: true, maxlength: 200, value: course.title ?? "" })}
	${field({ name: "description", label: "What it is about", hint: "Who is it for, and what can they do afterwards?", lines: 6, maxlength: 20_000, value: course.description ?? "" })}
	<div class="pair">
		${field({ name: "price", label: "Price", hint: "0 is free.", type: "number", min: 0, step: "any", inputmode: "decimal", value: String(course.price ?? 0), required: true })}
		${field({ name: "currency", label: "Currency", hint: "What it is sold in.", options: withOwn(currencies, course.currency), value: course.currency ?? "USD" })}
	</div>
	<div class="pair">
		${field({ name: "category", label: "Category", maxlength: 60, value: course.category ?? "" })}
		${field({ name: "level", label: "Level", options: levels.map(([value, text]) => [value, value ? text : "Not said"]), value: course.level ?? "" })}
	</div>
	${field({ name: "language", label: "Language", options: withOwn(languages, course.language), value: course.language ?? "" })}
	${field({ name: "completionRule", label: "It is completed", options: rules, value: course.completionRule ?? "watched" })}`;

/** A course as the API takes it, of what the form has. */
export const courseOf = ({
	title,
	description,
	price,
	currency,
	category,
	level,
	language,
	completionRule,
}) => ({
	title: title.trim(),
	description: description.trim(),
	price: Number(price),
	currency,
	completionRule,
	category: category.trim(),
	language,
	...(level && { level }),
});
