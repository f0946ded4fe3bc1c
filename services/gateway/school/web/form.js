import { html, nothing } from "./lit-html.js";
import { fieldWords, wordsOf } from "./problems.js";

/** A labelled field. `hint` stands before it; what is wrong with it comes after it. */
export const field = ({
	name,
	id = name,
	label,
	type = "text",
	value = "",
	hint,
	lines,
	required = false,
	options,
	...more
}) => {
	const described = `${hint ? `${id}-hint ` : ""}${id}-error`;
	const control = lines
		? html`<textarea id=${id} name=${name} rows=${lines} ?required=${required} aria-describedby=${described} maxlength=${more.maxlength ?? nothing} .value=${value}></textarea>`
		: options
			? html`<select id=${id} name=${name} aria-describedby=${described}>${options.map(
					([option, text]) =>
						html`<option value=${option} ?selected=${option === value}>${text}</option>`,
				)}</select>`
			: html`<input id=${id} name=${name} type=${type} .value=${value} ?required=${required}
				aria-describedby=${described} autocomplete=${more.autocomplete ?? nothing}
				minlength=${more.minlength ?? nothing} maxlength=${more.maxlength ?? nothing}
				min=${more.min ?? nothing} max=${more.max ?? nothing} step=${more.step ?? nothing} inputmode=${more.inputmode ?? nothing}
				placeholder=${more.placeholder ?? nothing} spellcheck=${type === "email" ? "false" : nothing}>`;
	return html`<div class="field">
		<label for=${id}>${label}</label>
		${hint ? html`<p class="fine" id="${id}-hint">${hint}</p>` : nothing}
		${control}
		<p class="field-error" id="${id}-error"></p>
	</div>`;
};

/** A box to tick, with its words beside it. */
export const check = ({ name, label, checked = false }) => html`
	<label class="check"><input type="checkbox" name=${name} ?checked=${checked}> <span>${label}</span></label>`;

/** Where a form says why it was refused. */
export const refusal = html`<p class="refusal" role="alert"></p>`;

const say = (form, text) => {
	const place = form.querySelector(".refusal");
	if (place) place.textContent = text;
};

function clear(form) {
	say(form, "");
	for (const control of form.elements) control.removeAttribute("aria-invalid");
	for (const place of form.querySelectorAll(".field-error")) place.textContent = "";
}

/** Says at each field what is wrong with it; the first of them gets the focus. */
function mark(form, errors) {
	let first;
	for (const error of errors) {
		const control = form.elements.namedItem(error.path.split("/").at(-1));
		if (!(control instanceof HTMLElement)) continue;
		control.setAttribute("aria-invalid", "true");
		const place = form.querySelector(`#${CSS.escape(control.id)}-error`);
		if (place) place.textContent = fieldWords(error);
		first ??= control;
	}
	first?.focus();
	return first !== undefined;
}

/** Shows in a form why it was refused. */
export function refuse(form, problem) {
	const isMarked = mark(form, problem.members?.errors ?? []);
	say(form, isMarked || problem.code !== "VALIDATION_ERROR" ? wordsOf(problem) : problem.message);
}

/**
 * What a form does when it is sent: `work(values, form)` once at a time, with what it rejects with shown in it.
 * @param work gets the values by name; ticked boxes are `"on"`.
 */
export const onSubmit = work => async event => {
	event.preventDefault();
	const form = event.currentTarget;
	const button = event.submitter ?? form.querySelector("button[type=submit]");
	if (button?.getAttribute("aria-busy") === "true") return;
	clear(form);
	button?.setAttribute("aria-busy", "true");
	try {
		await work(Object.fromEntries(new FormData(form)), form);
	} catch (problem) {
		if (!("code" in problem)) console.error(problem);
		refuse(form, problem);
	} finally {
		button?.removeAttribute("aria-busy");
	}
};
