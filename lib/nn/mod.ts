/**
 * Layers of a transformer and of a convolutional autoencoder, as functions of tensors.
 *
 * @module
 */
export * from "./attention.ts";
export * from "./layers.ts";
