/** `Content-Disposition` with a file's name in any script (RFC 6266 §4.3). */
export function contentDisposition(kind: "inline" | "attachment", fileName: string): string {
	const plain = fileName.replace(/[^\x20-\x7e]|["\\%]/g, "_");
	const encoded = encodeURIComponent(fileName.toWellFormed()).replace(
		/['()*]/g,
		char => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
	);
	return `${kind}; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
