import { listen } from "./live.js";
import { show, start } from "./router.js";
import { onUser } from "./session.js";
import { here } from "./shell.js";

const main = document.getElementById("main");

document.getElementById("skip").addEventListener("click", event => {
	event.preventDefault();
	main.focus();
});

let path = [];
start(main, next => {
	path = next;
	here(path);
});
onUser(user => {
	here(path);
	listen(user);
	// A form that has just signed somebody in leads on by itself.
	if (!["sign-in", "sign-up"].includes(path[0])) void show();
});
void listen();
