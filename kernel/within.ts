/** What a promise comes to, or an Error when that takes longer than `ms`. What it stands for is not stopped. */
export async function within<T>(ms: number, answer: Promise<T>): Promise<T> {
	let timer: NodeJS.Timeout | undefined;
	const late = new Promise<never>((_, reject) => {
		timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
	});
	return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}
