import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { test } from "node:test";
import { LoopLag } from "../../../kernel/loop-lag.ts";
import { Metrics } from "../../../kernel/middlewares/metrics.ts";
import { Shedder } from "../../../services/gateway/api/shedding.ts";

const lagging = { isOverloaded: true };
const quick = { isOverloaded: false };
const shedder = (lag = quick) => {
	const metrics = new Metrics(new LoopLag());
	return { metrics, shedder: new Shedder(lag, metrics) };
};
const answer = () => new EventEmitter() as unknown as ServerResponse;

test("a loop that cannot follow takes nothing", async () => {
	const { metrics, shedder: full } = shedder(lagging);
	assert.equal(full.isFull(), true);
	assert.equal(shedder(quick).shedder.isFull(), false);
	assert.match(await metrics.text(), /zeolite_shed_total\{reason="lag"\} 1/);
});

test("a service that hangs takes half of the places", () => {
	const { shedder: gate } = shedder();
	for (let i = 0; i < 256; i++) gate.enter("payments", answer());
	assert.throws(() => gate.enter("payments", answer()), { type: "SERVICE_UNAVAILABLE" });
	gate.enter("courses", answer());
	assert.equal(gate.isFull(), false);
});

test("what is answered, or given up, makes place once", async () => {
	const { metrics, shedder: gate } = shedder();
	const answers = Array.from({ length: 512 }, answer);
	for (const [i, one] of answers.entries()) gate.enter(`service-${i % 4}`, one);
	assert.equal(gate.isFull(), true);
	assert.throws(() => gate.enter("service-9", answer()), { type: "SERVICE_UNAVAILABLE" });
	answers[0]?.emit("finish");
	answers[0]?.emit("close");
	answers[1]?.emit("close");
	assert.equal(gate.isFull(), false);
	assert.match(await metrics.text(), /zeolite_http_in_flight 510/);
});
