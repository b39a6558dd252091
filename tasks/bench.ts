/**
 * Runs a bench: ours beside the peer's in one run. The last line is one JSON object.
 *
 * @module
 */
const BENCHES = [
  "train",
  "sample",
  "score",
  "wasm",
  "video",
  "world",
  "7b",
  "plan",
  "start",
  "synthesis",
  "filters",
  "weights",
  "queue",
  "scale",
  "sharded",
] as const;
const [name, ...rest] = Deno.args;
if (!BENCHES.includes(name as "train")) {
  console.error(`deno task bench NAME [CASE]: NAME is one of ${BENCHES.join(", ")}, found ${name ?? "none"}`);
  Deno.exit(name === "--help" ? 0 : 1);
}
try {
  const { main } = await import(`../bench/${name}.ts`);
  await main(rest[0]);
} catch (error) {
  console.error(`bench ${name}: ${(error as Error).message}`);
  Deno.exit(1);
}
