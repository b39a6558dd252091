/**
 * A disk that fails: loaded before a task (`--preload`), it counts calls that write below a folder and lets one of them fail.
 * `FAIL_BELOW` names the folder, `FAIL_AT` the call, from 1; 0: none. The number of calls is written to `FAIL_COUNT`. With `FAIL_READS` it is
 * calls that read or look.
 *
 * @module
 */
const [below, at, report] = ["FAIL_BELOW", "FAIL_AT", "FAIL_COUNT"].map((name) => Deno.env.get(name) ?? "") as [string, string, string];
const watched = new WeakSet<object>();
const write = Deno.writeTextFileSync;
let calls = 0;

/** Counts a call; throws what the system throws when a device fails. */
function count(): void {
  calls++;
  if (calls === Number(at)) throw new Error("Input/output error (os error 5)");
}

const isBelow = (path: unknown) => `${path instanceof URL ? path.pathname : path}`.startsWith(below);

/** Replaces a method of an object by one that counts first. */
// deno-lint-ignore no-explicit-any
function wrap(owner: any, name: string, counts: (self: unknown, args: unknown[]) => boolean): void {
  const real = owner[name];
  owner[name] = function (this: unknown, ...args: unknown[]) {
    if (counts(this, args)) count();
    const result = real.apply(this, args);
    if (name === "openSync" && isBelow(args[0])) watched.add(result);
    return result;
  };
}

/** Calls that write. */
function wrapWrites(): void {
  for (const name of ["writeFileSync", "writeTextFileSync", "mkdirSync", "removeSync", "linkSync"]) {
    wrap(Deno, name, (_, [path]) => isBelow(path));
  }
  for (const name of ["renameSync", "copyFileSync"]) wrap(Deno, name, (_, [from, to]) => isBelow(from) || isBelow(to));
  wrap(Deno, "openSync", (_, [path, options]) => isBelow(path) && options !== undefined);
  for (const name of ["writeSync", "syncSync", "syncDataSync"]) wrap(Deno.FsFile.prototype, name, (self) => watched.has(self as object));
}

/** Calls that read or look. */
function wrapReads(): void {
  for (const name of ["readFileSync", "readTextFileSync", "readDirSync", "statSync", "lstatSync"]) {
    wrap(Deno, name, (_, [path]) => isBelow(path));
  }
  wrap(Deno, "openSync", (_, [path, options]) => isBelow(path) && options === undefined);
  wrap(Deno.FsFile.prototype, "readSync", (self) => watched.has(self as object));
}

if (Deno.env.has("FAIL_READS")) wrapReads();
else wrapWrites();
globalThis.addEventListener("unload", () => report !== "" && write(report, `${calls}`));
