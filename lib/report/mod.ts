/**
 * What is looked at: sheets, plots, logs for TensorBoard.
 *
 * @module
 */
export { drawActions } from "./actions.ts";
export { type CurvePoint, type Pool, scoredPools, verificationCurves } from "./curves.ts";
export { drawFamilies } from "./families.ts";
export { type GalleryPart } from "./gallery.ts";
export { type GalleryItem, type PageSection } from "./page.ts";
export { type PaperTable, type Published, type PublishedTable } from "./paper_tables.ts";
export { plotCounts, plotDistributions, plotLines, type PlotPoint, plotScatter, type PlotValue, type ScatterPoint } from "./plot.ts";
export { drawPredictions } from "./predictions.ts";
export { drawSheet, heatMap, type SheetRow } from "./sheet.ts";
export { show, type Showable, type Shown } from "./show.ts";
export { markdownTable, type TableRow, writeTable } from "./table.ts";
export { type Scalar } from "./tensorboard.ts";
export { contactSheet } from "./video_sheets.ts";
