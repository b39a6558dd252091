export function assert(condition: unknown, message?: string): asserts condition;
export function assertEquals<T>(actual: T, expected: T, message?: string): void;
export function assertNotEquals<T>(actual: T, expected: T, message?: string): void;
export function assertAlmostEquals(actual: number, expected: number, tolerance?: number, message?: string): void;
export function assertStringIncludes(actual: string, expected: string, message?: string): void;
export function assertMatch(actual: string, expected: RegExp, message?: string): void;
export function assertThrows(
  fn: () => unknown,
  // deno-lint-ignore no-explicit-any -- error classes take any arguments
  errorClass?: new (...args: any[]) => Error,
  messageIncludes?: string,
): Error;
export function assertRejects(
  fn: () => PromiseLike<unknown>,
  // deno-lint-ignore no-explicit-any -- error classes take any arguments
  errorClass?: new (...args: any[]) => Error,
  messageIncludes?: string,
): Promise<Error>;
