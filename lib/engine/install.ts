/**
 * Installing libtensorflow: which wheel, from where, into which folder, and whether it arrived whole.
 *
 * @module
 */
import { UserError } from "../errors.ts";
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

/**
 * The user's cache folder for Worldstrap, outside the repository.
 *
 * @returns a path; it need not exist yet
 *
 * @example It carries our name
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * assert(ws.engine.cacheFolder().endsWith("/worldstrap"));
 * ```
 */
export function cacheFolder(): string {
  const home = Deno.env.get("HOME") ?? Deno.env.get("USERPROFILE") ?? ".";
  const base = Deno.build.os === "darwin" ? `${home}/Library/Caches` : `${home}/.cache`;
  return `${Deno.env.get("XDG_CACHE_HOME") ?? base}/worldstrap`;
}

/**
 * The folder that holds, or will hold, libtensorflow. `LIBTENSORFLOW_DIR` overrides it.
 *
 * @returns a path
 *
 * @example Below the cache, unless told otherwise
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const given = Deno.env.get("LIBTENSORFLOW_DIR");
 * assertEquals(ws.engine.libtensorflowFolder().startsWith(given ?? ws.engine.cacheFolder()), true);
 * ```
 */
export function libtensorflowFolder(): string {
  const given = Deno.env.get("LIBTENSORFLOW_DIR");
  if (given) return given;
  return isInstalled(installationFolder(true)) ? installationFolder(true) : installationFolder(false);
}

/** Says what installing would do, and whether it is needed. */
export async function planInstallation(gpu: boolean): Promise<InstallationPlan> {
  const given = Deno.env.get("LIBTENSORFLOW_DIR");
  const folder = given ?? (gpu ? installationFolder(true) : libtensorflowFolder()); // a CUDA build does all that the other does
  const bytes = () => LIBRARY_FILES.reduce((sum, file) => sum + Deno.statSync(`${folder}/${file}`).size, 0);
  if (isInstalled(folder)) return { installed: true, folder, text: `libtensorflow is in ${folder}`, bytes };
  const python = await findPython();
  const size = gpu ? "about 3.1 GiB to fetch with NVIDIA's libraries" : "about 270 MB to fetch, 850 MB on disk";
  const how = python ? `by ${python.join(" ")} -m pip` : "but there is no Python with pip (nor uv) to fetch it: install one of them";
  return { installed: false, folder, text: `libtensorflow ${TENSORFLOW_VERSION} goes to ${folder}: ${size}, ${how}`, bytes };
}

/**
 * Fetches the wheel, unpacks the libraries, and moves them into place when they are whole.
 *
 * @param gpu whether to take the CUDA build
 * @throws UserError when there is no Python, or pip fails
 */
export async function installLibtensorflow(gpu: boolean): Promise<void> {
  const python = await findPython();
  if (!python) {
    throw new UserError("Cannot fetch libtensorflow as there is no Python with pip: install Python 3 or uv, or set LIBTENSORFLOW_DIR");
  }
  const target = installationFolder(gpu);
  const work = `${target.replace(/\/tensorflow$/, "")}.${Deno.pid}.part`;
  Deno.mkdirSync(work, { recursive: true });
  try {
    const wheels = gpu
      ? [...PLATFORM, "--no-deps", ...(await resolveGpu(python)).map(({ name, version }) => `${name}==${version}`)]
      : ["--no-deps", ...wheelArguments(false)];
    await pip(python, ["download", "--dest", work, ...wheels]);
    await run(python, ["-c", UNPACK, work, ...LIBRARY_FILES]);
    for (const { name } of [...Deno.readDirSync(work)]) if (name.endsWith(".whl")) Deno.removeSync(`${work}/${name}`);
    if (!isInstalled(`${work}/tensorflow`)) {
      throw new UserError(`Cannot use the wheel of TensorFlow ${TENSORFLOW_VERSION}: it lacks ${LIBRARY_FILES.join(" or ")}`);
    }
    await Deno.remove(target.replace(/\/tensorflow$/, ""), { recursive: true }).catch(() => {});
    await Deno.rename(work, target.replace(/\/tensorflow$/, ""));
  } finally {
    await Deno.remove(work, { recursive: true }).catch(() => {});
  }
}

/** What the CUDA wheels hold, read without fetching them. */
export interface GpuLayout {
  /** Bytes to fetch. */
  readonly bytes: number;
  /** Libraries by the folder they are in. */
  readonly folders: Readonly<Record<string, readonly string[]>>;
  /** What the engine needs and the wheels lack. */
  readonly missing: readonly string[];
}

/** Folders of NVIDIA's libraries that TensorFlow looks into, beside its own. */
const GPU_FOLDERS = ["cublas", "cuda_runtime", "cudnn", "cufft", "cusolver", "cusparse", "nccl", "nvjitlink"];

/**
 * Looks into the CUDA wheels' tables of contents.
 *
 * @returns what is in them, and what is missing
 */
