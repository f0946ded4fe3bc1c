interface Kind {
	/** Liquid, over the notification's data and what is said of it. */
	title: string;
	body: string;
	/** Where it leads, a path here. */
	path: string;
	/** Whether it goes out by mail where the user has not said. */
	email: boolean;
	/** It cannot be turned off, and waits for no quiet hours. */
	isCritical?: true;
}

const purchases = "/school#/account/purchases";

/** Every type of notification: its words, and what becomes of it where the user has not said. */
export const kinds = {
	"enrollment.activated": {
		title: "You are enrolled in {{ course }}",
		body: "The course is open to you.",
		path: "/school#/courses/{{ courseId }}",
		email: false,
	},
	"enrollment.completed": {
		title: "You completed {{ course }}",
		body: "Well done.",
		path: "/school#/courses/{{ courseId }}",
		email: true,
	},
	"payment.captured": {
		title: "Payment received",
		body: "We received {{ money }}.",
		path: purchases,
		email: true,
	},
	"payment.failed": {
		title: "Payment failed",
		body: "The payment did not go through: {{ reason }}.",
		path: purchases,
		email: true,
	},
	"payment.refunded": {
		title: "Payment refunded",
		body: "We gave you {{ money }} back.",
		path: purchases,
		email: true,
	},
	"payment.refund_failed": {
		title: "Refund failed",
		body: "The {{ money }} could not be given back. What you bought is open to you as before.",
		path: purchases,
		email: true,
	},
	"certificate.issued": {
		title: "Your certificate for {{ course }}",
		body: "It is yours to show: anybody can check it.",
		path: "/certificates/{{ certificateId }}",
		email: true,
	},
	"lecture.ready": {
		title: "A lecture of {{ course }} is ready",
		body: "Its video can be watched.",
		path: "/school#/teach/{{ courseId }}",
		email: false,
	},
	"account.password_changed": {
		title: "Your password was changed",
		body: "All sessions were ended. If it was not you who changed it, ask for a new one at once.",
		path: "/school#/forgot",
		email: true,
		isCritical: true,
	},
} as const satisfies Record<string, Kind>;

export type NotificationType = keyof typeof kinds;
export const notificationTypes = Object.keys(kinds) as NotificationType[];

type OptionalType = {
	[K in NotificationType]: (typeof kinds)[K] extends { isCritical: true } ? never : K;
}[NotificationType];

/** Types that a user may turn off, channel by channel. */
export const optionalTypes = notificationTypes.filter(
	(type): type is OptionalType => !("isCritical" in kinds[type]),
);

/** The kind of a type, critical or not. */
export const kindOf = (type: NotificationType): Kind => kinds[type];
