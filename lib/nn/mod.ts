/**
 * Layers of a transformer and of a convolutional autoencoder, as functions of tensors.
 *
 * @module
 */
export * from "./layers.ts";
export * from "./prompt_attention.ts";
