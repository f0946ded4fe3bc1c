import { size } from "./words.js";

const ours = {
	NO_ANSWER: "The school does not answer. Look at your connection, then try again.",
	UNAUTHENTICATED: "You are signed out. Sign in and try again.",
	INTERNAL_ERROR: "Something broke on our side. It has been noted; try again in a moment.",
	SERVICE_UNAVAILABLE: "This part of the school is away for a moment. Try again shortly.",
	EMAIL_TAKEN: "There is an account with this e-mail already. Sign in instead.",
	INVALID_CREDENTIALS: "E-mail or password is wrong.",
	ENROLLMENT_REQUIRED: "This lecture is for those who have the course.",
	PAYMENT_METHOD_UNAVAILABLE: "This way to pay is not set up here. Choose another.",
	ALREADY_ENROLLED: "You have this course already.",
	RESET_TOKEN_INVALID: "This link was used already, or a newer one replaced it. Ask for another.",
	RESET_TOKEN_EXPIRED: "This link is too old. Ask for another.",
	VERIFICATION_TOKEN_INVALID: "This link is not good any more. Ask for another mail.",
	VERIFICATION_TOKEN_EXPIRED: "This link is too old. Ask for another mail.",
	EMAIL_VERIFIED: "Your address is confirmed already.",
	FILE_STORE_MISSING: "This school has no place for videos yet. Its operator has to set one up.",
	VIDEO_UNAVAILABLE: "This school cannot show videos yet. Its operator has to set that up.",
	COURSE_NOT_COMPLETED: "The certificate comes with the last lecture.",
	TEACHER_NOT_APPROVED: "An administrator must approve you before you can publish a paid course.",
	REFUND_WINDOW_CLOSED: "This payment is too old to be given back.",
	REFUND_PENDING: "A refund of this course is under way, so its progress stands still.",
	NOTHING_REFUNDABLE: "Nothing of this payment is left to give back.",
};

const waiting = seconds =>
	seconds > 90
		? `${Math.ceil(seconds / 60)} minutes`
		: `${Math.max(1, Math.ceil(seconds))} seconds`;

const noRoomWords = ({ usedBytes, allowedBytes }) =>
	`There is no room for this video: yours have ${size(usedBytes)} of ${size(allowedBytes)}, uploads under way included. Delete a lecture that nobody needs, or ask the school for more.`;

/** What went wrong, in a sentence for whoever it happened to. */
export function wordsOf(problem) {
	if (!("code" in problem)) return "Something broke on this page. Load it again.";
	if (problem.status === 429)
		return `That was too often. Wait ${waiting(problem.retryAfter)}, then try again.`;
	if (problem.code === "VALIDATION_ERROR")
		return "Some of this does not fit. Look at what is marked.";
	if (problem.code === "UPLOAD_QUOTA_EXCEEDED") return noRoomWords(problem.members);
	if (ours[problem.code]) return ours[problem.code];
	const text = problem.message || "That did not work.";
	return /[.!?]$/.test(text) ? text : `${text}.`;
}

const number = text => /\d+/.exec(text)?.[0];

/** What is wrong with one field. */
export function fieldWords({ code, message }) {
	if (code === "REQUIRED") return "This is needed.";
	if (code === "MIN_LENGTH")
		return number(message) === "1" ? "This is needed." : `At least ${number(message)} characters.`;
	if (code === "MAX_LENGTH") return `At most ${number(message)} characters.`;
	if (code === "MINIMUM") return `At least ${number(message)}.`;
	if (code === "MAXIMUM") return `At most ${number(message)}.`;
	if (code === "TYPE" || code === "PATTERN" || code === "FORMAT")
		return "This does not look right.";
	return `${message.charAt(0).toUpperCase()}${message.slice(1)}.`;
}
