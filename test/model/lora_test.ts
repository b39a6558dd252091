import {
  adapterTensors,
  createAdapter,
  hiddenStates,
  loadModel,
  mergeAdapter,
  PROJECTIONS,
  withAdapterTensors,
} from "../../lib/model/mod.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { blockAdapter, disposeAdapter, dropInput } from "../../lib/model/lora.ts";
import { dispose, seedTensor, tf, tidy } from "../../lib/engine/mod.ts";
import { assert, assertClose, assertEquals, engine, openReference, randomAdapter, take, withoutLeaks } from "../support.ts";

await engine();
const FOLDER = new URL("../parity/reference", import.meta.url).pathname;
const LORA = { rank: 4, alpha: 8, dropout: 0.5, targets: PROJECTIONS };
const reference = openReference(`${FOLDER}/reference.safetensors`);

/** Runs with the reference model and an adapter of it. */
function withAdapter(targets: typeof PROJECTIONS[number][], body: (of: Parts) => void): Promise<void> {
  return withoutLeaks(() => {
    const model = loadModel(FOLDER, "float32");
    const adapter = randomAdapter(model.chameleon.config, { ...LORA, targets }, 1);
    const tokens = reference.tensor("tokens");
    body({ model: model.chameleon, adapter, tokens });
    tokens.dispose();
    disposeAdapter(adapter);
    disposeModel(model);
  });
}

interface Parts {
  readonly model: ReturnType<typeof loadModel>["chameleon"];
  readonly adapter: ReturnType<typeof randomAdapter>;
  readonly tokens: ReturnType<typeof tf.tensor>;
}

for (const targets of [[...PROJECTIONS], ["v_proj" as const], ["o_proj" as const, "down_proj" as const]]) {
  Deno.test(`mergeAdapter() gives what the adapter gives beside the weights: ${targets.join(", ")}`, () =>
    withAdapter(targets, ({ model, adapter, tokens }) => {
      const plain = take(tidy(() => hiddenStates(model, tokens)));
      const beside = take(tidy(() => hiddenStates(model, tokens, { adapter })));
      const merged = take(tidy(() => hiddenStates(mergeAdapter(model, adapter), tokens)));
      assertClose(merged, beside, 1e-4, "hidden states");
      assert(plain.some((x, i) => Math.abs(x - beside[i]!) > 1e-2), "the adapter changes nothing");
    }));
}

Deno.test("createAdapter() changes nothing yet, and gives a seed the same factors", () =>
  withAdapter([...PROJECTIONS], ({ model, tokens }) => {
    const [fresh, again, other] = [1, 1, 2].map((seed) => createAdapter(model.config, LORA, seed));
    assertEquals(take(tidy(() => hiddenStates(model, tokens, { adapter: fresh! }))), take(tidy(() => hiddenStates(model, tokens))));
    const first = (adapter: typeof fresh) => [...adapter!.layers[1]!.k_proj!.a.dataSync()];
    assertEquals(first(fresh), first(again));
    assert(first(fresh)[0] !== first(other)[0]);
    assert(Math.max(...first(fresh).map(Math.abs)) <= model.config.hiddenSize ** -0.5);
    for (const adapter of [fresh, again, other]) disposeAdapter(adapter!);
  }));

Deno.test("withAdapterTensors() puts the tensors of adapterTensors() back where they were", () =>
  withAdapter(["q_proj", "down_proj"], ({ adapter }) => {
    const named = adapterTensors(adapter);
    assertEquals([...named.keys()].slice(0, 3), [
      "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
      "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight",
      "base_model.model.model.layers.0.mlp.down_proj.lora_A.weight",
    ]);
    const same = withAdapterTensors(adapter, [...named.values()]);
    assertEquals([...adapterTensors(same)].map(([name, { id }]) => [name, id]), [...named].map(([name, { id }]) => [name, id]));
  }));

Deno.test("hiddenStates() drops inputs of the adapter by its seed alone, with checkpointing or without", () =>
  withAdapter([...PROJECTIONS], ({ model, adapter, tokens }) => {
    const seeds = [seedTensor("a"), seedTensor("b")];
    const run = (seed?: typeof seeds[number], checkpoint = false) =>
      take(tidy(() => hiddenStates(model, tokens, { adapter, seed, checkpoint })));
    assertEquals(run(seeds[0]), run(seeds[0]));
    assertClose(run(seeds[0], true), run(seeds[0]), 1e-4, "with checkpointing");
    for (const other of [run(seeds[1]), run()]) assert(other.some((x, i) => Math.abs(x - run(seeds[0])[i]!) > 1e-2));
    dispose(seeds);
  }));

Deno.test("dropInput() leaves inputs alone that no adapted projection has", () =>
  withAdapter(["q_proj"], ({ adapter }) => {
    const [x, seed] = [tf.ones([1, 4, 64]), seedTensor("drop")];
    tidy(() => {
      const own = blockAdapter(0, { adapter, seed, training: true });
      assertEquals(dropInput(x, own, ["gate_proj", "up_proj"], 2), x);
      assertEquals(dropInput(x, blockAdapter(0, { adapter, training: true }), ["q_proj"], 0), x);
      const dropped = dropInput(x, own, ["q_proj", "k_proj"], 0).dataSync().filter((value) => value === 0).length;
      assert(dropped > 64 && dropped < 192, `${dropped} of 256 were dropped, not about half`);
    });
    dispose([x, seed]);
  }));
