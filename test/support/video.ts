import assert from "node:assert/strict";

/** The smallest MP4 there is: `ftyp`, and nothing to show. Each character is a byte. */
export const tinyVideo = "\0\0\0\x18ftypisom\0\0\x02\0isomiso2\0\0\0\x08free";

/** An announcement of it, or of as many bytes as are said, for a lecture that nobody looks up. */
export const announcedVideo = (
	ownerId: string,
	fileSize = tinyVideo.length,
	multipart = false,
) => ({
	ownerId,
	purpose: "lecture" as const,
	subjectId: "lec_1",
	fileName: "lesson1.mp4",
	fileSize,
	contentType: "video/mp4",
	...(multipart && { multipart }),
});

/** Sends bytes to where an upload is to go. */
export async function putVideo(url: string, body: BodyInit = tinyVideo): Promise<void> {
	const response = await fetch(url, {
		method: "PUT",
		headers: { "content-type": "video/mp4" },
		body,
	});
	assert.equal(response.status, 200, await response.text());
}
