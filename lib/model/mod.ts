/**
 * Chameleon: transformer, image tokenizer, adapters, and their files.
 *
 * @module
 */
export * from "./chameleon.ts";
export * from "./checkpoint.ts";
export * from "./config.ts";
export * from "./lora.ts";
export * from "./memory.ts";
export * from "./peft.ts";
export * from "./safetensors.ts";
export * from "./vqgan.ts";
