/** The part of @std/csv that is used; the npm package it comes in has no types. */
export function parse(text: string, options: { readonly skipFirstRow: true }): Record<string, string>[];
