/**
 * NVIDIA's libraries, driver and tools beside the CUDA build of libtensorflow.
 *
 * @module
 */

/** What a program of the toolkit must be able to do: be run. XLA calls them. */
export const CUDA_PROGRAMS: readonly string[] = ["ptxas", "nvlink"];

/**
 * NVIDIA's libraries as the CUDA wheels lay them out.
 *
 * @param folder `nvidia` beside `tensorflow`
 * @returns paths; none where there is no such folder
 */
export function nvidiaLibraries(folder: string): string[] {
  return namesIn(folder).flatMap((name) =>
    namesIn(`${folder}/${name}/lib`).filter((file) => /\.so(\.\d+)?$/.test(file)).map((file) => `${folder}/${name}/lib/${file}`)
  ).toSorted();
}

/**
 * Loads libraries that need each other: again as long as one more succeeds.
 *
 * @param paths the libraries, in any order
 * @param load loads one, and says why it cannot
 * @returns why, of those that cannot be loaded
 */
export function loadInPasses(paths: readonly string[], load: (path: string) => string | undefined): Map<string, string> {
  const failed = new Map<string, string>();
  let open = [...paths];
  for (let before = Infinity; open.length > 0 && open.length < before;) {
    before = open.length;
    failed.clear();
    open = open.filter((path) => {
      const why = load(path);
      if (why !== undefined) failed.set(path, why);
      return why !== undefined;
    });
  }
  return failed;
}

/**
 * NVIDIA's driver, asked by its own library.
 *
 * @param library its file
 * @returns the CUDA version that it can do, such as 12.4, or why there is none
 */
export function cudaDriver(library = "libcuda.so.1"): { readonly version: string } | { readonly wrong: string } {
  try {
    const cuda = Deno.dlopen(library, { // never closed: TensorFlow goes on with it
      cuInit: { parameters: ["u32"], result: "i32" },
      cuDriverGetVersion: { parameters: ["buffer"], result: "i32" },
    });
    const code = cuda.symbols.cuInit(0);
    if (code !== 0) return { wrong: `the driver does not start (cuInit gives ${code})` };
    const version = new Int32Array(1);
    cuda.symbols.cuDriverGetVersion(version);
    return { version: `${Math.floor(version[0]! / 1000)}.${Math.floor(version[0]! % 1000 / 10)}` };
  } catch (error) {
    return { wrong: (error as Error).message.replace(/^Could not open library: /, "").split("\n")[0]! };
  }
}

function namesIn(folder: string): string[] {
  try {
    return Array.from(Deno.readDirSync(folder), ({ name }) => name);
  } catch {
    return [];
  }
}
