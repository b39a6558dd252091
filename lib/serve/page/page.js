// The live page. The secret and the tree's name are in the link's fragment, which is never sent in an address.
// What is kept lies on the server; a question lives as long as the request that asked it, so leaving the page cancels it.
const find = (id) => document.getElementById(id);
const [token, ...place] = location.hash.slice(1).split("/");
const LARGEST = 8e6; // bytes; larger pictures are made smaller before they are sent
const state = { tree: place[0] ?? "", nodes: [], here: 0, server: undefined, running: [] };

function say(text) {
  if (find("message").textContent !== text) find("message").textContent = text;
}

function make(tag, properties = {}, ...children) {
  const { aria = {}, ...own } = properties;
  const element = Object.assign(document.createElement(tag), own);
  for (const [name, value] of Object.entries(aria)) element.setAttribute(`aria-${name}`, value);
  element.append(...children);
  return element;
}

/** One request; what the server says instead of an answer is thrown. */
async function request(path, { signal, ...options } = {}) {
  const headers = { authorization: `Bearer ${token}`, ...options.headers };
  const response = await fetch(path, { ...options, headers, ...(signal && { signal }) });
  if (response.ok) return response;
  const { error } = await response.json().catch(() => ({}));
  throw Object.assign(new Error(error ?? `The server answered with ${response.status}.`), { status: response.status });
}

const get = async (path) => await (await request(path)).json();
const post = (path, body, signal) =>
  request(path, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" }, signal });

/** Does something that may fail, and says why when it does. */
async function attempt(body) {
  try {
    await body();
  } catch (error) {
    if (error.name !== "AbortError") say(error.status ? error.message : "The server cannot be reached: try again when it is back.");
  }
}

const nameOf = ({ id, title, drawn }) => drawn ? `${id}: ${title}` : `${id}: ${title} (given)`;
const pictureOf = ({ id }, end = "png") => `/tree/${state.tree}/${id}.${end}`;
const nats = (value) => value.toFixed(2).replace("-", "−");

function remember() {
  history.replaceState(null, "", `#${[token, state.tree, state.tree && state.here].filter((part) => part !== "").join("/")}`);
}

/** The first screen: what to begin with. */
function showBegin() {
  find("begin").hidden = false;
  find("work").hidden = true;
  find("back").hidden = state.nodes.length === 0;
  find("begin-title").focus();
}

function showExamples() {
  find("examples").replaceChildren(...state.server.examples.map(({ title }, i) => {
    const button = make("button", { type: "button", className: "tile" }, make("img", { src: `/example/${i}.png`, alt: "" }), title);
    button.addEventListener("click", () => attempt(() => addPicture({ json: { example: i } })));
    return make("li", {}, button);
  }));
}

/** Gives the tree a picture to begin with; a tree is begun with its first. */
async function addPicture({ json, file }) {
  say("Sending the picture …");
  if (state.tree === "") {
    state.tree = (await (await post("/api/trees", {})).json()).tree;
  }
  const path = `/api/trees/${state.tree}/pictures`;
  const sent = json
    ? post(path, json)
    : request(path, { method: "POST", body: file, headers: { "content-type": "application/octet-stream" } });
  const { nodes } = await (await sent).json();
  state.nodes.push(...nodes);
  say("");
  go(nodes[0].id);
}

/** A picture that is small enough to be sent: as it is, or drawn anew, smaller. */
async function sendable(file) {
  if (file.size <= LARGEST) {
    const bitmap = await createImageBitmap(file).catch(() => undefined);
    const fits = !bitmap || bitmap.width * bitmap.height <= 16e6;
    bitmap?.close();
    if (fits) return file;
  }
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, 2000 / Math.max(bitmap.width, bitmap.height));
  const canvas = make("canvas", { width: Math.round(bitmap.width * scale), height: Math.round(bitmap.height * scale) });
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.95));
}

/** Makes a picture the one that actions are done to. */
function go(id) {
  state.here = id;
  remember();
  find("begin").hidden = true;
  find("work").hidden = false;
  const node = state.nodes[id];
  find("picture").src = pictureOf(node);
  find("picture").alt = node.drawn ? `The picture after: ${node.title}` : `The picture that was given: ${node.title}`;
  find("here-title").textContent = nameOf(node);
  const root = rootOf(node);
  const example = state.server.examples.find(({ title }) => title === root.title);
  find("actions").replaceChildren(...(example?.actions ?? []).map((value) => make("option", { value })));
  find("action").placeholder = example ? `such as: ${example.actions[0]}` : "such as: open the door";
  showTree();
  showFound(newestQuestion(id));
  find("here-title").focus({ preventScroll: true });
  scrollTo(0, 0);
}

function rootOf(node) {
  return node.parent === null ? node : rootOf(state.nodes[node.parent]);
}

/** The pictures that came of a picture, by what was asked, in order. */
function questionsOf(id) {
  return Object.values(Object.groupBy(state.nodes.filter(({ parent }) => parent === id), questionKey));
}

const questionKey = ({ title, drawn }) => `${drawn.seed} ${title}`;
const newestQuestion = (id) => questionsOf(id).at(-1) ?? [];

