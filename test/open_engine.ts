/** Opens the engine before the examples run: it stays open for the process, which a test may not do. */
import { openBackend } from "../lib/engine/mod.ts";

await openBackend();
