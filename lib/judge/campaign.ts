/**
 * Judging many pictures by a language model: how they are framed, what it will cost, asking, and what it has cost.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { exists } from "../files.ts";
import {
  type Answer,
  answerPath,
  askAll,
  askBatch,
  type Detail,
  dollarsOf,
  type ImageRule,
  imageTokens,
  keptAnswer,
  MESSAGE_TOKENS,
  NOT_ASKED,
  type Price,
  textTokens,
  type Usage,
} from "../llm/mod.ts";
import { alignedPair, type Protocol } from "../metrics/mod.ts";
import { encodePng } from "../tokens/mod.ts";
import { distinctEntries, type Entry } from "./entries.ts";
import { JUDGEMENT_SCHEMA, judgePictures, type LazyPicture, lazyQuestion, type Verdict } from "./llm_judge.ts";

/** How a judge is asked. */
export interface JudgeProtocol {
  /** The question, with `{action}`. */
  readonly prompt: string;
  /** `paper`: source and prediction as they are; `aligned`: the middle square of both, as the model saw the source. */
  readonly framing: Protocol;
  /** How closely the judge looks. */
  readonly detail: Detail;
}

/** Who is asked, and within which limits. */
export interface Campaign {
  /** How it is asked. */
  readonly protocol: JudgeProtocol;
  /** The model's id. */
  readonly model: string;
  /** Where answers are kept. */
  readonly cache: string;
  /** What the model costs, if that is known. */
  readonly price?: Price | undefined;
  /** US dollars after which no more is asked; 0: no limit. */
  readonly maxCost: number;
  /** Questions in flight. */
  readonly concurrency: number;
  /** Seconds after which an attempt counts as failed. */
  readonly timeout: number;
  /** Whether to ask through the Batch API. */
  readonly batch: boolean;
  /** The file that names the submitted batches. */
  readonly ledger: string;
  /** Whether to ask again what was paid for and came to nothing. */
  readonly again: boolean;
  /** Told how many are answered and what was paid. */
  readonly onProgress: (done: number, dollars: number) => void;
}

/** Tokens, and US dollars for them; 0 where there is no price. */
export interface Cost extends Usage {
  /** US dollars. */
  readonly dollars: number;
}

/** The picture as the judge sees it, read when it is asked about. */
function picturesOf({ trajectory, sourceDigest, digest, load }: Entry, framing: Protocol): LazyPicture {
  return {
    action: trajectory.action,
    source: `${framing} ${sourceDigest}`,
    prediction: `${framing} ${digest}`,
    async load() {
      const [source, prediction] = [await trajectory.source.load(), await load()];
      if (!prediction) throw new UserError(`Cannot judge ${trajectory.id}: its picture is gone`);
      const [shown, before] = framing === "aligned" ? alignedPair(prediction, source) : [prediction, source];
      return { action: trajectory.action, source: await encodePng(before), prediction: await encodePng(shown) };
    },
  };
}

/**
 * Judges entries; those that look alike are asked about once.
 *
 * @param entries what is judged
 * @param campaign who is asked, how, within which limits
 * @returns a verdict for each entry, what was paid now, and what all these answers have cost, now or before
 * @throws UserError when a limit in US dollars cannot be kept
 */
export async function judgeEntries(
  entries: readonly Entry[],
  campaign: Campaign,
): Promise<{ verdicts: Verdict[]; spent: Cost; cost: Cost }> {
  const { protocol: { prompt, framing, detail }, price, maxCost, batch, ledger, onProgress } = campaign;
  const { distinct, places } = distinctEntries(entries);
  if (batch && maxCost > 0 && !exists(ledger)) await requireBudget(distinct, campaign);
  const [spent, cost] = [emptyCost(), emptyCost()];
  const isSpent = () => maxCost > 0 && spent.dollars >= maxCost;
  const pay = (answer: Answer) => {
    for (const sum of "cached" in answer && answer.cached ? [cost] : [cost, spent]) addUsage(sum, answer.usage, price);
  };
  const ask = async (questions: Parameters<typeof askAll>[0]): Promise<Answer[]> => {
    if (isSpent()) return questions.map(() => ({ failure: NOT_ASKED }));
    if (!batch) {
      const onAnswer = (done: number, answer: Answer) => {
        pay(answer);
        onProgress(done, spent.dollars);
        return !isSpent();
      };
      return await askAll(questions, { ...campaign, onAnswer });
    }
    const answers = await askBatch(questions, { ...campaign, onLook: (done) => onProgress(done, spent.dollars) });
    answers.forEach(pay);
    return answers;
  };
  const verdicts = await judgePictures(distinct.map((entry) => picturesOf(entry, framing)), prompt, ask, { detail });
  return { verdicts: places.map((place) => verdicts[place]!), spent, cost };
}