/** The answers to a question: ranked, the second world model's beside the first's. */
function showFound(nodes) {
  find("found").hidden = nodes.length === 0;
  if (nodes.length === 0) return;
  find("found-title").textContent = `“${nodes[0].title}”, seed ${nodes[0].drawn.seed}`;
  const sides = Object.groupBy(nodes, ({ drawn }) => drawn.side);
  find("sides").replaceChildren(
    ...["cwm", "other"].filter((side) => sides[side]).map((side) => {
      const ranked = sides[side].toSorted((a, b) => b.drawn.logLikelihood - a.drawn.logLikelihood);
      const title = sides.cwm && sides.other ? [make("h3", {}, titleOf(side))] : [];
      return make("div", {}, ...title, make("ol", { className: "pictures" }, ...ranked.map(candidateCard)));
    }),
  );
  showLook();
}

const titleOf = (side) => side === "cwm" ? "The world model" : "The other world model";

function candidateCard(node, rank) {
  const { candidate, logLikelihood } = node.drawn;
  const name = `candidate ${candidate}, rank ${rank + 1}`;
  const image = make("img", { src: pictureOf(node), alt: `${node.title}: ${name}` });
  const weights = make("img", { className: "weights", alt: "", hidden: true });
  weights.dataset.src = pictureOf(node, "weights.png");
  const onward = make("button", { type: "button", aria: { label: `Go on from ${name}` } }, "Go on");
  onward.addEventListener("click", () => go(node.id));
  const keep = make("button", { type: "button", className: "quiet", aria: { label: `Save ${name} as a training example` } }, "Save");
  keep.addEventListener("click", () => attempt(() => saveExample(node.parent, node.id, node.title)));
  const numbers = make("p", {}, `${rank + 1}. log p ${nats(logLikelihood)}`);
  return make("li", {}, make("span", { className: "picture" }, image, weights), numbers, make("p", { className: "buttons" }, onward, keep));
}

function showLook() {
  const wanted = find("look").checked;
  for (const image of find("sides").querySelectorAll(".weights")) {
    if (wanted && !image.src) image.src = image.dataset.src;
    image.hidden = !wanted;
    image.alt = wanted ? "where it differs: bright" : "";
  }
}

/** The whole tree: under each picture what was asked of it, with the pictures that came of it. */
function showTree() {
  const branch = (node) => {
    const questions = questionsOf(node.id).map((nodes) => {
      const grown = nodes.filter(({ id }) => questionsOf(id).length > 0);
      const text = make("span", {}, `${nodes[0].title} `, make("small", {}, `seed ${nodes[0].drawn.seed}`));
      const inner = grown.length > 0 ? [make("ul", {}, ...grown.map((one) => make("li", {}, `from ${one.id}`, ...branch(one))))] : [];
      return make("li", {}, text, make("span", { className: "thumbs" }, ...nodes.map(thumb)), ...inner);
    });
    return questions.length > 0 ? [make("ul", {}, ...questions)] : [];
  };
  const roots = state.nodes.filter(({ parent }) => parent === null);
  find("tree").replaceChildren(
    ...roots.map((root) => make("li", {}, make("span", { className: "thumbs" }, thumb(root)), root.title, ...branch(root))),
  );
  const file = (end, text) =>
    make("a", { href: end === "json" ? `/tree/${state.tree}/tree.json` : pictureOf(state.nodes[state.here], end), download: "" }, text);
  const way = `The way to picture ${state.here}: `;
  find("exports").replaceChildren(
    way,
    file("strip.png", "strip"),
    " · ",
    file("gif", "GIF"),
    " · ",
    file("mp4", "video"),
    " · ",
    file("json", "the whole tree as JSON"),
  );
  for (const id of ["before", "after"]) {
    find(id).replaceChildren(...state.nodes.map((node) => make("option", { value: node.id, textContent: nameOf(node) })));
    find(id).value = id === "before" ? state.nodes[state.here].parent ?? state.here : state.here;
  }
}

function thumb(node) {
  const likelihood = node.drawn ? `, log p ${nats(node.drawn.logLikelihood)}` : "";
  const current = node.id === state.here ? { current: "true" } : {};
  const button = make("button", { type: "button", aria: { label: `${nameOf(node)}${likelihood}`, ...current } });
  button.append(make("img", { src: pictureOf(node), alt: "", loading: "lazy" }));
  button.addEventListener("click", () => go(node.id));
  return button;
}

/** Asks what an action leads to: the second world model, where there is one, on the same seed. */
async function imagine() {
  const body = { parent: state.here, action: find("action").value.trim(), seed: Number(find("seed").value) };
  const sides = state.server.compares ? ["cwm", "other"] : ["cwm"];
  const boxes = sides.map((side) => runningBox(side, body.action));
  find("boxes").replaceChildren(...boxes.map(({ box }) => box));
  find("running").hidden = false;
  find("found").hidden = true;
  const stop = new AbortController();
  state.running = [stop];
  find("cancel").disabled = false;
  find("imagine").disabled = true;
  const added = [];
  await attempt(async () => {
    const asked = await Promise.allSettled(sides.map(async (side, i) => {
      const end = await follow(`/api/trees/${state.tree}/imagine`, { ...body, side }, boxes[i], stop.signal);
      added.push(...end.nodes);
    }));
    const failed = asked.find(({ status }) => status === "rejected");
    if (failed) throw failed.reason;
  });
  if (stop.signal.aborted) say("Cancelled.");
  find("running").hidden = true;
  find("cancel").disabled = true;
  find("imagine").disabled = false;
  if (added.length > 0) await attempt(() => showAdded(added, body));
  else showFound(newestQuestion(state.here)); // as before
}

