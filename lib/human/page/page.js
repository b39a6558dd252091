// The page of the blind evaluation. The secret is in the link's fragment, which is never sent in an address.
// An answer is kept in localStorage until the server has acknowledged it.
const secret = location.hash.slice(1);
const pending = `answer ${secret}`;
const find = (id) => document.getElementById(id);
let shown;

/** Asks the server; waits and tries again while it cannot be reached. */
async function ask(path, body) {
  for (let wait = 1;; wait = Math.min(wait * 2, 30)) {
    try {
      const response = await fetch(path, {
        method: body ? "POST" : "GET",
        headers: { authorization: `Bearer ${secret}`, ...(body && { "content-type": "application/json" }) },
        ...(body && { body: JSON.stringify(body) }),
      });
      if (response.status < 500) return await response.json();
    } catch { /* offline, or the server is being restarted */ }
    say("The server cannot be reached. Your answer is kept here and will be sent again.");
    await new Promise((done) => setTimeout(done, wait * 1000));
  }
}

function say(text) {
  if (find("message").textContent !== text) find("message").textContent = text;
}

/** Shows what the server says comes next. */
function show(state) {
  say(state.error ?? "");
  if (!state.screen) return; // an error and nothing else
  shown = state;
  for (const name of ["welcome", "item", "done"]) find(name).hidden = name !== state.screen;
  if (state.screen === "welcome") find("total").textContent = state.total;
  if (state.screen === "item") showItem(state);
  if (state.screen === "done") {
    find("answered").textContent = state.total;
    find("completion").textContent = state.completion;
  }
  find(state.screen).querySelector("h1").focus({ preventScroll: true });
  scrollTo(0, 0);
}

function showItem({ number, total, action, source, choices }) {
  find("number").textContent = `${number} of ${total}`;
  Object.assign(find("bar"), { max: total, value: number - 1 });
  find("action").textContent = action;
  find("source").src = `/image/${source}`;
  find("choices").replaceChildren(...choices.map(choiceCard));
  find("next").disabled = true;
}

function choiceCard(token, i) {
  const card = document.createElement("fieldset");
  const legend = document.createElement("legend");
  legend.textContent = `Picture ${i + 1}`;
  const image = Object.assign(new Image(), { src: `/image/${token}`, alt: `Picture ${i + 1}` });
  const options = ["best", "worst"].map((name) => {
    const input = Object.assign(document.createElement("input"), { type: "radio", name, value: token });
    input.setAttribute("aria-label", `Picture ${i + 1} is the ${name}`);
    const label = document.createElement("label");
    label.append(input, name);
    return label;
  });
  card.append(legend, image, ...options);
  return card;
}

function chosen(name) {
  return find("vote").querySelector(`input[name=${name}]:checked`)?.value;
}

/** A picture cannot be both: the newer choice stays. */
function keepApart(changed) {
  const other = changed.name === "best" ? "worst" : "best";
  if (chosen(other) === changed.value) find("vote").querySelector(`input[name=${other}]:checked`).checked = false;
  find("next").disabled = !chosen("best") || !chosen("worst");
}

async function sendVote(vote) {
  localStorage.setItem(pending, JSON.stringify(vote));
  find("next").disabled = true;
  const state = await ask("/api/vote", vote);
  localStorage.removeItem(pending); // acknowledged, or refused for good
  show(state);
}

find("vote").addEventListener("change", ({ target }) => keepApart(target));
find("vote").addEventListener("submit", (event) => {
  event.preventDefault();
  const [best, worst] = [chosen("best"), chosen("worst")];
  if (best && worst && !find("next").disabled) sendVote({ item: shown.item, best, worst });
});
find("consent").addEventListener("submit", async (event) => {
  event.preventDefault();
  show(await ask("/api/join", { consent: true }));
});
addEventListener("keydown", (event) => {
  const place = /^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1];
  if (find("item").hidden || event.ctrlKey || event.metaKey || event.altKey) return;
  const card = place && find("choices").children[place - 1];
  if (card) {
    const input = card.querySelector(`input[name=${event.shiftKey ? "worst" : "best"}]`);
    input.checked = true;
    input.focus();
    keepApart(input);
  } else if (event.key === "Enter" && !/^(BUTTON|SUMMARY)$/.test(document.activeElement.tagName)) {
    event.preventDefault();
    find("vote").requestSubmit();
  }
});

const kept = localStorage.getItem(pending);
if (!/^[0-9a-f]{32}$/.test(secret)) say("This page opens by an invite link: ask for one.");
else if (kept) await sendVote(JSON.parse(kept));
else show(await ask("/api/screen"));
