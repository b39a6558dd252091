/**
 * Judges the pictures of systems end to end, against a stand-in of the endpoint that is busy, breaks, lies and refuses, with the
 * task killed in the middle; and says what was asked, paid, lost and predicted.
 *
 *   deno run -A test/faults/judge_campaign.ts 250 6 3     # items, systems, kills
 *
 * @module
 */
import type { Score } from "../../lib/judge/mod.ts";
import { encodePng } from "../../lib/tokens/mod.ts";
import { ACTIONS } from "./judge_words.ts";
import { type Seen, startStandIn } from "./stand_in.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const CONCURRENCY = 8;
const SUBSETS: Readonly<Record<string, readonly [width: number, height: number]>> = {
  magicbrush: [1024, 1024],
  ag: [480, 270],
  something: [427, 240],
  whatsup: [1280, 960],
  kubric: [512, 512],
};

/** What a campaign found. */
export interface Campaign {
  /** Pictures, and those that differ. */
  readonly pictures: number;
  /** Kills that hit the task at work. */
  readonly kills: number;
  /** US dollars that the dry run predicted, before anything was asked; and those billed then. */
  readonly predicted: number;
  /** As predicted after a few items were judged. */
  readonly predictedAfterPilot: number;
  /** US dollars that the stand-in counted after the pilot, for all answers that it made, lost ones and refusals included. */
  readonly billed: number;
  /** What the same questions, each asked and answered once, would have cost. */
  readonly once: number;
  /** US dollars by the stand-in for all, the pilot included. */
  readonly billedInAll: number;
  /** Questions whose answer was delivered more than once, though it could be read. */
  readonly paidTwice: number;
  /** Most questions that can be in flight at the kills. */
  readonly inFlight: number;
  /** Pictures with a score, with a reason for none, and with neither, after the faulty run. */
  readonly outcome: { readonly scored: number; readonly unscored: number; readonly absent: number };
  /** The same after the last run, without faults. */
  readonly end: { readonly scored: number; readonly unscored: number; readonly absent: number };
  /** What the stand-in saw. */
  readonly seen: Seen;
  /** Answers that the last run was given, though it had them. */
  readonly askedAgain: number;
}

/**
 * Runs a campaign.
 *
 * @param folder for all files
 * @param items of the bench
 * @param systems that are compared; the first copies the source
 * @param kills of the task
 * @param options share of questions in a thousand that meet each fault, seconds after which an answer is too late, pilot's items
 */
export async function campaign(
  folder: string,
  items: number,
  systems: number,
  kills: number,
  options: { readonly perThousand: number; readonly timeout: number; readonly pilot: number; readonly say?: (text: string) => void },
): Promise<Campaign> {
  const { perThousand, timeout, pilot, say = () => {} } = options;
  const names = await writePictures(folder, items, systems);
  const standIn = startStandIn(timeout * 1000 + 1500);
  const { seen } = standIn;
  const start = (...more: string[]) => startJudge(folder, standIn.port, names, timeout, more);
  try {
    const predicted = predictedIn(await whole(start("--dry-run"), say));
    standIn.setFaults(perThousand);
    await whole(start(`--bench.limit=${pilot}`, `--run=${folder}/pilot`), say);
    const predictedAfterPilot = predictedIn(await whole(start("--dry-run"), say));
    const [pilotCost, pilotOnce] = [dollars(seen), dollarsOf(seen.once)];
    let hit = 0;
    for (let kill = 0; kill < kills; kill++) {
      const child = start(`--run=${folder}/judge`);
      const goal = seen.delivered.size + Math.floor((items - pilot) * systems / (kills + 1));
      const isHit = await killAt(child, () => seen.delivered.size >= goal);
      hit += isHit ? 1 : 0;
      say(`killed with ${seen.delivered.size} answers delivered`);
    }
    await whole(start(`--run=${folder}/judge`), say);
    const outcome = outcomeOf(folder, items * systems);
    const [billed, once] = [dollars(seen) - pilotCost, dollarsOf(seen.once) - pilotOnce];
    standIn.setFaults(0);
    await whole(start(`--run=${folder}/judge`, "--restart"), say); // what came to nothing is asked again
    const requests = seen.requests;
    await whole(start(`--run=${folder}/judge`, "--restart"), say);
    return {
      ...{ pictures: items * systems, kills: hit, predicted, predictedAfterPilot, billed, once },
      ...{ billedInAll: billed + pilotCost, outcome, end: outcomeOf(folder, items * systems), seen },
      paidTwice: [...seen.delivered.values()].filter((times) => times > 1).length,
      ...{ inFlight: hit * CONCURRENCY, askedAgain: seen.requests - requests },
    };
  } finally {
    await standIn.close();
  }
}

