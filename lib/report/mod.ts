/**
 * What is looked at: sheets, plots, logs for TensorBoard.
 *
 * @module
 */
export * from "./actions.ts";
export * from "./claims.ts";
export * from "./curves.ts";
export * from "./families.ts";
export * from "./gallery.ts";
export * from "./page.ts";
export * from "./paper_tables.ts";
export * from "./plot.ts";
export * from "./predictions.ts";
export * from "./report.ts";
export * from "./sheet.ts";
export * from "./table.ts";
export * from "./tensorboard.ts";
export * from "./training.ts";
export * from "./video_sheets.ts";
