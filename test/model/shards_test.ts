import { bytesOf, writeShards } from "../../lib/model/shards.ts";
import { assertEquals, withFolder } from "../support.ts";

const tensor = (name: string, count: number, made: string[] = []) => ({
  ...{ name, dtype: "F32" as const, shape: [count] },
  bytes: () => {
    made.push(name);
    return new Uint8Array(4 * count);
  },
});
const filesOf = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).toSorted();

Deno.test("writeShards() fills shards in order, a large tensor alone, and writes where each lies", () =>
  withFolder((folder) => {
    const tensors = [tensor("a", 2), tensor("b", 2), tensor("c", 100), tensor("d", 1)];
    writeShards(folder, tensors, { shardBytes: 20 });
    assertEquals(filesOf(folder).slice(0, 3), [1, 2, 3].map((i) => `model-0000${i}-of-00003.safetensors`));
    const index = JSON.parse(Deno.readTextFileSync(`${folder}/model.safetensors.index.json`));
    assertEquals(index.metadata.total_size, bytesOf(tensors));
    assertEquals(Object.entries(index.weight_map).map(([name, file]) => `${name}${(file as string)[10]}`), ["a1", "b1", "c2", "d3"]);
  }));

Deno.test("writeShards() writes one file without an index when all fit", () =>
  withFolder((folder) => {
    writeShards(folder, [tensor("a", 2), tensor("b", 2)]);
    assertEquals(filesOf(folder), ["model.safetensors"]);
  }));

Deno.test("writeShards() that goes on asks for no tensor of a shard that is there", () =>
  withFolder((folder) => {
    const made: string[] = [];
    const tensors = ["a", "b", "c"].map((name) => tensor(name, 4, made));
    writeShards(folder, tensors, { shardBytes: 16 });
    Deno.removeSync(`${folder}/model-00002-of-00003.safetensors`);
    made.length = 0;
    writeShards(folder, tensors, { shardBytes: 16, resume: true });
    assertEquals([made, filesOf(folder).length], [["b"], 4]);
  }));
