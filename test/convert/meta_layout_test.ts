/** Conversions of tiny checkpoints in Meta's layout against transformers' own; the numbers come from parity/make_meta.py. */
import { planConversion } from "../../lib/convert/meta_layout.ts";
import { tidy } from "../../lib/engine/mod.ts";
import { exists } from "../../lib/files.ts";
import { encodeFeatures, hiddenStates, loadModel, logitsOf, nearestCodes } from "../../lib/model/mod.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { readModelHeaders } from "../../lib/model/safetensors.ts";
import { writeShards } from "../../lib/model/shards.ts";
import { hasDecoder } from "../../lib/model/vqgan.ts";
import { loadVocabulary } from "../../lib/tokens/mod.ts";
import {
  assert,
  assertClose,
  assertEquals,
  assertThrows,
  engine,
  openReference,
  take,
  UserError,
  withFolder,
  withoutLeaks,
} from "../support.ts";
import { runTask, unpackMeta } from "./support.ts";

const reference = openReference(new URL("../parity/reference/meta/reference.safetensors", import.meta.url).pathname);
await engine();

/** A converted checkpoint's logits and image codes are those that transformers computes of its own conversion. */
function assertParity(folder: string, size: string): Promise<void> {
  return withoutLeaks(() => {
    const model = loadModel(folder, "float32");
    const logits = tidy(() => logitsOf(hiddenStates(model.chameleon, reference.tensor("tokens")), model.chameleon.head));
    assertClose(take(logits), reference.values(`logits_${size}`), 1e-4, "logits");
    const codes = tidy(() => nearestCodes(model.vqgan, encodeFeatures(model.vqgan, reference.tensor("images"))));
    assertEquals([...take(codes)], [...reference.values("codes")]);
    assert(hasDecoder(model.vqgan));
    disposeModel(model);
  });
}

Deno.test("convert makes of Meta's layout what transformers' conversion does: one part, and two with grouped keys", () =>
  withFolder(async (folder) => {
    await unpackMeta(`${folder}/meta`);
    const several = await runTask("convert", `--from=${folder}/meta`, `--to=${folder}/none`);
    assert(several.code === 1 && several.text.includes('among the models "30b, 7b"') && !exists(`${folder}/none`), several.text);
    for (const size of ["7b", "30b"]) {
      const args = [`--from=${folder}/meta`, `--to=${folder}/${size}`, `--size=${size}`];
      const dry = await runTask("convert", ...args, "--dry-run");
      assert(dry.code === 0 && /2 blocks of width 32/.test(dry.text) && !exists(`${folder}/${size}`), dry.text);
      const { code, text } = await runTask("convert", ...args);
      assertEquals(code, 0, text);
      const names = [...Deno.readDirSync(`${folder}/${size}`)].map(({ name }) => name).toSorted();
      assertEquals(names, ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]);
      await assertParity(`${folder}/${size}`, size);
      const again = await runTask("convert", ...args);
      assert(again.code === 1 && again.text.includes("as there is something already"), again.text);
    }
  }));

Deno.test("planConversion() keeps element types, names the placeholder <image>, and needs no `<reserved08707>`", () =>
  withFolder(async (folder) => {
    await unpackMeta(folder);
    const { config, tensors, files } = planConversion(folder, "30b");
    assertEquals([config.keyHeads, config.swinNorm, config.intermediateSize, config.vocabSize], [2, true, 96, 96]);
    const types = new Map(tensors.map(({ name, dtype }) => [name, dtype]));
    assertEquals(types.get("model.layers.0.self_attn.q_proj.weight"), "BF16");
    assertEquals(types.get("model.vqmodel.quantize.embedding.weight"), "F32");
    Deno.mkdirSync(`${folder}/out`);
    for (const [name, text] of Object.entries(files)) Deno.writeTextFileSync(`${folder}/out/${name}`, text);
    const vocabulary = loadVocabulary(`${folder}/out`, 64);
    assertEquals([vocabulary.firstImage, vocabulary.beginImage, vocabulary.turn.after[0]], [4, 69, 70]);
    assert(!files["tokenizer.json"]!.includes("<reserved08707>"));
    assertEquals(JSON.parse(files["config.json"]!).vocabulary_map["<image>"], 71);
  }));