export async function checkGpuLayout(): Promise<GpuLayout> {
  const python = await findPython();
  if (!python) throw new UserError("Cannot look into the CUDA wheels as there is no Python with pip: install Python 3 or uv");
  const addresses = (await resolveGpu(python)).map(({ url }) => url);
  const { bytes, folders } = JSON.parse(await run(python, ["-c", LIST, ...addresses])) as Omit<GpuLayout, "missing">;
  const wanted = LIBRARY_FILES.map((file) => [file, folders["tensorflow"]] as const);
  const missing = wanted.filter(([file, there]) => !there?.includes(file)).map(([file]) => `tensorflow/${file}`);
  const nvidia = GPU_FOLDERS.map((name) => `nvidia/${name}/lib`).filter((folder) => !folders[folder]?.length);
  return { bytes, folders, missing: [...missing, ...nvidia] };
}

/** TensorFlow's CUDA build and NVIDIA's libraries as pip finds them; what else TensorFlow's Python part needs is of no use. */
async function resolveGpu(python: readonly string[]): Promise<{ name: string; version: string; url: string }[]> {
  const options = ["install", "--dry-run", "--ignore-installed", "--report", "-", "--target", "."];
  const text = await run(python, ["-m", "pip", "--quiet", "--disable-pip-version-check", ...options, ...wheelArguments(true)]);
  const { install } = JSON.parse(text) as { install: { metadata: { name: string; version: string }; download_info: { url: string } }[] };
  return install.filter(({ metadata: { name } }) => name === "tensorflow" || name.startsWith("nvidia-"))
    .map(({ metadata: { name, version }, download_info: { url } }) => ({ name, version, url }));
}

/** Python code that lists the libraries in wheels, by reading their ends alone. */
const LIST = `
import io, json, sys, urllib.request, zipfile

class Remote(io.RawIOBase):
    def __init__(self, url):
        self.url, self.at = url, 0
        self.size = int(urllib.request.urlopen(urllib.request.Request(url, method="HEAD")).headers["Content-Length"])
    def seekable(self): return True
    def readable(self): return True
    def tell(self): return self.at
    def seek(self, offset, whence=0):
        self.at = offset + [0, self.at, self.size][whence]
        return self.at
    def readinto(self, buffer):
        if self.at >= self.size: return 0
        end = min(self.size, self.at + max(len(buffer), 1 << 16))
        request = urllib.request.Request(self.url, headers={"Range": f"bytes={self.at}-{end - 1}"})
        data = urllib.request.urlopen(request).read()[:len(buffer)]
        buffer[:len(data)] = data
        self.at += len(data)
        return len(data)

size, folders = 0, {}
for url in sys.argv[1:]:
    remote = Remote(url)
    size += remote.size
    for entry in zipfile.ZipFile(io.BufferedReader(remote, 1 << 20)).namelist():
        folder, _, file = entry.rpartition("/")
        if ".so" in file and (folder == "tensorflow" or folder.startswith("nvidia/")): folders.setdefault(folder, []).append(file)
print(json.dumps({"bytes": size, "folders": folders}))
`;

/** Python code that takes the libraries out of the wheels, and nothing else. */
const UNPACK = `
import glob, os, sys, zipfile
for wheel in glob.glob(sys.argv[1] + "/*.whl"):
    with zipfile.ZipFile(wheel) as z:
        for name in z.namelist():
            if name in ["tensorflow/" + file for file in sys.argv[2:]] or (name.startswith("nvidia/") and ("/lib/" in name or "/cuda_nvcc/" in name)):
                path = z.extract(name, sys.argv[1])
                if "/bin/" in name: os.chmod(path, 0o755) # XLA runs ptxas and nvlink; extract() leaves out what may be run
`;

const MACHINE = Deno.build.arch === "aarch64" ? Deno.build.os === "darwin" ? "arm64" : "aarch64" : "x86_64";

/** pip's options that ask for this system's wheels, whatever Python fetches them. */
const PLATFORM: readonly string[] = (() => {
  const { os } = Deno.build;
  const names = os === "darwin" ? ["macosx_12_0"] : os === "windows" ? ["win"] : ["manylinux_2_27", "manylinux_2_17", "manylinux2014"];
  const platforms = names.flatMap((name) => ["--platform", name === "win" ? "win_amd64" : `${name}_${MACHINE}`]);
  return ["--only-binary=:all:", "--python-version", "3.12", "--implementation", "cp", ...platforms];
})();

/** Options and name of TensorFlow's wheel. */
function wheelArguments(gpu: boolean): string[] {
  const small = Deno.build.os === "linux" && MACHINE === "x86_64"; // elsewhere there is no wheel without CUDA by another name
  return [...PLATFORM, `${gpu ? "tensorflow[and-cuda]" : small ? "tensorflow-cpu" : "tensorflow"}==${TENSORFLOW_VERSION}`];
}

async function pip(python: readonly string[], args: readonly string[]): Promise<void> {
  console.error("Fetching libtensorflow …");
  await run(python, ["-m", "pip", "--quiet", "--disable-pip-version-check", ...args]);
}

/** Runs a program; what it prints, or in one sentence why it failed. */
export async function run([command, ...first]: readonly string[], args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command!, { args: [...first, ...args], stdout: "piped", stderr: "piped" })
    .output();
  if (success) return new TextDecoder().decode(stdout);
  const lines = new TextDecoder().decode(stderr).trim().split("\n");
  throw new UserError(`${command} failed: ${lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1)}`);
}

/** The first command that runs Python with pip; undefined where there is none. */
export async function findPython(): Promise<string[] | undefined> {
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
