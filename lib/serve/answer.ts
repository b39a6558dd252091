/**
 * The models' side: answers questions, several at once.
 *
 * @module
 */
import { errorText, UserError } from "../errors.ts";
import type { PictureEncoder } from "../model/mod.ts";
import {
  codesOf,
  type Imagination,
  imagineAll,
  logLikelihoods,
  lookAt,
  type ObservationOptions,
  type OnRow,
  picturePairs,
  predictActions,
  type Sampler,
  unfinished,
} from "../sample/mod.ts";
import { dynamicsSequence } from "../tokens/mod.ts";
import { featureDistances } from "../trajectories/mod.ts";
import type { Answer, DescribeQuestion, Growth, ImagineQuestion, Question, Seen, Side } from "./questions.ts";

/** Models that answer. */
export interface Answering extends Imagination {
  /** The VQGAN's encoder, open. */
  readonly encoder: PictureEncoder;
  /** The world model that the first is compared with. */
  readonly other?: Sampler;
  /** Candidates of a question. */
  readonly candidates: number;
  /** Questions that are drawn together at most. */
  readonly together: number;
  /** How candidates are drawn. */
  readonly options: ObservationOptions;
}

/** What happens while questions are answered. */
export interface Watching {
  /** Told how far each question's candidates are. */
  readonly onGrowth: (growth: readonly Growth[]) => void;
  /** Whether nobody wants the answers any more. */
  readonly isUnwanted: () => boolean;
}

const UNWANTED = new Error("Nobody wants it any more"); // thrown in the middle of a drawing

/**
 * Answers questions of one kind. A question that cannot be answered spoils no other: each is then asked by itself.
 *
 * @param models that answer
 * @param questions all of one kind and side
 * @param watching who is told
 * @returns an answer for each
 */
export function answerAll(models: Answering, questions: readonly Question[], watching: Watching): Answer[] {
  try {
    return questions[0]!.kind === "imagine"
      ? imagineTogether(models, questions as readonly ImagineQuestion[], watching)
      : (questions as readonly DescribeQuestion[]).map((question) => describe(models, question));
  } catch (error) {
    if (error === UNWANTED) return questions.map(() => ({ error: "Cancelled." }));
    if (questions.length > 1) return questions.flatMap((question) => answerAll(models, [question], watching));
    if (error instanceof UserError) return [{ error: error.message }];
    console.error(errorText(error));
    return [{ error: "This cannot be drawn; the terminal of the server says why." }];
  }
}

function imagineTogether(models: Answering, questions: readonly ImagineQuestion[], { onGrowth, isUnwanted }: Watching): Answer[] {
  const { vqgan, candidates, options } = models;
  const queries = questions.map(({ source, action, seed }) => ({ source: seenCodes(models, source), action, seed }));
  const begun = performance.now();
  let spent = 0; // on showing how far it is: at most a quarter of the time
  const onRow: OnRow = (drawn) => {
    if (isUnwanted()) throw UNWANTED;
    const now = performance.now();
    if (now - begun < 4 * spent) return;
    onGrowth(queries.map(({ source }, i) => ({
      pictures: unfinished(vqgan, source, drawn[i]!),
      rows: Math.floor(drawn[i]![0]!.length / Math.sqrt(source.length)),
    })));
    spent += performance.now() - now;
  };
  const padding = questions.length === 1 ? 0 : models.together - questions.length; // one shape for one, another for several: few are compiled
  const padded = [...queries, ...Array<typeof queries[0]>(padding).fill(queries.at(-1)!)];
  const ranked = imagineAll({ ...models, image: samplerOf(models, questions[0]!.side) }, padded, candidates, options, onRow);
  return questions.map(({ source }, i) => {
    const distances = featureDistances(vqgan, source.picture, ranked[i]!.map(({ picture }) => picture), models.encoder);
    return { candidates: ranked[i]!.map((candidate, j) => ({ ...candidate, distances: [...distances[j]!] })) };
  });
}

function samplerOf({ image, other }: Answering, side: Side): Sampler {
  return side === "other" ? other! : image;
}

function describe(models: Answering, { source, target }: DescribeQuestion): Answer {
  using look = lookAt(models, [source, target]);
  const { text, vocabulary, pictures: [before, after] } = look;
  const action = predictActions(text, vocabulary, picturePairs(look))[0]!;
  const [likelihoods] = logLikelihoods(text, [[dynamicsSequence(vocabulary, before!, after!, action)]]);
  return { action, logLikelihood: likelihoods![0]!.mean };
}

function seenCodes({ vqgan, encoder }: Answering, seen: Seen): readonly number[] {
  return "codes" in seen ? seen.codes : codesOf(vqgan, seen.picture, encoder);
}
