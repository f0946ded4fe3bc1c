import assert from "node:assert/strict";
import { test } from "node:test";
import { readTicket, signTicket, type Ticket } from "../../../services/content/files/ticket.ts";

const ticket: Ticket = { fileId: "fil_1", use: "part", number: 3, expiresAt: 1_000 };

test("a ticket holds under each secret until its time", () => {
	for (const secrets of [["s"], ["newer", "s"]]) {
		assert.deepEqual(readTicket(secrets, signTicket("s", ticket), 999), ticket);
		assert.equal(readTicket(secrets, signTicket("s", ticket), 1_000), undefined);
	}
	assert.equal(readTicket(["other"], signTicket("s", ticket), 999), undefined);
	assert.equal(readTicket([], signTicket("s", ticket), 999), undefined);
});

test("no character of it can be another, not even one whose last bits mean nothing", () => {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const signed = signTicket("s", ticket);
	for (let i = 0; i < signed.length; i++)
		for (const letter of letters) {
			const other = `${signed.slice(0, i)}${letter}${signed.slice(i + 1)}`;
			if (other !== signed) assert.equal(readTicket(["s"], other, 999), undefined, other);
		}
	for (const other of ["", ".", signed.slice(0, -1), `${signed}A`, `${signed}=`, ` ${signed}`])
		assert.equal(readTicket(["s"], other, 999), undefined, other);
});
