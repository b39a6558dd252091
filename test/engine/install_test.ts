import { cacheFolder, findPython, installLibtensorflow, libtensorflowFolder, planInstallation } from "../../lib/engine/install.ts";
import { LIBRARY_FILES } from "../../lib/engine/capi.ts";
import { assert, assertEquals, assertRejects, UserError, withFolder } from "../support.ts";

/** Runs with variables of the environment set or, where undefined, absent. */
async function withEnvironment(variables: Readonly<Record<string, string | undefined>>, body: () => Promise<void> | void): Promise<void> {
  const before = Object.keys(variables).map((name) => [name, Deno.env.get(name)] as const);
  const set = (entries: Iterable<readonly [string, string | undefined]>) => {
    for (const [name, value] of entries) value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
  };
  set(Object.entries(variables));
  try {
    await body();
  } finally {
    set(before);
  }
}

/** A program in a folder, in place of Python. */
function fakePython(folder: string, script: string): void {
  Deno.writeTextFileSync(`${folder}/python3`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

const unix = { ignore: Deno.build.os === "windows" };

Deno.test("cacheFolder() is in XDG_CACHE_HOME, libtensorflowFolder() is LIBTENSORFLOW_DIR, where they are set", () =>
  withEnvironment({ XDG_CACHE_HOME: "/cache", LIBTENSORFLOW_DIR: undefined }, async () => {
    assertEquals(cacheFolder(), "/cache/worldstrap");
    assert(libtensorflowFolder().startsWith("/cache/worldstrap/tensorflow-"), libtensorflowFolder());
    await withEnvironment({ LIBTENSORFLOW_DIR: "/mine" }, () => assertEquals(libtensorflowFolder(), "/mine"));
  }));

Deno.test("planInstallation() knows libraries by their files and sizes: a stub does not count", () =>
  withFolder((folder) =>
    withEnvironment({ LIBTENSORFLOW_DIR: folder, PATH: folder }, async () => {
      for (const file of LIBRARY_FILES) Deno.writeTextFileSync(`${folder}/${file}`, "stub");
      assertEquals((await planInstallation(false)).installed, false);
      for (const file of LIBRARY_FILES) Deno.truncateSync(`${folder}/${file}`, 2 ** 20 + 1);
      const plan = await planInstallation(false);
      assertEquals([plan.installed, plan.folder, plan.bytes()], [true, folder, 2 * (2 ** 20 + 1)]);
      Deno.removeSync(`${folder}/${LIBRARY_FILES[0]}`);
      assertEquals((await planInstallation(false)).installed, false);
    })
  ));

Deno.test("a CUDA build in the cache is found before the other", () =>
  withFolder((cache) =>
    withEnvironment({ XDG_CACHE_HOME: cache, LIBTENSORFLOW_DIR: undefined }, () => {
      const small = libtensorflowFolder();
      const large = small.replace(/-cpu\//, "-gpu/");
      assert(large !== small);
      Deno.mkdirSync(large, { recursive: true });
      for (const file of LIBRARY_FILES) {
        Deno.writeTextFileSync(`${large}/${file}`, "");
        Deno.truncateSync(`${large}/${file}`, 2 ** 21);
      }
      assertEquals(libtensorflowFolder(), large);
    })
  ));

Deno.test(
  "without Python with pip, the plan says what to install and installing is refused",
  unix,
  () =>
    withFolder((folder) =>
      withEnvironment({ PATH: folder, XDG_CACHE_HOME: folder, LIBTENSORFLOW_DIR: undefined }, async () => {
        assertEquals(await findPython(), undefined);
        assert((await planInstallation(false)).text.includes("there is no Python with pip"));
        await assertRejects(() => installLibtensorflow(false), UserError, "Python");
      })
    ),
);

Deno.test(
  "installLibtensorflow() says pip's last error and leaves no half-made folder",
  unix,
  () =>
    withFolder((folder) =>
      withEnvironment({ PATH: `${folder}:/bin:/usr/bin`, XDG_CACHE_HOME: `${folder}/cache`, LIBTENSORFLOW_DIR: undefined }, async () => {
        fakePython(
          folder,
          'case "$*" in *--version*) exit 0;; esac\necho "ERROR: first" >&2\necho "ERROR: no such wheel" >&2\necho hint >&2\nexit 1',
        );
        assertEquals(await findPython(), ["python3"]);
        await assertRejects(() => installLibtensorflow(false), UserError, "python3 failed: ERROR: no such wheel");
        assert(!(await planInstallation(false)).installed);
        const left = Array.from(Deno.readDirSync(`${folder}/cache/worldstrap`), ({ name }) => name);
        assertEquals(left, []);
      })
    ),
);