/** What judging will take. */
export interface CostPlan extends Cost {
  /** Pictures. */
  readonly pictures: number;
  /** Of these, as many look different. */
  readonly distinct: number;
  /** Of the different ones, as many are answered already. */
  readonly kept: number;
}

const ANSWER_TOKENS = 50; // a sentence or two of about 22, and 15 of JSON: a guess, for as long as there are no answers to go by

/**
 * What judging will cost, before anything is asked: pictures by the provider's rule, texts by their length. Where answers of this
 * judge to some of the questions are kept, what they took corrects the estimate of the others: judge a few, then look again.
 *
 * @param entries what is to be judged
 * @param campaign who is asked, and how
 */
export async function planCosts(
  entries: readonly Entry[],
  { protocol, model, cache, price, again }: Pick<Campaign, "protocol" | "model" | "cache" | "price" | "again">,
): Promise<CostPlan> {
  const { distinct } = distinctEntries(entries);
  const [open, known] = [{ count: 0, prompt: 0 }, { count: 0, expected: 0, prompt: 0, completion: 0 }];
  for (const entry of distinct) {
    const expected = expectedPrompt(entry, protocol, price?.image);
    const question = lazyQuestion(picturesOf(entry, protocol.framing), protocol.prompt, { detail: protocol.detail, again: false });
    const answer = keptAnswer(await answerPath({ model, cache }, question), again);
    if (!answer?.usage) [open.count, open.prompt] = [open.count + 1, open.prompt + expected];
    else {
      known.count++;
      known.expected += expected;
      known.prompt += answer.usage.prompt;
      known.completion += answer.usage.completion;
    }
  }
  const prompt = Math.round(open.prompt * (known.prompt > 0 ? known.prompt / known.expected : 1));
  const completion = Math.round(open.count * (known.completion > 0 ? known.completion / known.count : ANSWER_TOKENS));
  const dollars = price ? dollarsOf({ prompt, completion }, price) : 0;
  return { pictures: entries.length, distinct: distinct.length, kept: known.count, prompt, completion, dollars };
}

/** Tokens of the question about an entry. */
function expectedPrompt({ size, sourceSize, trajectory }: Entry, { prompt, framing, detail }: JudgeProtocol, rule?: ImageRule): number {
  const side = Math.min(...size);
  const [first, second] = framing === "aligned" ? [[side, side], [side, side]] as const : [sourceSize, size];
  const pictures = imageTokens(first, detail, rule) + imageTokens(second, detail, rule);
  return MESSAGE_TOKENS + textTokens(prompt + trajectory.action) + textTokens(JSON.stringify(JUDGEMENT_SCHEMA)) + pictures;
}

/** What a plan says, in words; `prices` is the file of prices. */
export function costText(
  { pictures, distinct, kept, prompt, completion, dollars }: CostPlan,
  model: string,
  prices: string,
  known: boolean,
) {
  const alike = distinct < pictures ? `, ${distinct} of them different` : "";
  const answered = kept > 0 ? `, ${kept} answered already, which the estimate of the others goes by` : "";
  const cost = known ? `${dollars.toFixed(2)} US dollars by ${prices}` : `no price of ${model} in ${prices}`;
  return `${pictures} pictures${alike}${answered}: ${distinct - kept} calls of ${model}, about ${prompt} + ${completion} tokens, ${cost}`;
}

async function requireBudget(distinct: readonly Entry[], campaign: Campaign): Promise<void> {
  const { dollars } = await planCosts(distinct, campaign);
  if (dollars <= campaign.maxCost) return;
  throw new UserError(
    `Cannot submit the batch: it would cost about ${dollars.toFixed(2)} US dollars, judge.maxCost is ${campaign.maxCost}`,
  );
}

function emptyCost(): { prompt: number; completion: number; dollars: number } {
  return { prompt: 0, completion: 0, dollars: 0 };
}

function addUsage(sum: ReturnType<typeof emptyCost>, usage: Usage | undefined, price: Price | undefined): void {
  sum.prompt += usage?.prompt ?? 0;
  sum.completion += usage?.completion ?? 0;
  sum.dollars = price ? dollarsOf(sum, price) : 0;
}
