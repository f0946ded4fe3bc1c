import { Serializers } from "moleculer";

/** A result as it came over the wire: JSON that nobody has parsed. */
export class RawJson {
	readonly bytes: Buffer;
	constructor(bytes: Buffer) {
		this.bytes = bytes;
	}
}

interface Answer {
	success?: boolean;
	data?: unknown;
	stream?: unknown;
	error?: object | undefined;
}

/** Who waits for an answer. */
interface Waiting {
	ctx: { options: { rawResult?: boolean } };
}

interface Transit {
	pendingRequests: { get(id: string): Waiting | undefined };
}

const opening = Buffer.from('{"data":');
const newline = 0x0a;

/** Whether an answer can be told apart by its first newline: JSON text holds none, and other forms have their own. */
const isPlain = ({ success, data, stream }: Answer): boolean =>
	success === true && data !== undefined && data !== null && !stream && !Buffer.isBuffer(data);

/** Of an error its data is left out where that is no JSON: an answer that cannot be written would end the process. */
function textOf(packet: Answer): string {
	try {
		return JSON.stringify(packet);
	} catch (fault) {
		if (!packet.error) throw fault;
		return JSON.stringify({ ...packet, error: { ...packet.error, data: undefined } });
	}
}

/**
 * Plain JSON, in which the result of an action stands first in its packet and ends with a newline. Who asked for
 * `rawResult` gets those bytes as they are: a gateway hands them on to its client, neither parsed nor written again. It
 * is JSON to a node that does not know of this.
 */
export class ResultFirstSerializer extends Serializers.Base {
	override serialize(packet: Answer, type: string): Buffer {
		if (type !== "RES" || !isPlain(packet)) return Buffer.from(textOf(packet));
		const { data, ...envelope } = packet;
		return Buffer.from(`{"data":${JSON.stringify(data)}\n,${JSON.stringify(envelope).slice(1)}`);
	}

	override deserialize(bytes: Buffer, type: string): object {
		if (type !== "RES" || !bytes.subarray(0, opening.length).equals(opening))
			return JSON.parse(bytes as unknown as string);
		const end = bytes.indexOf(newline);
		if (end === -1) return JSON.parse(bytes as unknown as string);
		const packet = JSON.parse(`{${bytes.toString("utf8", end + 2)}`) as Answer & { id: string };
		const transit = this.broker.transit as unknown as Transit;
		const isRaw = transit.pendingRequests.get(packet.id)?.ctx.options.rawResult === true;
		packet.data = isRaw
			? new RawJson(bytes.subarray(opening.length, end))
			: JSON.parse(bytes.toString("utf8", opening.length, end));
		return packet;
	}
}
