import { preferenceOf, type ProbePoint } from "../../lib/probe/probe.ts";
import { assertClose, assertEquals } from "../support.ts";

Deno.test("preferenceOf() counts, with Wilson's interval and Pearson's correlation", () => {
  const point = { id: "", subset: "", task: "action", negative: "copy" } as const;
  const points: ProbePoint[] = [[-1, -2], [-2, -3], [-3, -1], [-4, -6]].map(([reference, manipulated]) => ({
    ...point,
    reference: reference!,
    manipulated: manipulated!,
  }));
  const { prefersReference, n, interval, pearson: r } = preferenceOf(points);
  assertEquals([prefersReference, n], [0.75, 4]);
  assertClose([r!], [0.5976], 1e-3);
  assertClose(interval, [0.3006, 0.9544], 1e-3); // R: binom::binom.wilson(3, 4)
});
