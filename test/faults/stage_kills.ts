/**
 * SIGKILLs at random moments over all stages: each is killed and started again until it has had its share, must then go on to its end, and
 * must leave the files of a run that nobody disturbed.
 *
 *   deno run -A test/faults/stage_kills.ts 20 [STAGE …]
 *
 * @module
 */
import { type Random, randomStream } from "../../lib/engine/random.ts";
import { chosenStages, differences, openRoot, run, type Stage, start, wholeOf } from "./stages.ts";

/** What became of a stage. */
interface Killed {
  /** Kills that hit it while it ran. */
  readonly kills: number;
  /** Starts that ended by themselves in another way than with success, and files that differ. */
  readonly problems: readonly string[];
}

/** Kills a stage again and again; where it is done before its share is reached, it begins anew. */
async function killed(root: string, stage: Stage, wanted: number, random: Random): Promise<Killed> {
  const { name } = stage;
  const cache = `${root}/cache`; // one for all, killed like the rest
  let usual = 0;
  for (const folder of [...(wanted > 0 ? [`${root}/${name}-first`] : []), `${root}/${name}`]) { // the first one also compiles
    const began = performance.now();
    const whole = await run(stage, root, folder, { cache });
    if (whole.code !== 0) return { kills: 0, problems: [whole.words.slice(-600)] };
    usual = performance.now() - began;
  }
  const problems: string[] = [];
  let kills = 0;
  for (let round = 0; kills < wanted; round++) {
    const folder = `${root}/${name}-${round}`;
    for (let code = -1; code !== 0 && problems.length < 5;) {
      const child = start(stage, root, folder, { cache });
      const timer = kills < wanted ? setTimeout(() => child.kill("SIGKILL"), random() * usual) : undefined;
      const { signal, stderr, code: ended } = await child.output();
      clearTimeout(timer);
      code = ended;
      if (signal === "SIGKILL") kills++;
      else if (code !== 0) problems.push(new TextDecoder().decode(stderr).slice(-600));
    }
    problems.push(...differences(wholeOf(root, name), `${folder}/run`).map((path) => `${path} differs`));
    Deno.removeSync(folder, { recursive: true });
    if (problems.length > 0) break;
  }
  return { kills, problems };
}

if (import.meta.main) {
  const [wanted = "20", ...names] = Deno.args;
  const root = await openRoot();
  const random = randomStream("stage kills", 1);
  let [all, wrong] = [0, 0];
  for (const { stage, isNamed } of chosenStages(names)) {
    const { kills, problems } = await killed(root, stage, isNamed ? Number(wanted) : 0, random);
    all += kills;
    wrong += problems.length;
    console.log(`${stage.name}: ${kills} kills${problems.map((one) => `\n  WRONG: ${one}`).join("")}`);
  }
  Deno.removeSync(root, { recursive: true });
  console.log(`${all} kills, ${wrong === 0 ? "nothing wrong" : `${wrong} wrong`}`);
  Deno.exit(wrong === 0 ? 0 : 1);
}
