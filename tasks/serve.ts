/**
 * The live page: a picture is given, an action is typed, candidates appear as they are drawn, ranked by the dynamics model; from each of them
 * it goes on. Trees of actions, the link's secret and training examples that people save lie in the run's folder.
 *
 * @module
 */
import { randomStream } from "../lib/engine/mod.ts";
import { runTask } from "../lib/experiment/cli.ts";
import { fitsWorld } from "../lib/experiment/datasets.ts";
import { loadModels, type Models, requireDecoder } from "../lib/experiment/models.ts";
import { makerOf } from "../lib/experiment/origin.ts";
import type { Config } from "../lib/experiment/schema.ts";
import { openStage, type Stage } from "../lib/experiment/stage.ts";
import { BENCH_FLAG, type Invocation, PROVENANCE_FLAG, STAGE_SWITCHES, type TaskInfo } from "../lib/experiment/task.ts";
import { gridSide } from "../lib/model/config.ts";
import { loadAdapter, openEncoder } from "../lib/model/mod.ts";
import { answerAll, type Answering, type ExampleSource, type LivePage, type Makers, openPage } from "../lib/serve/mod.ts";
import { encodePng } from "../lib/tokens/mod.ts";
import { keptSecrets } from "../lib/web/mod.ts";
import { type Action, DIFFICULTIES, FAMILIES, randomAction, renderScenes, sayAction, worldTrajectories } from "../lib/world/mod.ts";

const TASK: TaskInfo = {
  name: "serve",
  about: "A live page for a world model and a dynamics model: give a picture, type an action, see where it leads, go on from there.",
  sections: ["data", "model", "serve"],
  switches: { "no-deps": STAGE_SWITCHES["no-deps"]! },
  flags: { ...BENCH_FLAG, ...PROVENANCE_FLAG },
};

/** Runs the task. */
async function main(invocation: Invocation): Promise<void> {
  const { config } = invocation;
  const { adapter: cwm, cdm, other } = config.serve;
  const stage = await openStage(invocation, TASK, { sections: ["model"], adapters: { cwm, cdm, ...(other && { other }) } });
  if (!stage) return;

  // 1. The models, warm: what has been compiled need not be waited for
  const models = openModels(config, stage);
  console.log("Compiling what a question takes …");
  warmUp(models);

  // 2. The page, in a thread of its own
  const { hostname, links } = config.serve;
  const tokens = keptSecrets(`${stage.folder}/token.txt`, links).slice(0, links);
  const page = await servePage(invocation, stage, models, tokens);
  console.log(tokens.map((token) => `http://${hostname}:${page.port}/#${token}`).join("\n"));
  console.log(`Whoever has ${links > 1 ? "such a" : "this"} link may use the page; ${stage.folder} keeps what is drawn. Stop with Ctrl-C.`);

  // 3. Questions, those that wait together at once
  for (;;) {
    const { number, questions } = await page.next();
    page.answer(answerAll(models, questions, { onGrowth: page.grow, isUnwanted: () => page.isUnwanted(number) }));
  }
}

function openModels(config: Config, { adapters }: Stage): Answering {
  const { serve } = config;
  const models = loadModels(config, { image: adapters["cwm"], text: adapters["cdm"] });
  requireDecoder(models, config);
  return {
    ...models,
    encoder: openEncoder(models.vqgan),
    ...(serve.other !== "" && { other: otherSampler(models, adapters["other"]) }),
    ...{ candidates: serve.candidates, together: serve.together, options: serve },
  };
}

/** The world model to compare with: the same head, another adapter. */
function otherSampler({ image, chameleon }: Models, folder: string | undefined): Models["image"] {
  return { ...image, adapter: folder === undefined ? undefined : loadAdapter(folder, chameleon.config) };
}

/** Answers a question about nothing. */
function warmUp(models: Answering): void {
  const { vqgan: { config: { resolution: side } } } = models;
  const source = { picture: { width: side, height: side, data: new Uint8Array(3 * side * side).fill(128) } };
  const watching = { onGrowth: () => {}, isUnwanted: () => false };
  answerAll(models, [{ kind: "imagine", side: "cwm", source, action: "remove the red circle", seed: 1 }], watching);
  answerAll(models, [{ kind: "describe", source, target: source }], watching);
}

async function servePage(
  invocation: Invocation,
  stage: Stage,
  { vqgan: { config: vq } }: Answering,
  tokens: readonly string[],
): Promise<LivePage> {
  const { config } = invocation;
  const { candidates, together, hostname, port, other } = config.serve;
  const maker = makerOf(invocation, stage, "cwm");
  const makers: Makers = { cwm: maker, other: maker && { ...maker, adapter: stage.inputs["other"] } };
  const examples = fitsWorld(config) ? await worldExamples(config) : [];
  return await openPage({
    ...{ folder: stage.folder, tokens, hostname, port, candidates, together, makers, examples },
    ...{ side: vq.resolution, rows: gridSide(vq), compares: other !== "" },
  });
}

const EXAMPLES = 6;
const ACTIONS = 4; // to try on each

/** Scenes of the tiny world, with what can be done there. */
async function worldExamples({ data, seed }: Config): Promise<ExampleSource[]> {
  const transitions = worldTrajectories(data.difficulty, seed, "bench", EXAMPLES);
  const pictures = await renderScenes(transitions.map(({ before }) => before));
  return await Promise.all(transitions.map(async ({ before, action }, i) => {
    const random = randomStream("serve", seed, i);
    const tried = FAMILIES.map((family) => randomAction(random, before, DIFFICULTIES[data.difficulty], family));
    const others = tried.filter((one): one is Action => one !== undefined).map((one) => sayAction(random, one));
    const png = await encodePng(pictures[i]!) as Uint8Array<ArrayBuffer>;
    return { title: `example ${i + 1}`, png, actions: [...new Set([action, ...others])].slice(0, ACTIONS) };
  }));
}

if (import.meta.main) await runTask(TASK, main);
