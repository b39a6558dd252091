import { packTar } from "modern-tar";
import { gzipSync } from "node:zlib";
import { CATALOGUE } from "../../lib/fetch/mod.ts";
import { exists } from "../../lib/files.ts";
import { listVideos } from "../../lib/synthesis/mod.ts";
import { readAurora } from "../../lib/trajectories/mod.ts";
import { writeMp4 } from "../../lib/video/mod.ts";
import { type Asked, noise, type Reply, served, withServer } from "../fetch/server.ts";
import { auroraArchives, digest, DINO, hub, magicBrushParquet } from "../fetch/stand_ins.ts";
import { failing } from "../faults/failing_files.ts";
import { assert, assertEquals, assertRejects, UserError, withFolder } from "../support.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const { tasks } = JSON.parse(Deno.readTextFileSync(`${ROOT}deno.json`)) as { tasks: Record<string, { command: string }> };
function start(args: readonly string[], env: Record<string, string> = {}): Deno.ChildProcess {
  const command = tasks["fetch"]!.command.split(" ").slice(1); // with the permissions that the task has, and no others
  return new Deno.Command(Deno.execPath(), {
    args: [...command.map((part) => part.startsWith("tasks/") ? ROOT + part : part), ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1", ...env },
    ...{ stdout: "piped", stderr: "piped" } as const,
  }).spawn();
}

async function run(args: readonly string[], env: Record<string, string> = {}): Promise<{ code: number; text: string; last: string }> {
  const { code, stdout, stderr } = await start(args, env).output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  return { code, text, last: text.trim().split("\n").at(-1)! };
}

Deno.test("fetch NAME fetches the files, the settings beside and a record, and a second run asks nothing", () =>
  withFolder(async (folder) => {
    await withServer(hub(DINO), async (address, asked) => {
      const env = { HF_ENDPOINT: address, HF_TOKEN: "hf_canary" };
      const { code, text } = await run(["dino", `--to=${folder}/new/place`], env);
      assertEquals(code, 0, text);
      assert(text.includes("dino: 2 files, 50 kB, Xenova/dino-vits16 at aaaaaaaaaaaa") && text.includes("licence  Apache-2.0"), text);
      const at = `${folder}/new/place/dino-vits16`;
      assertEquals(Deno.readFileSync(`${at}/onnx/model.onnx`), DINO["onnx/model.onnx"]);
      assertEquals(JSON.parse(Deno.readTextFileSync(`${at}/preprocessor_config.json`)).crop_size, 224);
      const record = Deno.readTextFileSync(`${at}/dino.fetched.json`);
      const { finished, revisions, files } = JSON.parse(record);
      assertEquals([finished, revisions], [true, { "Xenova/dino-vits16": "a".repeat(40) }]);
      assertEquals(files[1].digest, `sha256:${digest("sha256", DINO["onnx/model.onnx"])}`);
      assert(asked.every(({ headers }) => headers["authorization"] === "Bearer hf_canary"));
      assert(!text.includes("hf_canary") && !record.includes("hf_canary"));
      const before = asked.length;
      const again = await run(["dino", `--to=${folder}/new/place`], env);
      assert(again.code === 0 && again.last.includes("--restart fetches it again") && asked.length === before, again.text);
    });
  }));

Deno.test("fetch that was killed goes on where it was", () =>
  withFolder(async (folder) => {
    const hung: Record<string, number> = {};
    const slow = hub(DINO, (asked) => {
      if (!asked.path.endsWith("model.onnx") || asked.method === "HEAD" || hung["once"]) return;
      hung["once"] = 1;
      return { ...served(DINO["onnx/model.onnx"], asked), cut: 20_000, hold: true };
    });
    await withServer(slow, async (address, asked) => {
      const child = start(["dino", `--to=${folder}`], { HF_ENDPOINT: address });
      const part = `${folder}/dino-vits16/onnx/model.onnx.part`;
      while (!exists(part) || Deno.statSync(part).size < 20_000) await new Promise((done) => setTimeout(done, 50));
      child.kill("SIGKILL");
      await child.output();
      assert(!exists(`${folder}/dino-vits16/onnx/model.onnx`));
      const { code, text } = await run(["dino", `--to=${folder}`], { HF_ENDPOINT: address });
      assertEquals(code, 0, text);
      assertEquals(asked.at(-1)!.headers["range"], "bytes=20000-");
      assertEquals(Deno.readFileSync(`${folder}/dino-vits16/onnx/model.onnx`), DINO["onnx/model.onnx"]);
    });
  }));

Deno.test("fetch says in one sentence what goes wrong, with exit code 1, and leaves nothing half-written under a final name", () =>
  withFolder(async (folder) => {
    const at = (path: string, reply: Reply) => (asked: Asked) => asked.path.includes(path) ? reply : undefined;
    const cases: Record<string, [server: (asked: Asked, count: number) => Reply, said: RegExp]> = {
      "no token": [hub(DINO, at("/api/", { status: 401 })), /wants a token \(401\): accept the terms .* set HF_TOKEN/],
      "gated files": [hub(DINO, at("model.onnx", { status: 403 })), /wants a token \(403\)/],
      "no repository": [
        hub(DINO, at("/api/", { status: 404 })),
        /api\/models\/Xenova\/dino-vits16\/revision\/main: there is no such file \(404\)/,
      ],
      "other bytes": [hub(DINO, at("model.onnx", { body: noise(50_000, 3) })), /its sha256 digest is/],
      "other text": [hub(DINO, at("config.json", { body: "{]\n" })), /its git digest is/],
      "a login page": [() => ({ body: "<html>", headers: { "content-type": "text/html" } }), /the answer is a web page/],
    };
    for (const [name, [server, said]] of Object.entries(cases)) {
      await withServer(server, async (address) => {
        const { code, text, last } = await run(["dino", `--to=${folder}/${name}`, `--mirror=${address}`]);
        assert(code === 1 && last.startsWith("fetch: Cannot ") && said.test(last), `${name}: ${text}`);
        assert(!exists(`${folder}/${name}/dino-vits16/${name === "other text" ? "config.json" : "onnx/model.onnx"}`), name);
      });
    }
    const down = await run(["dino", `--to=${folder}`, "--mirror=ftp://x"]);
    assert(down.code === 1 && down.last.includes('from --mirror "ftp://x": give an address such as'), down.text);
    const parts = await run(["ucf-101", "--parts=0"]);
    assert(parts.code === 1 && parts.last.includes('--parts="0": give a whole number from 1'), parts.text);
  }));

Deno.test("fetch contacts nothing for a listing, a dry run, terms that are not accepted, and what is given on request alone", () =>
  withFolder(async (folder) => {
    await withServer(() => ({ status: 500 }), async (address, asked) => {
      const fetch = (...args: string[]) => run([...args, `--to=${folder}`, `--mirror=${address}`]);
      const list = await fetch();
      assertEquals(list.text.trim().split("\n").length, Object.keys(CATALOGUE).length + 1, list.text);
      const dry = await fetch("anole-7b", "kinetics-700", "--dry-run");
      assert(dry.code === 0 && dry.text.includes("size     about 14.3 GB") && dry.last.endsWith("Nothing was contacted."), dry.text);
      const terms = await fetch("clip", "anole-7b");
      assert(
        terms.code === 1 &&
          terms.last.includes("read https://ai.meta.com/resources/models-and-libraries/chameleon-license and add --accept"),
      );
      const request = await fetch("moments-in-time");
      assert(request.code === 1 && request.last.includes("gives it on request alone, by the steps above"), request.text);
      assert(request.text.includes("1. Fill in the form on http://moments.csail.mit.edu/"), request.text);
      Deno.mkdirSync(`${folder}/moments-in-time/training`, { recursive: true });
      assertEquals((await fetch("moments-in-time")).code, 0);
      assertEquals(asked, []);
    });
  }));

Deno.test("fetch aurora leaves lists and pictures that readAurora() reads", () =>
  withFolder(async (folder) => {
    const { zips, answers } = await auroraArchives();
    await withServer(answers, async (address) => {
      const { code, text } = await run(["aurora", `--to=${folder}`, `--mirror=${address}`]);
      assertEquals(code, 0, text);
      const { trajectories, problems } = readAurora(`${folder}/aurora/data/ag/train.json`);
      assertEquals([trajectories.length, problems], [1, []]);
      assertEquals((await trajectories[0]!.target.load()).width, 2);
      for (const path of ["magicbrush/images/1-input.png", "kubric/images/location/1/image0.jpg"]) {
        assert(exists(`${folder}/aurora/data/${path}`), path);
      }
      assert(!exists(`${folder}/aurora/aurora.tar.gz`) && !exists(`${folder}/aurora/kubric_images.zip`), "archives are removed");
      zips["kubric_images.zip"] = noise(300);
      const broken = await run(["aurora", `--to=${folder}`, `--mirror=${address}`, "--restart"]);
      assert(broken.code === 1 && /Cannot unpack .*kubric_images.zip: it is broken/.test(broken.last), broken.text);
    });
  }));

Deno.test("fetch aurora-something takes the first and the last frame of each video, by AURORA's filter", () =>
  withFolder(async (folder) => {
    const name = "/data/something/train.json";
    const path = (id: number) => `../../change_descriptions/something-something/frames/${id}/first.jpg`;
    const list = JSON.stringify([
      { id: "1", instruction: "moving glass up", input: path(1), output: path(1) },
      { id: "2", instruction: "pretending to pour", input: path(2), output: path(2) },
      { id: "3", instruction: "putting a pen down", input: path(3), output: path(3) },
    ]);
    await withServer((asked) => asked.path.endsWith(name) ? { body: list } : { status: 404 }, async (address) => {
      const args = ["aurora-something", "--accept", `--to=${folder}`, `--mirror=${address}`];
      const other = await run(args);
      assert(other.code === 1 && other.last.includes("its git digest is"), other.text); // not AURORA's list: what it says is checked
    });
    const root = `${folder}/aurora/data/something`;
    Deno.mkdirSync(`${root}/videos`, { recursive: true });
    Deno.writeTextFileSync(`${root}/train.json`, list);
    const frame = (value: number) => ({ width: 32, height: 32, data: new Uint8Array(3072).fill(value) });
    await writeMp4(`${root}/videos/1.webm`, [frame(20), frame(120), frame(220)], 12);
    const { makeSomething } = await import("../../lib/fetch/something.ts");
    Object.assign(failing, { below: `${root}/frames`, at: 1 });
    await assertRejects(() => makeSomething(`${folder}/aurora`, () => {}), UserError, "Input/output error"); // left out is left out for good
    failing.below = "";
    const said = await makeSomething(`${folder}/aurora`, () => {});
    assert(said.startsWith("1 pairs in") && said.includes("1 videos left out"), said);
    const { trajectories } = readAurora(`${root}/train_filtered.json`);
    const [first, last] = await Promise.all([trajectories[0]!.source.load(), trajectories[0]!.target.load()]);
    assert(first.data[0]! < 40 && last.data[0]! > 200, `${first.data[0]} ${last.data[0]}`);
    assert(Deno.readTextFileSync(`${root}/skipped.jsonl`).includes('There is no \\"3.webm\\"'));
  }));

Deno.test("fetch kinetics-700 unpacks as many archives as asked for beside the list that annotate reads", () =>
  withFolder(async (folder) => {
    const csv = "label,youtube_id,time_start,time_end,split\nwaving,abc_-123,10,20,train\n";
    const names = ["k700/abc_-123_000010_000020.mp4", "k700/notes.txt"];
    const tar = gzipSync(await packTar(names.map((name) => ({ header: { name, size: 3 }, body: "abc" }))));
    const train = "/s3.amazonaws.com/kinetics/700_2020/train";
    const server = (asked: Asked): Reply =>
      asked.path.endsWith("train.csv")
        ? served(new TextEncoder().encode(csv), asked)
        : asked.path.endsWith("path.txt")
        ? { body: ["001", "002"].map((n) => `https://s3.amazonaws.com/kinetics/700_2020/train/k700_train_${n}.tar.gz\n`).join("") }
        : asked.path === `${train}/k700_train_001.tar.gz`
        ? served(tar, asked)
        : { status: 404 };
    await withServer(server, async (address) => {
      const { code, text } = await run(["kinetics-700", "--accept", "--parts=1", `--to=${folder}`, `--mirror=${address}`]);
      assertEquals(code, 0, text);
      assertEquals(listVideos(`${folder}/kinetics-700/train.csv`).videos.map(({ id, label }) => [id, label]), [[
        "abc_-123_000010_000020",
        "waving",
      ]]);
      assert(!exists(`${folder}/kinetics-700/notes.txt`));
      const more = await run(["kinetics-700", "--accept", "--parts=2", `--to=${folder}`, `--mirror=${address}`]);
      assert(more.code === 1 && more.last.includes("k700_train_002.tar.gz: there is no such file (404)"), more.text);
    });
  }));

Deno.test("fetch magicbrush makes an AURORA list of the parquet files", () =>
  withFolder(async (folder) => {
    const parquet = await magicBrushParquet();
    const files = { "data/train-00000-of-00001.parquet": parquet, "data/dev-00000-of-00001.parquet": parquet };
    await withServer(hub(files), async (address) => {
      const { code, text } = await run(["magicbrush", `--to=${folder}`, `--mirror=${address}`]);
      assertEquals(code, 0, text);
      const { trajectories, problems } = readAurora(`${folder}/magicbrush/train.json`);
      assertEquals([trajectories.map(({ action }) => action), problems], [["a", "b"], []]);
      assertEquals((await trajectories[1]!.target.load()).width, 2);
    });
  }));

Deno.test("what is fetched is neither committed nor formatted", async () => {
  const folders = [...new Set(Object.values(CATALOGUE).map(({ folder }) => `data/${folder}`))];
  const args = ["check-ignore", ...folders.map((folder) => `${folder}/x`)];
  const { stdout } = await new Deno.Command("git", { args, cwd: ROOT }).output();
  assertEquals(new TextDecoder().decode(stdout).trim().split("\n"), folders.map((folder) => `${folder}/x`));
});
