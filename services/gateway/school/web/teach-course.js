import { get, patch, post, put, remove } from "./api.js";
import { courseFields, courseOf } from "./course-form.js";
import { check, field, onSubmit, refusal } from "./form.js";
import { html, nothing } from "./lit-html.js";
import { onNotice } from "./live.js";
import { moveLecture, moveSection, orderOf, placeLecture, placeWords } from "./outline.js";
import { empty, icon, progressBar } from "./parts.js";
import { wordsOf } from "./problems.js";
import { go } from "./router.js";
import { toast } from "./shell.js";
import { statusTag } from "./teach.js";
import { begin, begunOf, cancel, onUploads, uploadOf } from "./uploads.js";
import { length, percent, size } from "./words.js";

/** While a video is made of a file, this often, ms. */
const lookMs = 3_000;

export async function newCoursePage(view) {
	view.title("New course");
	const send = onSubmit(async values => {
		const course = await post(
			"/api/courses",
			{ ...courseOf(values), status: "draft" },
			{ key: crypto.randomUUID() },
		);
		toast("A draft. Nobody sees it until you publish it.");
		go(`#/teach/${course.id}`, { replace: true });
	});
	view.draw(html`<div class="form-page">
		<p class="fine crumbs"><a href="#/teach">Your teaching</a></p>
		<div class="page-head"><h1>New course</h1></div>
		<form class="card" @submit=${send}>${courseFields()}${refusal}
			<button type="submit" class="main form-end">Make a draft</button></form>
	</div>`);
}

const videoTones = { ready: "good", failed: "bad", processing: "warning", uploaded: "warning" };
const videoWords = {
	awaiting_upload: "Not uploaded",
	uploaded: "Being looked at",
	processing: "Being made ready",
	ready: "Video ready",
	failed: "Video failed",
};

