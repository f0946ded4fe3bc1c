const form = document.querySelector("form");
const error = document.querySelector(".error");
const secret = new URLSearchParams(location.search).get("secret");

form.addEventListener("submit", async event => {
	event.preventDefault();
	const outcome = event.submitter.value;
	for (const button of form.elements) button.disabled = true;
	try {
		const response = await fetch(location.pathname, {
			method: "POST",
			headers: { "content-type": "application/json" },
			body: JSON.stringify({ secret, outcome }),
		});
		if (!response.ok) throw new Error((await response.json()).title);
		location.reload();
	} catch (reason) {
		error.textContent = `That did not work: ${reason.message}`;
		error.hidden = false;
		for (const button of form.elements) button.disabled = false;
	}
});
