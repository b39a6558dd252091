import { featureDistances } from "../../lib/trajectories/mod.ts";
import { pairDistances } from "../../lib/trajectories/distances.ts";
import { tf, tidy } from "../../lib/engine/mod.ts";
import { loadModel } from "../../lib/model/mod.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { encodeTrajectories } from "../../lib/trajectories/mod.ts";
import { worldTrajectories } from "../../lib/world/mod.ts";
import { assertClose, assertEquals, engine, take, withFolder, withoutLeaks } from "../support.ts";

await engine();

Deno.test("pairDistances() are squared distances place by place, of each source and its target", () =>
  withoutLeaks(() => {
    const features = tf.tensor4d([1, 2, 0, 0, 4, 6, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9], [4, 1, 2, 2]);
    assertEquals([...take(tidy(() => pairDistances(features)))], [25, 1, 0, 0]);
    features.dispose();
  }));

Deno.test("featureDistances() are those that recognition weights come from, whatever other targets there are", () =>
  withFolder((folder) =>
    withoutLeaks(async () => {
      const model = loadModel("data/tiny", "float32");
      const trajectories = worldTrajectories("easy", 1, "bench", 2);
      const { encoded } = await encodeTrajectories(trajectories, model.vqgan, folder);
      const [source, target, other] = await Promise.all([
        trajectories[0]!.source.load(),
        trajectories[0]!.target.load(),
        trajectories[1]!.target.load(),
      ]);
      const [distances] = featureDistances(model.vqgan, source, [target, other]);
      assertClose(distances!, encoded[0]!.distances, 1e-4);
      disposeModel(model);
    })
  ));
