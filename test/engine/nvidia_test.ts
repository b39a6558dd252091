import { cudaDriver, loadInPasses, nvidiaLibraries } from "../../lib/engine/nvidia.ts";
import { keepLoaded } from "../../lib/engine/capi.ts";
import { assert, assertEquals, withFolder } from "../support.ts";

Deno.test("nvidiaLibraries() finds the libraries of the wheels' folders, and nothing where there are none", () =>
  withFolder((folder) => {
    for (const file of ["cublas/lib/libcublas.so.12", "cublas/lib/readme.txt", "cudnn/lib/libcudnn.so.9", "cuda_nvcc/bin/ptxas"]) {
      Deno.mkdirSync(`${folder}/${file.slice(0, file.lastIndexOf("/"))}`, { recursive: true });
      Deno.writeTextFileSync(`${folder}/${file}`, "");
    }
    const found = nvidiaLibraries(folder).map((path) => path.slice(folder.length + 1));
    assertEquals(found, ["cublas/lib/libcublas.so.12", "cudnn/lib/libcudnn.so.9"]);
    assertEquals(nvidiaLibraries(`${folder}/none`), []);
  }));

Deno.test("loadInPasses() loads what needs others after them, whatever the order, and says why of what is left", () => {
  const loaded = new Set<string>();
  const needs: Record<string, string> = { a: "b", b: "c", broken: "nothing" };
  const load = (name: string) => {
    if (needs[name] !== undefined && !loaded.has(needs[name])) return `${name} needs ${needs[name]}`;
    loaded.add(name);
  };
  assertEquals([...loadInPasses(["a", "b", "broken", "c"], load)], [["broken", "broken needs nothing"]]);
  assertEquals([...loaded], ["c", "b", "a"]);
});

Deno.test("keepLoaded() and cudaDriver() say what is missing", () => {
  assert(keepLoaded("/no/such/library.so")!.includes("/no/such/library.so"));
  const driver = cudaDriver("libno-such-driver.so.1");
  assert("wrong" in driver && driver.wrong.includes("libno-such-driver"), JSON.stringify(driver));
});
