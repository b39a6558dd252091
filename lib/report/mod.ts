/**
 * What is looked at: sheets, plots, logs for TensorBoard.
 *
 * @module
 */
export * from "./claims.ts";
export * from "./gallery.ts";
export * from "./page.ts";
export * from "./paper_tables.ts";
export * from "./plot.ts";
export * from "./predictions.ts";
export * from "./sheet.ts";
export * from "./table.ts";
export * from "./tensorboard.ts";
export * from "./video_sheets.ts";
