/**
 * `human-eval` on a full disk, as a server that runs. The study lies on a small file system in memory. It must start, or end with one sentence
 * and start once there is room; while it runs the disk fills up again and again, and every vote must be taken, or refused in one sentence
 * without a path, and none that was taken may be lost. It needs root, to mount.
 *
 *   sudo deno run -A test/faults/human_eval_full.ts
 *
 * @module
 */
import { openStudy, readVotes } from "../../lib/human/mod.ts";
import { mount } from "./full_disk.ts";
import { problemsOfStarts, type Server, servers, startServer } from "./server_starts.ts";

const SIZES = [4, 8, 12, 16, 24, 32, 48, 64, 80, 96, 112, 128]; // KiB; it takes about 112

/** What the page is told. */
export interface State {
  /** Which screen. */
  readonly screen?: string;
  /** The item's token. */
  readonly item?: string;
  /** The pictures' tokens. */
  readonly choices?: readonly string[];
  /** Why not. */
  readonly error?: string;
}

/** Asks as the page does. */
export async function ask(link: string, path: string, body?: object): Promise<State> {
  const [address, secret] = link.split("/#");
  const sent = body && { method: "POST", body: JSON.stringify(body) };
  const response = await fetch(`${address}${path}`, { ...sent, headers: { authorization: `Bearer ${secret}` } });
  return await response.json();
}

/** Takes all the room that is left. */
function fill(disk: string): void {
  using file = Deno.openSync(`${disk}/filler`, { append: true, create: true });
  for (let size = 65536; size >= 1; size /= 2) {
    try {
      while (file.writeSync(new Uint8Array(size)) === size);
    } catch { /* there is no room for so much */ }
  }
}

/** A start without room for all: whether it was told in a sentence, and what was wrong. */
async function startIn(server: Server, disk: string): Promise<{ told: boolean; problems: string[] }> {
  const start = () => startServer(server, `${disk}/run`);
  return await problemsOfStarts(server, await start(), async () => {
    await mount("-o", "remount,size=1g", disk);
    return await start();
  });
}

/** Everybody votes; whenever one more is taken the disk is full for the next request. */
async function voteOn(links: readonly string[], disk: string): Promise<{ taken: number; refused: number; wrong: string[] }> {
  let [taken, refused] = [0, 0];
  const wrong: string[] = [];
  const persist = async (link: string, path: string, body: object): Promise<State> => {
    fill(disk);
    const first = await ask(link, path, body);
    Deno.removeSync(`${disk}/filler`);
    if (first.error === undefined) return first;
    refused++;
    if (!/^[A-Z][^\n/]*\.$/.test(first.error)) wrong.push(first.error);
    return await ask(link, path, body);
  };
  for (const link of links) {
    for (let state = await persist(link, "/api/join", { consent: true }); state.screen === "item";) {
      const [best, worst] = state.choices!;
      state = await persist(link, "/api/vote", { item: state.item, best, worst });
      if (state.error === undefined) taken++;
      else wrong.push(`after there is room: ${state.error}`);
    }
  }
  return { taken, refused, wrong };
}

if (import.meta.main) {
  const root = Deno.makeTempDirSync({ prefix: "worldstrap-full-" });
  const disk = `${root}/disk`;
  Deno.mkdirSync(disk);
  const { people } = await servers(root);
  const wrong: string[] = [];
  const onDisk = async (size: string, body: () => Promise<void>) => {
    await mount("-t", "tmpfs", "-o", `size=${size}`, "worldstrap-full", disk);
    await body().finally(() => new Deno.Command("umount", { args: [disk] }).output());
  };
  for (const size of SIZES) {
    await onDisk(`${size}k`, async () => {
      const found = await startIn(people, disk);
      console.log(`room for ${size} KiB at the start: ${found.told ? "told in a sentence" : "it fitted"}`);
      wrong.push(...found.problems);
    });
  }
  await onDisk("1m", async () => {
    const server = await startServer(people, `${disk}/run`);
    const { taken, refused, wrong: found } = await voteOn(server.links, disk);
    const { code, words } = await server.stop();
    const study = openStudy(`${disk}/run/study.db`);
    const kept = readVotes(study).length;
    study.close();
    console.log(`${taken} votes taken, ${refused} requests refused in a sentence, ${kept} votes kept`);
    wrong.push(...found, ...(kept === taken ? [] : [`${taken} votes were taken, ${kept} are kept`]));
    if (/ {4}at |bug in/.test(words)) wrong.push(`code ${code}: ${words.slice(-600)}`);
  });
  for (const one of wrong) console.log(`WRONG: ${one}`);
  Deno.removeSync(root, { recursive: true });
  Deno.exit(wrong.length === 0 ? 0 : 1);
}
