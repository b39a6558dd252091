/**
 * Judging predictions.
 *
 * @module
 */
export { type Candidate, groupPools } from "./candidates.ts";
export {
  type Ask,
  type JudgedPicture,
  judgePictures,
  judgeQuestion,
  type LazyPicture,
  parseVerdict,
  type QuestionOptions,
  type Verdict,
} from "./llm_judge.ts";
export { type PictureScore, scorePicture } from "./picture_score.ts";
export { type Score, scoreRows, scoresBySystem } from "./scores_file.ts";
export { COPY, openSystem, type System } from "./systems.ts";
