import type { Fact } from "../../../kernel/contract.ts";
import { format } from "../../../kernel/money/money.ts";
import type { NotificationDoc } from "../../../models/engagement/notification.model.ts";
import type { NotificationType } from "./kinds.ts";

/** Whom a fact is told, and with what. */
export interface Telling {
	userId: string;
	/** Ids and amounts, as the notification carries them. */
	data: NotificationDoc["data"];
	/** What its words need besides. */
	said?: Record<string, string>;
	/** The course whose title its words need, as `course`. */
	courseId?: string;
}

const amount = ({ amountMinor, currency }: { amountMinor: number; currency: string }) => ({
	amountMinor,
	currency,
});

/** What becomes of each fact that somebody is told of. */
export const tellings: { [K in NotificationType]: (told: Fact<K>) => Telling } = {
	"enrollment.activated": ({ userId, courseId, enrollmentId }) => ({
		userId,
		data: { courseId, enrollmentId },
		courseId,
	}),
	"enrollment.completed": ({ userId, courseId, enrollmentId }) => ({
		userId,
		data: { courseId, enrollmentId },
		courseId,
	}),
	"certificate.issued": ({ userId, courseId, certificateId }) => ({
		userId,
		data: { certificateId, courseId },
		courseId,
	}),
	"lecture.ready": ({ teacherId, lectureId, courseId }) => ({
		userId: teacherId,
		data: { lectureId, courseId },
		courseId,
	}),
	"payment.captured": ({ userId, paymentId, ...payment }) => ({
		userId,
		data: { paymentId, ...amount(payment) },
		said: { money: format(amount(payment)) },
	}),
	"payment.failed": ({ userId, paymentId, reason }) => ({
		userId,
		data: { paymentId },
		said: { reason },
	}),
	"payment.refunded": ({ userId, paymentId, refundId, ...refund }) => ({
		userId,
		data: { paymentId, refundId, ...amount(refund) },
		said: { money: format(amount(refund)) },
	}),
	"payment.refund_failed": ({ userId, paymentId, refundId, ...refund }) => ({
		userId,
		data: { paymentId, refundId, ...amount(refund) },
		said: { money: format(amount(refund)) },
	}),
	"account.password_changed": ({ userId }) => ({ userId, data: {} }),
};
