/**
 * Where a page is served, and why it cannot be served there.
 *
 * @module
 */
import { UserError } from "../errors.ts";

/** Where a server listens. */
export interface Address {
  /** The section of the configuration that says so. */
  readonly section: string;
  /** The name or number of an address of this machine. */
  readonly hostname: string;
  /** The port; 0: any that is free. */
  readonly port: number;
}

/**
 * Serves a page.
 *
 * @param address where
 * @param handler answers requests
 * @returns the server
 * @throws UserError when the address cannot be had
 */
export function listen(address: Address, handler: Deno.ServeHandler<Deno.NetAddr>): Deno.HttpServer<Deno.NetAddr> {
  const { hostname, port } = address;
  try {
    return Deno.serve({ hostname, port, onListen: () => {} }, handler);
  } catch (error) {
    throw new UserError(`Cannot serve the page on ${hostname}:${port}: ${refusal(error as Error, address)}`, { cause: error });
  }
}

/** What is wrong with an address, and what may help. */
function refusal(error: Error, { section, hostname }: Address): string {
  const otherPort = `give another --${section}.port, or 0 for any that is free`;
  if (error instanceof Deno.errors.AddrInUse) return `something listens there already; ${otherPort}`;
  if (error instanceof Deno.errors.PermissionDenied) return `this user may not listen on this port, as on most below 1024; ${otherPort}`;
  if (error instanceof Deno.errors.NotCapable) {
    return "deno.json lets its tasks listen on 127.0.0.1, localhost and 0.0.0.0 (everywhere) alone; " +
      `give one of these as --${section}.hostname, or add ${hostname} to this task's --allow-net there`;
  }
  return `${error.message}; give an address of this machine as --${section}.hostname, or 0.0.0.0 for everywhere`;
}
