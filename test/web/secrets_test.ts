import { keptSecrets, randomToken } from "../../lib/web/mod.ts";
import { assert, assertEquals, withFolder } from "../support.ts";

Deno.test("keptSecrets() gives the same secrets again, more where more are wanted, in a file that only its owner reads", () =>
  withFolder((folder) => {
    const path = `${folder}/token.txt`;
    const two = keptSecrets(path, 2);
    assertEquals([keptSecrets(path, 1), keptSecrets(path, 3).slice(0, 2)], [two, two]);
    assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
    assert([...two, randomToken()].every((secret) => /^[0-9a-f]{32}$/.test(secret)));
    assertEquals(new Set(keptSecrets(path, 3)).size, 3);
  }));

Deno.test("keptSecrets() closes a file to others that a start left open when its disk failed, or it was killed", () =>
  withFolder((folder) => {
    const path = `${folder}/token.txt`;
    const [token] = keptSecrets(path, 1);
    Deno.chmodSync(path, 0o644);
    assertEquals(keptSecrets(path, 1), [token!]);
    assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
  }));