/** A bench of real sizes, and the systems' pictures as the model draws them; every 25th is the same in two systems. */
async function writePictures(folder: string, items: number, systems: number): Promise<string> {
  const sizes = Object.entries(SUBSETS);
  const list: object[] = [];
  for (let i = 0; i < items; i++) {
    const [task, [width, height]] = sizes[i % sizes.length]!;
    await writePicture(`${folder}/bench/${i}.png`, width, height, i);
    list.push({ input: `${i}.png`, output: `${i}.png`, instruction: ACTIONS[i % ACTIONS.length], task });
    for (let s = 1; s < systems; s++) {
      const seed = i % 25 === 0 && s > 1 ? 1 : s;
      await writePicture(`${folder}/system-${s}/${task}-${i}.png`, 512, 512, 1000 * seed + i);
    }
  }
  Deno.writeTextFileSync(`${folder}/bench/list.json`, JSON.stringify(list));
  return ["copy", ...Array.from({ length: systems - 1 }, (_, s) => `S${s + 1}=${folder}/system-${s + 1}`)].join();
}

async function writePicture(path: string, width: number, height: number, seed: number): Promise<void> {
  const data = new Uint8Array(width * height * 3);
  const [a, b, c] = [seed % 251, seed % 241, Math.floor(seed / 256)];
  for (let i = 0; i < width * height; i++) {
    data[3 * i] = a + (i % width >> 3);
    data[3 * i + 1] = b + (i >> 12);
    data[3 * i + 2] = c;
  }
  Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  Deno.writeFileSync(path, await encodePng({ width, height, data }));
}

function startJudge(folder: string, port: number, systems: string, timeout: number, more: readonly string[]): Deno.ChildProcess {
  const args = ["--judge.model=gpt-4o-2024-11-20", `--judge.concurrency=${CONCURRENCY}`, `--judge.timeout=${timeout}`];
  const home = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME")}/.cache`;
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "tasks/judge.ts", `--bench=${folder}/bench/list.json`, `--systems=${systems}`, ...args, ...more],
    cwd: ROOT,
    env: {
      ...{ NO_COLOR: "1", DENO_DIR: Deno.env.get("DENO_DIR") ?? `${home}/deno`, XDG_CACHE_HOME: `${folder}/home` },
      ...{ OPENAI_API_KEY: "sk-canary-campaign", OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1` },
    },
    ...{ stdout: "piped", stderr: "null" },
  }).spawn();
}

async function whole(child: Deno.ChildProcess, say: (text: string) => void): Promise<string> {
  const { code, stdout } = await child.output();
  const text = new TextDecoder().decode(stdout);
  say(text);
  if (code !== 0) throw new Error(`judge ended with ${code}: ${text}`);
  return text;
}

/** Kills a process without warning when something has come about; false when it was faster. */
async function killAt(child: Deno.ChildProcess, isReached: () => boolean): Promise<boolean> {
  const timer = setInterval(() => {
    if (!isReached()) return;
    clearInterval(timer);
    child.kill("SIGKILL");
  }, 5);
  const [{ signal }] = await Promise.all([child.status, child.stdout.cancel()]);
  clearInterval(timer);
  return signal === "SIGKILL";
}

/** US dollars that a dry run says. */
function predictedIn(text: string): number {
  const [, prompt, completion] = /about (\d+) \+ (\d+) tokens/.exec(text) ?? [];
  return dollarsOf({ prompt: Number(prompt), completion: Number(completion) });
}

function dollars({ billed, lost }: Seen): number {
  return dollarsOf(billed) + dollarsOf(lost);
}

/** By gpt-4o's price. */
function dollarsOf({ prompt, completion }: { readonly prompt: number; readonly completion: number }): number {
  return (prompt * 2.5 + completion * 10) / 1e6;
}

function outcomeOf(folder: string, pictures: number): Campaign["outcome"] {
  const scores = Deno.readTextFileSync(`${folder}/judge/scores.jsonl`).trim().split("\n").map((line) => JSON.parse(line) as Score);
  const scored = scores.filter(({ score }) => score !== undefined).length;
  const unscored = scores.filter(({ score, unscored }) => score === undefined && unscored !== undefined).length;
  return { scored, unscored, absent: pictures - scored - unscored };
}

if (import.meta.main) {
  const [items = 250, systems = 6, kills = 3] = Deno.args.map(Number);
  const folder = Deno.makeTempDirSync({ prefix: "worldstrap-campaign-" });
  try {
    const options = { perThousand: 5, timeout: 5, pilot: 10, say: (text: string) => console.log(text) };
    const { seen, ...found } = await campaign(folder, items, systems, kills, options);
    console.log(found);
    const { delivered, ...counts } = seen;
    console.log({ ...counts, delivered: delivered.size });
    console.log(`${(100 * (1 - found.once / found.billed)).toFixed(1)} % of the bill after the pilot went to faults and kills`);
    const off = found.predictedAfterPilot / found.billed - 1;
    console.log(
      `predicted after the pilot ${(100 * off).toFixed(1)} % off, before it ${
        (100 * (found.predicted / found.billedInAll - 1)).toFixed(1)
      } %`,
    );
    const isGood = Math.abs(off) < 0.05 && found.paidTwice <= found.inFlight && found.outcome.absent + found.end.absent === 0 &&
      found.end.unscored === 0 && found.askedAgain === 0;
    if (!isGood) Deno.exit(1);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}
