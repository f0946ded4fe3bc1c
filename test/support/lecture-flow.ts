import assert from "node:assert/strict";
import { eventually, register, send } from "./http.ts";
import { mp4 } from "./media.ts";

/** Where a lecture's video was brought to. */
export interface Filmed {
	fileId: string;
	/** The bytes that were uploaded. */
	film: Buffer;
	/** The lecture as a student who is enrolled sees it. */
	// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came
	seen: any;
}

/**
 * The seed's Flow 2 by its own paths: a teacher uploads a lecture's video, it is processed, a student watches.
 * @param encode does what the provider does, once it has the file.
 */
export async function lectureFlow(
	base: string,
	encode: (fileId: string) => Promise<void> = async () => {},
): Promise<Filmed> {
	const [{ token }, student] = [await register(base, "teacher"), await register(base)];
	const post = async (
		path: string,
		body: object,
		status: number | readonly number[],
		by = token,
	) => {
		const answer = await send(base, "POST", path, { token: by, body });
		assert.ok([status].flat().includes(answer.status), `${path}: ${JSON.stringify(answer.body)}`);
		return answer.body;
	};
	const course = await post("/api/course/courses", { title: "Test Course" }, 201);
	const section = await post(`/api/courses/${course.id}/sections`, { title: "Clay" }, 201);
	const wheel = { title: "Wheel" };
	const lecture = await post(`/api/sections/${section.id}/lectures`, wheel, 201);
	const path = `/api/course/lectures/${lecture.id}`;
	const film = mp4(12.6, { bytes: 20_000, moovLast: true });
	const contentType = "video/mp4";
	const wanted = { fileName: "lesson1.mp4", fileSize: film.length, contentType };
	const { fileId, uploadUrl, expiresAt } = await post(`${path}/upload`, wanted, 201);
	assert.ok(Date.parse(expiresAt) > Date.now());
	const early = await post(`${path}/confirm-upload`, { fileId }, 409);
	assert.equal(early.code, "UPLOAD_MISSING");
	const put = await fetch(uploadUrl, {
		method: "PUT",
		headers: { "content-type": contentType },
		body: new Uint8Array(film),
	});
	assert.equal(put.status, 200, await put.text());
	const confirmed = await post(`${path}/confirm-upload`, { fileId }, [202, 200]);
	assert.equal(confirmed.fileId, fileId);
	await encode(fileId);
	const status = await eventually(
		() => send(base, "GET", `${path}/status`, { token }),
		({ body }) => body.status === "ready",
	);
	assert.ok(status.body.videoUrl);
	const refused = await send(base, "GET", path, { token: student.token });
	assert.deepEqual([refused.status, refused.body.code], [403, "ENROLLMENT_REQUIRED"]);
	await post("/api/course/enrollments", { courseId: course.id }, 201, student.token);
	const { body: seen } = await send(base, "GET", path, { token: student.token });
	assert.equal(seen.durationSeconds, 12);
	return { fileId, film, seen };
}
