/** The part of @std/cli that is used; the npm package it comes in has no types. */
export function parseArgs(
  args: readonly string[],
  options: {
    readonly string: readonly string[];
    readonly boolean: readonly string[];
    readonly unknown: (arg: string, key?: string, value?: unknown) => boolean;
  },
): Readonly<Record<string, unknown>>;
