/**
 * The preference probe: manipulated trajectories, and how likely a model finds them.
 *
 * @module
 */
export { contraryOf } from "./contradict.ts";
export { type Counterfactuals, readCounterfactuals } from "./counterfactuals.ts";
export { type Negative, NEGATIVES, negativesOf, type ScoredTransition } from "./negatives.ts";
export {
  type NamedPreference,
  type Preference,
  preferenceOf,
  preferencesBySubset,
  probe,
  PROBE_TASKS,
  type ProbedModel,
  type ProbeOptions,
  type ProbePoint,
  type ProbeTask,
} from "./probe.ts";