async function showAdded(added, { parent }) {
  state.nodes = (await get(`/api/trees/${state.tree}`)).nodes;
  showTree();
  const own = state.nodes.filter((node) => node.parent === parent && questionKey(node) === questionKey(added[0]));
  if (state.here === parent) showFound(own);
  const best = own.reduce((a, b) => b.drawn.logLikelihood > a.drawn.logLikelihood ? b : a);
  say(`${added.length} candidates; the likeliest is candidate ${best.drawn.candidate} with log p ${nats(best.drawn.logLikelihood)}.`);
}

/** Where a question is: its place in the queue, then rows of the pictures. */
function runningBox(side, action) {
  const text = make("p");
  const bar = make("progress", { max: state.server.rows, value: 0, aria: { label: `Rows drawn by ${titleOf(side).toLowerCase()}` } });
  const pictures = make("div", { className: "pictures" });
  const title = state.server.compares ? [make("h3", {}, titleOf(side))] : [];
  return { box: make("div", {}, ...title, text, bar, pictures), text, bar, pictures, action };
}

/** Reads what is told of a question until its end. */
async function follow(path, body, box, signal) {
  const response = await post(path, body, signal);
  let text = "";
  let last;
  for await (const piece of pieces(response.body.pipeThrough(new TextDecoderStream()))) {
    const lines = (text + piece).split("\n");
    text = lines.pop();
    for (const line of lines) {
      last = JSON.parse(line);
      if (last.error) throw Object.assign(new Error(last.error), { status: 200 });
      if (box) showRunning(box, last);
    }
  }
  if (last && (last.nodes || "action" in last)) return last;
  throw new Error("The connection broke off");
}

async function* pieces(stream) { // streams are no iterators in every browser
  const reader = stream.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    yield value;
  }
}

function showRunning({ text, bar, pictures, action }, { place, begun, rows, pictures: shown }) {
  if (place !== undefined) {
    text.textContent = place === 0 ? "You are next." : `${place} before you.`;
    say(text.textContent);
  }
  if (begun) {
    text.textContent = "Drawing …";
    say(`Drawing “${action}” …`);
  }
  if (rows === undefined) return;
  bar.value = rows;
  text.textContent = `${rows} of ${bar.max} rows`;
  shown.forEach((src, i) => {
    if (!pictures.children[i]) pictures.append(make("img", { alt: `Candidate ${i}, not finished` }));
    pictures.children[i].src = src;
  });
}

async function describe() {
  find("keep").hidden = true;
  say("Asking the dynamics model …");
  const body = { before: Number(find("before").value), after: Number(find("after").value) };
  const { action, logLikelihood } = await follow(`/api/trees/${state.tree}/describe`, body, undefined, undefined);
  find("said").value = action;
  find("likelihood").textContent = `(log p ${nats(logLikelihood)})`;
  find("keep").hidden = false;
  say(`The dynamics model says: ${action || "nothing"}.`);
}

async function saveExample(before, after, action) {
  const { path, count } = await (await post(`/api/trees/${state.tree}/examples`, { before, after, action })).json();
  say(`Saved; ${count} ${count === 1 ? "example" : "examples"} in ${path}, for train-cwm --cwm.synthetic.`);
}

for (const id of ["file", "camera"]) {
  find(id).addEventListener("change", ({ target }) =>
    attempt(async () => {
      if (target.files[0]) await addPicture({ file: await sendable(target.files[0]) });
      target.value = "";
    }));
}
find("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!find("imagine").disabled) imagine();
});
find("cancel").addEventListener("click", () => {
  for (const stop of state.running) stop.abort();
  find("imagine").focus();
});
find("describe").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(describe);
});
find("keep").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(() => saveExample(Number(find("before").value), Number(find("after").value), find("said").value));
});
find("look").addEventListener("change", showLook);
find("more").addEventListener("click", showBegin);
find("back").addEventListener("click", () => go(state.here));

/** Opens the tree that the link names, or the first screen. */
async function open() {
  state.server = await get("/api/state");
  showExamples();
  const tree = state.tree === "" ? { nodes: [] } : await get(`/api/trees/${state.tree}`).catch((error) => {
    if (error.status !== 404) throw error;
    state.tree = "";
    say("This tree is not here any more.");
    return { nodes: [] };
  });
  state.nodes = tree.nodes;
  if (state.nodes.length === 0) showBegin();
  else go(state.nodes[Number(place[1])] ? Number(place[1]) : 0);
}

if (!/^[0-9a-f]{32}$/.test(token)) say("This page opens by the link that deno task serve printed.");
else await attempt(open);
