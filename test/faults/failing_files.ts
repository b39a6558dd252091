/**
 * A disk that fails: loaded before a task (`--preload`), it counts calls that write below a folder and lets one of them fail.
 * `FAIL_BELOW` names the folder, `FAIL_AT` the call, from 1; 0: none. The file `FAIL_COUNT` has the number of calls so far, also of the tasks
 * that a task starts one after the other. With `FAIL_READS` it is calls that read or look. A test that imports it sets `failing` instead.
 *
 * @module
 */
const [below, at, report] = ["FAIL_BELOW", "FAIL_AT", "FAIL_COUNT"].map((name) => Deno.env.get(name) ?? "") as [string, string, string];
const watched = new WeakSet<object>();
const { readTextFileSync: readCount, writeTextFileSync: writeCount } = Deno;

/** Below which folder calls are counted, which of them fails, how many there were, and whether they are those that read. */
export const failing = { below, at: Number(at), calls: 0, reads: Deno.env.has("FAIL_READS") };

/** Counts a call of a kind; throws what the system throws when a device fails. */
function count(reads: boolean): void {
  if (reads !== failing.reads || failing.below === "") return;
  if (report !== "") failing.calls = Number(readCount(report));
  failing.calls++;
  if (report !== "") writeCount(report, `${failing.calls}`);
  if (failing.calls === failing.at) throw Object.assign(new Error("Input/output error (os error 5)"), { code: "EIO" });
}

const isBelow = (path: unknown) => failing.below !== "" && `${path instanceof URL ? path.pathname : path}`.startsWith(failing.below);

/** Replaces a method of an object by one that counts first. */
// deno-lint-ignore no-explicit-any
function wrap(reads: boolean, owner: any, name: string, counts: (self: unknown, args: unknown[]) => boolean): void {
  const real = owner[name];
  owner[name] = function (this: unknown, ...args: unknown[]) {
    if (counts(this, args)) count(reads);
    const result = real.apply(this, args);
    if (name === "openSync" && isBelow(args[0])) watched.add(result);
    return result;
  };
}

/** Calls that write. */
function wrapWrites(): void {
  for (const name of ["writeFileSync", "writeTextFileSync", "mkdirSync", "removeSync", "linkSync"]) {
    wrap(false, Deno, name, (_, [path]) => isBelow(path));
  }
  for (const name of ["renameSync", "copyFileSync"]) wrap(false, Deno, name, (_, [from, to]) => isBelow(from) || isBelow(to));
  wrap(false, Deno, "openSync", (_, [path, options]) => isBelow(path) && options !== undefined);
  for (const name of ["writeSync", "syncSync", "syncDataSync"]) {
    wrap(false, Deno.FsFile.prototype, name, (self) => watched.has(self as object));
  }
}

/** Calls that read or look. */
function wrapReads(): void {
  for (const name of ["readFileSync", "readTextFileSync", "readDirSync", "statSync", "lstatSync"]) {
    wrap(true, Deno, name, (_, [path]) => isBelow(path));
  }
  wrap(true, Deno, "openSync", (_, [path, options]) => isBelow(path) && options === undefined);
  wrap(true, Deno.FsFile.prototype, "readSync", (self) => watched.has(self as object));
}

/** Loads this module before the tasks too that a task starts (`lib/experiment/pipeline.ts`); they count on. */
function followTasks(): void {
  if (!Deno.env.has("FAIL_FOLLOWS")) writeCount(report, "0");
  Deno.env.set("FAIL_FOLLOWS", "1");
  Deno.Command = new Proxy(Deno.Command, {
    construct(Real, [command, options]: [string, Deno.CommandOptions | undefined]) {
      const [word, , name, ...args] = options?.args ?? [];
      if (word !== "task") return new Real(command, options);
      const task = ["run", "-A", "--no-check", `--preload=${import.meta.filename}`, `tasks/${name!.replaceAll("-", "_")}.ts`];
      return new Real(command, { ...options, args: [...task, ...args] });
    },
  });
}

/** Lets each call that reads below a folder fail in turn; what a body says each time, "" where it does without. */
export function saidOfEach(folder: string, body: () => unknown): string[] {
  const said: string[] = [];
  for (let at = 1;; at++) {
    Object.assign(failing, { below: folder, at, calls: 0, reads: true });
    const error = errorOf(body);
    failing.below = "";
    if (failing.calls < at) return said;
    said.push(error);
  }
}

function errorOf(body: () => unknown): string {
  try {
    body();
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

wrapWrites();
wrapReads();
if (report !== "") followTasks();
