import { bool, int, message, text } from "../../lib/engine/protobuf.ts";
import { assertEquals } from "../support.ts";

Deno.test("fields have the bytes that the format's documentation gives", () => {
  assertEquals(int(1, 150), [0x08, 0x96, 0x01]);
  assertEquals(text(2, "testing"), [0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]);
  assertEquals(message(3, int(1, 150)), [0x1a, 0x03, 0x08, 0x96, 0x01]);
  assertEquals(bool(4, true), [0x20, 1]);
  assertEquals(int(16, 2 ** 35), [0x80, 0x01, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]); // beyond 32 bits, field beyond 15
});
