/** Somebody who asks from another thread: begins a tree, asks, cancels once the first rows are there, and asks again when told to. */
const scope = self as unknown as { onmessage: (event: MessageEvent) => void; postMessage(message: unknown): void };
let at: { origin: string; token: string };
let tree = "";

const ask = (path: string, body?: object) =>
  fetch(`${at.origin}${path}`, {
    ...(body && { method: "POST", body: JSON.stringify(body) }),
    headers: { authorization: `Bearer ${at.token}`, ...(body && { "content-type": "application/json" }) },
  });
const imagine = () => ask(`/api/trees/${tree}/imagine`, { parent: 0, action: "open it", seed: 1 });

scope.onmessage = async ({ data }) => {
  if (data === "again") {
    const lines = (await (await imagine()).text()).trim().split("\n");
    return scope.postMessage(JSON.parse(lines.at(-1)!));
  }
  at = data;
  tree = (await (await ask("/api/trees", {})).json()).tree;
  await (await ask(`/api/trees/${tree}/pictures`, { example: 0 })).body!.cancel();
  const reader = (await imagine()).body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes('"rows"')) text += (await reader.read()).value;
  const state = await ask("/api/state"); // is answered although the models' thread stands still
  await state.body!.cancel();
  await reader.cancel();
  const rows = text.split("\n").filter((line) => line.includes('"rows"')).map((line) => Number(/"rows":(\d)/.exec(line)![1]))[0];
  scope.postMessage({ state: state.status, rows });
};
