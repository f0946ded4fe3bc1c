/** A process that dies at one of its calls outside; everything it holds is made mortal by `of`. */
export class Mortal {
	#left: number;
	readonly #dies: "before" | "after";
	dead = false;

	/** @param calls how many calls it survives. @param dies before the next one is made, or after and before its answer. */
	constructor(calls: number, dies: "before" | "after") {
		this.#left = calls;
		this.#dies = dies;
	}

	/** `target`, whose methods are calls outside. */
	of = <T extends object>(target: T): T =>
		new Proxy(target, {
			get: (_, name) => {
				const value: unknown = Reflect.get(target, name);
				if (typeof value !== "function") return value;
				return async (...args: unknown[]) => {
					if (this.dead) throw new Error("the process is dead");
					this.dead = this.#left-- === 0;
					if (this.dead && this.#dies === "before") throw new Error("the process dies");
					const result: unknown = await value.apply(target, args);
					if (this.dead) throw new Error("the process died");
					return result;
				};
			},
		});
}
