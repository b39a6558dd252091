/**
 * What the page's thread asks of the models, and what they answer: plain data, as it goes between threads.
 *
 * @module
 */
import type { RgbImage } from "../tokens/mod.ts";

/** Which world model: the one that is served, or the one that it is compared with. */
export type Side = "cwm" | "other";

/** A picture as a model sees it: tokens that it drew itself, or pixels. */
export type Seen = { readonly codes: readonly number[]; readonly picture: RgbImage } | { readonly picture: RgbImage };

/** What does this action lead to? */
export interface ImagineQuestion {
  /** Its kind. */
  readonly kind: "imagine";
  /** By which world model. */
  readonly side: Side;
  /** From where. */
  readonly source: Seen;
  /** What is done. */
  readonly action: string;
  /** The candidates' seed. */
  readonly seed: number;
}

/** What was done between two pictures? */
export interface DescribeQuestion {
  /** Its kind. */
  readonly kind: "describe";
  /** Before. */
  readonly source: Seen;
  /** After. */
  readonly target: Seen;
}

/** A question. */
export type Question = ImagineQuestion | DescribeQuestion;

/** A candidate with where it differs from its source. */
export interface Drawn {
  /** Its pixels. */
  readonly picture: RgbImage;
  /** Its tokens. */
  readonly codes: readonly number[];
  /** Which of the drawn it is. */
  readonly candidate: number;
  /** Log-likelihood of the action by the dynamics model, the mean of its tokens. */
  readonly logLikelihood: number;
  /** Squared distances of the VQGAN's features from the source's, by place. */
  readonly distances: readonly number[];
}

/** An answer: candidates, the likeliest first; what was done, and how likely; or why there is none. */
export type Answer =
  | { readonly candidates: readonly Drawn[] }
  | { readonly action: string; readonly logLikelihood: number }
  | { readonly error: string };

/** How far the candidates of a question are. */
export interface Growth {
  /** Pictures as far as they are drawn; what is not drawn yet is the source's. */
  readonly pictures: readonly RgbImage[];
  /** Rows of tokens that are drawn. */
  readonly rows: number;
}