/** A course of one's own: what is said of it, what is in it, and its videos. */
export async function teachCoursePage(view) {
	const { id } = view.params;
	const { signal } = view;
	let course = await get(`/api/courses/${id}`, { signal });
	const videos = new Map();
	let edited;
	let said = "";
	let dragged;

	const lectures = () => course.sections.flatMap(section => section.lectures);
	const again = async () => {
		course = await get(`/api/courses/${id}`, { signal });
		draw();
	};
	const complain = problem => {
		if (!("code" in problem)) console.error(problem);
		toast(wordsOf(problem));
	};
	const doing = work => async () => {
		try {
			await work();
		} catch (problem) {
			complain(problem);
		}
	};

	/* What is said of it */

	const save = onSubmit(async values => {
		course = { ...course, ...(await patch(`/api/courses/${id}`, courseOf(values))) };
		toast("Saved.");
		draw();
	});

	const setStatus = status =>
		doing(async () => {
			course = { ...course, ...(await patch(`/api/courses/${id}`, { status })) };
			toast(
				{
					published: "Published. Everybody can find it now.",
					draft: "A draft again. Who has it keeps it.",
					archived: "Archived. Who has it keeps it.",
				}[status],
			);
			draw();
		});

	const statusButtons = () => {
		const { status } = course;
		const to = (next, text, kind = "") =>
			html`<button type="button" class=${kind} @click=${setStatus(next)}>${text}</button>`;
		return html`<div class="buttons">
			${status === "published" ? html`<a class="button" href="#/courses/${id}">See it</a>${to("archived", "Take it from sale")}` : to("published", "Publish", "main")}
			<a class="button" href="#/teach/${id}/students">Students</a>
		</div>`;
	};

	/* Order: one request after the other, so that the last one counts */

	let ordering = Promise.resolve();
	function order(sections, focus, words) {
		if (sections === course.sections) return;
		course = { ...course, sections };
		said = words;
		draw();
		document.getElementById(focus)?.focus();
		ordering = ordering
			.then(() => put(`/api/courses/${id}/order`, orderOf(course.sections)))
			.catch(problem => {
				complain(problem);
				return again();
			});
	}
	const shiftLecture = (lecture, step) => () => {
		const sections = moveLecture(course.sections, lecture.id, step);
		const way = step < 0 ? "up" : "down";
		order(
			sections,
			`${way}-${lecture.id}`,
			`${lecture.title}: ${placeWords(sections, lecture.id)}`,
		);
	};
	const shiftSection = (section, step) => () => {
		const sections = moveSection(course.sections, section.id, step);
		const at = sections.findIndex(one => one.id === section.id);
		order(
			sections,
			`${step < 0 ? "up" : "down"}-${section.id}`,
			`${section.title}: ${at + 1} of ${sections.length}`,
		);
	};
	const drop = (section, index) => event => {
		event.preventDefault();
		if (!dragged) return;
		const from = section.lectures.findIndex(({ id }) => id === dragged);
		const sections = placeLecture(
			course.sections,
			dragged,
			section.id,
			from >= 0 && from < index ? index - 1 : index,
		);
		order(sections, `up-${dragged}`, placeWords(sections, dragged));
		dragged = undefined;
	};

	/* Sections and lectures */

	const dialog = () => document.querySelector("#edit");
	const edit = next => {
		// Of what stood in it before nothing is left.
		edited = undefined;
		draw();
		edited = next;
		draw();
		dialog().showModal();
	};
	const close = () => dialog().close();

	const sendSection = onSubmit(async ({ title }) => {
		const { section } = edited;
		if (section) await patch(`/api/sections/${section.id}`, { title });
		else await post(`/api/courses/${id}/sections`, { title });
		close();
		await again();
	});

	const sendLecture = onSubmit(async ({ title, content, minutes, isPreview }) => {
		const { lecture, section } = edited;
		const said = {
			title,
			content,
			isPreview: isPreview === "on",
			...(minutes !== undefined && { durationSeconds: Math.round(Number(minutes) * 60) }),
		};
		if (lecture) await patch(`/api/lectures/${lecture.id}`, said);
		else await post(`/api/sections/${section.id}/lectures`, said);
		close();
		await again();
	});

	const take = (path, name) =>
		doing(async () => {
			if (!confirm(`Remove “${name}”? This cannot be taken back.`)) return;
			await remove(path);
			await again();
		});

	const editLecture = lecture =>
		doing(async () => edit({ kind: "lecture", lecture: await get(`/api/lectures/${lecture.id}`) }));

	const editor = () => {
		if (edited?.kind === "section")
			return html`<form @submit=${sendSection}><h2 id="edit-title">${edited.section ? "Rename section" : "New section"}</h2>
				${field({ name: "title", id: "edited-title", label: "Title", required: true, maxlength: 200, value: edited.section?.title ?? "" })}
				${refusal}${ends()}</form>`;
		if (edited?.kind === "lecture") {
			const { lecture } = edited;
			const hasVideo = lecture && videos.get(lecture.id);
			return html`<form @submit=${sendLecture}><h2 id="edit-title">${lecture ? "Edit lecture" : "New lecture"}</h2>
				${field({ name: "title", id: "edited-title", label: "Title", required: true, maxlength: 200, value: lecture?.title ?? "" })}
				${field({ name: "content", id: "edited-content", label: "Text", hint: "To read beside the video, or instead of one.", lines: 6, maxlength: 100_000, value: lecture?.content ?? "" })}
				${hasVideo ? nothing : field({ name: "minutes", id: "edited-minutes", label: "Length in minutes", hint: "A video says its own.", type: "number", min: 0, max: 1_440, step: "any", inputmode: "decimal", value: String((lecture?.durationSeconds ?? 0) / 60) })}
				${check({ name: "isPreview", label: "Open to everybody, as a preview", checked: lecture?.isPreview ?? false })}
				${refusal}${ends()}</form>`;
		}
		return nothing;
	};
	const ends =
		() => html`<div class="buttons form-end"><button type="submit" class="main">Save</button>
		<button type="button" class="plain" @click=${close}>Cancel</button></div>`;

	/* Videos */

	const ask = async lectureId => {
		try {
			videos.set(lectureId, await get(`/api/lectures/${lectureId}/status`, { signal }));
		} catch (problem) {
			if (signal.aborted) return;
			if (problem.status === 404) videos.set(lectureId, undefined);
		}
		draw();
	};

	const send =
		lectureId =>
		async ({ target }) => {
			const [file] = target.files;
			target.value = "";
			if (!file) return;
			const video = await begin(lectureId, file);
			if (!video) return;
			videos.set(lectureId, video);
			if (video.status === "failed") toast(video.detail ?? "The video cannot be used.");
			draw();
		};

	const upload = lecture => {
		const running = uploadOf(lecture.id);
		const begun = begunOf(lecture.id);
		const video = videos.get(lecture.id);
		const choose = (text, kind = "") => html`
			<label class="button small file ${kind}"><input type="file" class="hidden" accept="video/*" @change=${send(lecture.id)}>${icon("up")}${text}<span class="hidden"> for ${lecture.title}</span></label>`;
		if (running?.state === "failed")
			return html`<div class="uploading"><p class="bad" role="alert">${running.problem}</p>${choose("Choose the file")}
				<button type="button" class="small plain" @click=${() => cancel(lecture.id)}>Dismiss</button></div>`;
		if (running) {
			const share = (running.bytes / running.size) * 100;
			const words = {
				sending: `${percent(share)} of ${size(running.size)}`,
				waiting: `Connection lost at ${percent(share)}. It goes on by itself.`,
				confirming: "All there. It is being looked at.",
			}[running.state];
			return html`<div class="uploading">${progressBar(running.state === "confirming" ? 100 : share, `Upload of ${running.name}`)}
				<p class="fine number" role="status">${words}</p>
				<button type="button" class="small plain" @click=${() => cancel(lecture.id)}>Stop</button></div>`;
		}
		if (begun)
			return html`<div class="uploading"><p class="fine">The upload of ${begun.name} (${size(begun.size)}) broke off. Choose the same file, and it goes on.</p>${choose("Go on", "main")}</div>`;
		return html`<div class="line">${
			video
				? html`<span class="tag" data-tone=${videoTones[video.status] ?? nothing}>${videoWords[video.status]}</span>`
				: nothing
		}${choose(video && video.status !== "failed" ? "Replace video" : "Upload video")}
		${video?.status === "failed" ? html`<p class="bad fine">${video.detail ?? "It is no video that can be played here."}</p>` : nothing}</div>`;
	};

	const lectureRow = section => (lecture, index) =>
		html`
		<li class="lecture-row" draggable="true"
			@dragstart=${event => {
				dragged = lecture.id;
				event.dataTransfer.effectAllowed = "move";
				event.dataTransfer.setData("text/plain", lecture.title);
			}}
			@dragover=${event => dragged && event.preventDefault()} @drop=${drop(section, index)}>
			<div class="line">
				<span class="grow"><strong>${lecture.title}</strong>
					${lecture.durationSeconds ? html`<span class="fine number">${length(lecture.durationSeconds)}</span>` : nothing}
					${lecture.isPreview ? html`<span class="tag">Preview</span>` : nothing}</span>
				<span class="tools">
					<button type="button" class="plain square" id="up-${lecture.id}" aria-label="Move ${lecture.title} up" @click=${shiftLecture(lecture, -1)}>${icon("up")}</button>
					<button type="button" class="plain square" id="down-${lecture.id}" aria-label="Move ${lecture.title} down" @click=${shiftLecture(lecture, 1)}>${icon("down")}</button>
					<button type="button" class="plain square" aria-label="Edit ${lecture.title}" @click=${editLecture(lecture)}>${icon("pen")}</button>
					<button type="button" class="plain square" aria-label="Remove ${lecture.title}" @click=${take(`/api/lectures/${lecture.id}`, lecture.title)}>${icon("bin")}</button>
				</span>
			</div>
			${upload(lecture)}
		</li>`;

	const sectionBox = section => html`
		<section class="card section-box" aria-label=${section.title}>
			<div class="line">
				<h3 class="grow">${section.title}</h3>
				<span class="tools">
					<button type="button" class="plain square" id="up-${section.id}" aria-label="Move section ${section.title} up" @click=${shiftSection(section, -1)}>${icon("up")}</button>
					<button type="button" class="plain square" id="down-${section.id}" aria-label="Move section ${section.title} down" @click=${shiftSection(section, 1)}>${icon("down")}</button>
					<button type="button" class="plain square" aria-label="Rename section ${section.title}" @click=${() => edit({ kind: "section", section })}>${icon("pen")}</button>
					<button type="button" class="plain square" aria-label="Remove section ${section.title}" @click=${take(`/api/sections/${section.id}`, section.title)}>${icon("bin")}</button>
				</span>
			</div>
			<ol class="lecture-rows" @dragover=${event => dragged && event.preventDefault()} @drop=${section.lectures.length === 0 ? drop(section, 0) : nothing}>
				${section.lectures.map(lectureRow(section))}
			</ol>
			<button type="button" class="small" @click=${() => edit({ kind: "lecture", section })}>${icon("plus")}Add lecture<span class="hidden"> to ${section.title}</span></button>
		</section>`;

	const template = () => html`
		<p class="fine crumbs"><a href="#/teach">Your teaching</a></p>
		<div class="page-head"><div><h1>${course.title}</h1><p>${statusTag(course.status)}</p></div>${statusButtons()}</div>
		<div class="editor">
			<div class="outline-editor">
				<h2>What is in it</h2>
				<p class="hidden" role="status">${said}</p>
				${
					course.sections.length === 0
						? empty(
								"Nothing in it yet",
								"Begin with a section, then add lectures to it. Videos are uploaded lecture by lecture.",
							)
						: course.sections.map(sectionBox)
				}
				<button type="button" @click=${() => edit({ kind: "section" })}>${icon("plus")}Add section</button>
			</div>
			<form class="card details" aria-labelledby="details-title" @submit=${save}>
				<h2 id="details-title">About this course</h2>
				${courseFields(course)}${refusal}
				<button type="submit" class="main form-end">Save</button>
			</form>
		</div>
		<dialog id="edit" aria-labelledby="edit-title">${editor()}</dialog>`;
	const draw = () => view.draw(template());

	view.title(course.title);
	draw();
	const ends2 = [
		onUploads(() => draw()),
		onNotice(({ type, data }) => {
			if (type.startsWith("lecture.") && data.lectureId) {
				void ask(data.lectureId);
				void again().catch(() => {});
			}
		}),
	];
	const timer = setInterval(() => {
		if (document.hidden) return;
		for (const [lectureId, video] of videos)
			if (["uploaded", "processing"].includes(video?.status)) void ask(lectureId);
	}, lookMs);
	signal.addEventListener("abort", () => {
		clearInterval(timer);
		for (const end of ends2) end();
	});
	await Promise.all(
		lectures().flatMap(({ id: lectureId, hasUpload }) => (hasUpload ? ask(lectureId) : [])),
	);
}
