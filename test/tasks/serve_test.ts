/** serve as a user runs it: in a process of its own, with the permissions that deno.json gives it. */
import { crowd, startServe } from "../faults/serve_users.ts";
import { assert, assertEquals, withFolder } from "../support.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

Deno.test("serve keeps every answer that it gave, with five people at once and a kill in the middle", () =>
  withFolder(async (folder) => {
    const { results, problems } = await crowd(folder, 5, 3, 1);
    assertEquals([results.map(({ took }) => took.length), problems], [Array(5).fill(3), []]);
    assert(results.some(({ cancelled }) => cancelled > 0));
    const took = results.flatMap(({ took }) => took);
    assert(took.every(({ heard, begun, answered }) => heard <= begun && begun <= answered));
  }));

Deno.test("serve's link stays good; its folder takes no other models and no second server", () =>
  withFolder(async (folder) => {
    const first = await startServe(folder, 0);
    const run = async (...args: string[]) => {
      const command = ["run", "-A", `${ROOT}tasks/serve.ts`, "--serve.cdm=base", "--serve.port=0", `--run=${folder}`, ...args];
      const { code, stderr } = await new Deno.Command(Deno.execPath(), { args: command, cwd: ROOT, env: { NO_COLOR: "1" } }).output();
      return { code, text: new TextDecoder().decode(stderr) };
    };
    const second = await run("--serve.adapter=base");
    assert(second.code === 1 && second.text.includes(`process ${first.child.pid} works in it`), second.text);
    const tree = await fetch(`http://127.0.0.1:${first.port}/api/trees`, {
      method: "POST",
      headers: { authorization: `Bearer ${first.token}` },
    });
    const { tree: name } = await tree.json();
    first.child.kill("SIGINT");
    await first.child.status;
    const other = await run("--serve.adapter=base", "--model.precision=float32");
    assert(other.code === 1 && other.text.includes('"model.precision" was "bfloat16" and is now "float32"'), other.text);
    const again = await startServe(folder, first.port);
    assertEquals(again.token, first.token);
    const answer = await fetch(`http://127.0.0.1:${again.port}/api/trees/${name}`, { headers: { authorization: `Bearer ${again.token}` } });
    assertEquals(await answer.json(), { tree: name, nodes: [] });
    again.child.kill("SIGINT");
    await again.child.status;
  }));
