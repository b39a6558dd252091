import { parseNamed, readActions } from "../../lib/experiment/actions_file.ts";
import { assert, assertEquals, assertThrows, withFolder } from "../support.ts";

Deno.test("readActions() takes what is whole, and has a sentence for each missing, extra, doubled and broken line", () =>
  withFolder((folder) => {
    const path = `${folder}/vila-u.jsonl`;
    const lines = [
      '{"id": "ag-0", "action": " open the door "}',
      '{"id": "ag-9", "action": "close it"}',
      '{"id": "ag-0", "action": "close the door"}',
      '{"id": "ag-1"',
      "",
      "[]",
      "null",
      '{"id": 3, "action": "go"}',
      JSON.stringify({ id: "ag-2", action: "go ".repeat(1e5) }),
      '{"id": "ag-3", "action": "", "score": 1}',
    ];
    Deno.writeTextFileSync(path, lines.join("\n"));
    const { actions, problems } = readActions({ name: "VILA-U", path }, ["ag-0", "ag-1", "ag-2", "ag-3"]);
    assertEquals([...actions], [["ag-0", "open the door"], ["ag-3", ""]]); // to say nothing is an answer
    assertEquals(problems.map(({ id, reason }) => `${id}: ${reason}`), [
      'VILA-U: line 2: the bench has no trajectory "ag-9"',
      'VILA-U: line 3: "ag-0" came before: the first line counts',
      "VILA-U: line 4: the line is no JSON",
      'VILA-U: line 6: the line has no "id" and "action" that are texts',
      'VILA-U: line 7: the line has no "id" and "action" that are texts',
      'VILA-U: line 8: the line has no "id" and "action" that are texts',
      "VILA-U: line 9: the action has 300000 characters: at most 1000 are taken",
      "VILA-U: ag-1: it has no action",
      "VILA-U: ag-2: it has no action",
    ]);
  }));

Deno.test("readActions() refuses a file that is not there, a device, and one without any action of the bench", () =>
  withFolder((folder) => {
    const at = (name: string) => ({ name: "VILA-U", path: `${folder}/${name}` });
    assertThrows(() => readActions(at("none.jsonl"), ["ag-0"]), Error, "Cannot measure the actions of VILA-U: there is no file");
    assertThrows(() => readActions({ name: "x", path: "/dev/zero" }, ["ag-0"]), Error, "as it is no regular file");
    Deno.writeTextFileSync(`${folder}/other.jsonl`, '{"id": "\\u001b[2J", "action": "go"}\n');
    const error = assertThrows(() => readActions(at("other.jsonl"), ["ag-0"]), Error, "has none for any of the 1 trajectories");
    assert(!(error as Error).message.includes("\u001b"), "control characters reach the terminal");
    Deno.writeTextFileSync(`${folder}/empty.jsonl`, "");
    assertThrows(() => readActions(at("empty.jsonl"), ["ag-0"]), Error, '{"id": "ag-0", "action": "…"}');
  }));

Deno.test("parseNamed() takes a name off a path, which may hold further equal signs", () => {
  assertEquals(parseNamed("VILA-U=runs/a=b.jsonl"), { name: "VILA-U", path: "runs/a=b.jsonl" });
  assertEquals(parseNamed("train-cdm"), { name: "train-cdm", path: "train-cdm" });
});