Deno.test("convert goes on with the next shard, and starts over when the source is another", () =>
  withFolder(async (folder) => {
    await unpackMeta(`${folder}/meta`);
    const { tensors } = planConversion(`${folder}/meta`, "7b");
    let read = 0;
    const counted = tensors.map((tensor) => ({ ...tensor, bytes: () => (read++, tensor.bytes()) }));
    writeShards(`${folder}/out`, counted, { shardBytes: 2e5 });
    const shards = [...Deno.readDirSync(`${folder}/out`)].map(({ name }) => name).toSorted();
    assertEquals(shards.at(-1), "model.safetensors.index.json");
    assertEquals(readModelHeaders(`${folder}/out`).size, tensors.length);
    const whole = shards.map((name) => Deno.readFileSync(`${folder}/out/${name}`));
    Deno.removeSync(`${folder}/out/${shards[1]}`); // as if it had been stopped before the second
    read = 0;
    writeShards(`${folder}/out`, counted, { shardBytes: 2e5, resume: true });
    assert(read > 0 && read < tensors.length, `${read} of ${tensors.length} tensors were read again`);
    assertEquals(shards.map((name) => Deno.readFileSync(`${folder}/out/${name}`)), whole);

    const args = [`--from=${folder}/meta`, `--to=${folder}/7b`, "--size=7b"];
    Deno.mkdirSync(`${folder}/7b.unfinished`);
    Deno.writeTextFileSync(`${folder}/7b.unfinished.json`, "of another source");
    Deno.writeTextFileSync(`${folder}/7b.unfinished/model.safetensors`, "of another source");
    const { code, text } = await runTask("convert", ...args);
    assertEquals(code, 0, text);
    await assertParity(`${folder}/7b`, "7b");
    Deno.mkdirSync(`${folder}/x.unfinished`);
    Deno.writeTextFileSync(`${folder}/x.unfinished/precious.txt`, "x");
    const refused = await runTask("convert", ...args.with(1, `--to=${folder}/x`));
    assert(refused.code === 1 && exists(`${folder}/x.unfinished/precious.txt`) && !exists(`${folder}/x`), refused.text);
  }));

Deno.test("planConversion() says what is missing, or does not fit, in one sentence", () =>
  withFolder(async (folder) => {
    await unpackMeta(`${folder}/meta`);
    const meta = `${folder}/meta`;
    const refuses = (said: RegExp, spoil: () => void, mend: () => void) => {
      spoil();
      const error = assertThrows(() => planConversion(meta, "30b"), UserError) as Error;
      assert(said.test(error.message), error.message);
      mend();
    };
    const edit = (path: string, from: string, to: string, said: RegExp) => {
      const text = Deno.readTextFileSync(`${meta}/${path}`);
      assert(text.includes(from), path);
      refuses(said, () =>
        Deno.writeTextFileSync(`${meta}/${path}`, text.replaceAll(from, to)), () =>
        Deno.writeTextFileSync(`${meta}/${path}`, text));
    };
    const move = (path: string, said: RegExp) =>
      refuses(said, () =>
        Deno.renameSync(`${meta}/${path}`, `${folder}/away`), () => Deno.renameSync(`${folder}/away`, `${meta}/${path}`));
    move("models/30b/consolidated.00.pth", /of its 1 parts .*consolidated\.00\.pth is missing/);
    move("models/30b/consolidated.01.pth", /its parameters speak of 2 parts, there are 1; fetch it again/);
    move("models/30b/params.json", /params\.json as it is not there/);
    move("tokenizer/vqgan.ckpt", /vqgan\.ckpt as it is not there/);
    edit("models/30b/params.json", '"dim": 32', '"dim": 64', /q_normalization\.weight": it has shape \[8\], wanted \[16\]/);
    edit("models/30b/params.json", '"n_layers": 2', '"n_layers": 1', /"layers\.1\.attention\.wq\.weight" of .* is not known/);
    edit("models/30b/params.json", '"n_kv_heads": 2', '"n_kv_heads": 1', /4 heads with 1 keys do not divide into 2 parts/);
    edit("tokenizer/vqgan.yaml", "attn_resolutions: [8]", "attn_resolutions: [16]", /attention at a side of 16 pixels/);
    edit("tokenizer/vqgan.yaml", "double_z: false", "double_z: true", /model\.params\.ddconfig\.double_z/);
    edit("tokenizer/text_tokenizer.json", "IMGIMGBZ", "IMGIMGbZ", /it has no token "IMGIMGBZ"/);
  }));
