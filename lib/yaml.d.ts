/** The part of @std/yaml that is used; the npm package it comes in has no types. */
export function parse(text: string): unknown;
