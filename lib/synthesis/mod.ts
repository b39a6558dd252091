/**
 * Synthetic trajectories: data sets of videos, annotation, the filter.
 *
 * @module
 */
export { type EarlierPairs, earlierPairs } from "./again.ts";
export {
  type AnnotatedPair,
  type AnnotatedTrajectory,
  annotatePairs,
  type Annotator,
  pairsOfVideo,
  type PicturedPair,
  type VideoPairs,
} from "./annotate.ts";
export { asVideo } from "./as_video.ts";
export { type DataSet, listDataSets } from "./data_sets.ts";
export { readAnnotated, readSynthetic, stratifiedTopK, topKOfDataSets, type VideoStatistics, videoStatistics } from "./filter.ts";
export { openVideos } from "./parquet_videos.ts";
export { listVideos, shardOf, type VideoFile, type VideoList } from "./videos.ts";
