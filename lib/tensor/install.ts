/**
 * Installing libtensorflow: which wheel, from where, into which folder, and whether it arrived whole.
 *
 * @module
 */
import { LIBRARY_FILES } from "./capi.ts";

/** The TensorFlow release that the workbench is built against. */
export const TENSORFLOW_VERSION = "2.21.0";

/** What an installation would do. */
export interface InstallationPlan {
  /** Whether the libraries are there already. */
  readonly installed: boolean;
  /** Where they are or would be. */
  readonly folder: string;
  /** The plan in a sentence. */
  readonly text: string;
  /** Bytes of the libraries that are there. */
  bytes(): number;
}

/** The user's cache folder for Worldstrap, outside the repository. */
export function cacheFolder(): string {
  const home = Deno.env.get("HOME") ?? Deno.env.get("USERPROFILE") ?? ".";
  const base = Deno.build.os === "darwin" ? `${home}/Library/Caches` : `${home}/.cache`;
  return `${Deno.env.get("XDG_CACHE_HOME") ?? base}/worldstrap`;
}

/** The folder that holds, or will hold, libtensorflow. `LIBTENSORFLOW_DIR` overrides it. */
export function libtensorflowFolder(): string {
  const given = Deno.env.get("LIBTENSORFLOW_DIR");
  if (given) return given;
  return isInstalled(installationFolder(true)) ? installationFolder(true) : installationFolder(false);
}

/** Says what installing would do, and whether it is needed. */
export async function planInstallation(gpu: boolean): Promise<InstallationPlan> {
  const given = Deno.env.get("LIBTENSORFLOW_DIR");
  const folder = given ?? installationFolder(gpu);
  const bytes = () => LIBRARY_FILES.reduce((sum, file) => sum + Deno.statSync(`${folder}/${file}`).size, 0);
  if (isInstalled(folder)) return { installed: true, folder, text: `libtensorflow is in ${folder}`, bytes };
  const python = await findPython();
  const size = gpu ? "about 4 GB to fetch with NVIDIA's libraries" : "about 270 MB to fetch, 850 MB on disk";
  const how = python ? `by ${python.join(" ")} -m pip` : "but there is no Python with pip (nor uv) to fetch it: install one of them";
  return { installed: false, folder, text: `libtensorflow ${TENSORFLOW_VERSION} goes to ${folder}: ${size}, ${how}`, bytes };
}

/**
 * Fetches the wheel, unpacks the libraries, and moves them into place when they are whole.
 *
 * @param gpu whether to take the CUDA build
 * @throws Error when there is no Python, or pip fails
 */
export async function installLibtensorflow(gpu: boolean): Promise<void> {
  const python = await findPython();
  if (!python) {
    throw new Error("Cannot fetch libtensorflow as there is no Python with pip: install Python 3 or uv, or set LIBTENSORFLOW_DIR");
  }
  const target = installationFolder(gpu);
  const work = `${target.replace(/\/tensorflow$/, "")}.${Deno.pid}.part`;
  Deno.mkdirSync(work, { recursive: true });
  try {
    await pip(python, ["download", "--dest", work, ...wheelArguments(gpu)]);
    await run(python, ["-c", UNPACK, work, ...LIBRARY_FILES]);
    for (const { name } of [...Deno.readDirSync(work)]) if (name.endsWith(".whl")) Deno.removeSync(`${work}/${name}`);
    if (!isInstalled(`${work}/tensorflow`)) {
      throw new Error(`Cannot use the wheel of TensorFlow ${TENSORFLOW_VERSION}: it lacks ${LIBRARY_FILES.join(" or ")}`);
    }
    await Deno.remove(target.replace(/\/tensorflow$/, ""), { recursive: true }).catch(() => {});
    await Deno.rename(work, target.replace(/\/tensorflow$/, ""));
  } finally {
    await Deno.remove(work, { recursive: true }).catch(() => {});
  }
}

/** Python code that takes the libraries out of the wheels, and nothing else. */
const UNPACK = `
import glob, sys, zipfile
for wheel in glob.glob(sys.argv[1] + "/*.whl"):
    with zipfile.ZipFile(wheel) as z:
        for name in z.namelist():
            if name in ["tensorflow/" + file for file in sys.argv[2:]] or (name.startswith("nvidia/") and "/lib/" in name):
                z.extract(name, sys.argv[1])
`;

/** Arguments that name the wheel for this system, whatever Python fetches it. */
function wheelArguments(gpu: boolean): string[] {
  const { os, arch } = Deno.build;
  const machine = arch === "aarch64" ? os === "darwin" ? "arm64" : "aarch64" : "x86_64";
  const platform = os === "darwin" ? `macosx_12_0_${machine}` : os === "windows" ? "win_amd64" : `manylinux_2_27_${machine}`;
  const name = gpu ? "tensorflow[and-cuda]" : os === "linux" && machine === "x86_64" ? "tensorflow-cpu" : "tensorflow";
  const target = ["--only-binary=:all:", "--python-version", "3.12", "--implementation", "cp", "--platform", platform];
  const older = os === "linux" ? ["--platform", `manylinux2014_${machine}`, "--platform", `manylinux_2_17_${machine}`] : [];
  return [...(gpu ? [] : ["--no-deps"]), ...target, ...older, `${name}==${TENSORFLOW_VERSION}`];
}

async function pip(python: readonly string[], args: readonly string[]): Promise<void> {
  console.error("Fetching libtensorflow …");
  await run(python, ["-m", "pip", "--quiet", "--disable-pip-version-check", ...args]);
}

async function run([command, ...first]: readonly string[], args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command!, { args: [...first, ...args], stdout: "null", stderr: "piped" }).output();
  if (success) return;
  const lines = new TextDecoder().decode(stderr).trim().split("\n");
  throw new Error(`${command} failed: ${lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1)}`);
}

/** The first command that runs Python with pip. */
async function findPython(): Promise<string[] | undefined> {
  for (const command of [["python3"], ["python"], ["uv", "run", "--no-project", "--with", "pip", "python"]]) {
    try {
      const [program, ...args] = command as [string, ...string[]];
      const { success } = await new Deno.Command(program, { args: [...args, "-m", "pip", "--version"], stdout: "null", stderr: "null" })
        .output();
      if (success) return command;
    } catch { /* not there */ }
  }
}

function installationFolder(gpu: boolean): string {
  return `${cacheFolder()}/tensorflow-${TENSORFLOW_VERSION}-${gpu ? "gpu" : "cpu"}/tensorflow`;
}

function isInstalled(folder: string): boolean {
  try {
    return LIBRARY_FILES.every((file) => Deno.statSync(`${folder}/${file}`).size > 1 << 20);
  } catch {
    return false;
  }
}
