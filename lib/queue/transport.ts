/**
 * The connection below NATS's client. Its own takes all listeners off a socket before it closes it, so that an error which the
 * system reports in between (a server that resets the connection, as on a wrong token) has nobody to hear it and ends the process.
 *
 * @module
 */
import { type ConnectionOptions, type NatsConnection, NatsConnectionImpl, setTransportFactory } from "@nats-io/transport-node";
import { nodeResolveHost, NodeTransport } from "@nats-io/transport-node/lib/node_transport.js";

/** A socket, as far as its listeners go. */
interface Listening {
  removeAllListeners(...events: string[]): this;
  on(event: "error", listener: (error: Error) => void): this;
}

/** Lets a socket always have somebody who hears its errors: whoever closes it knows already. */
export function withLastListener<T extends Listening>(socket: T): T {
  const removeAll = socket.removeAllListeners.bind(socket);
  socket.removeAllListeners = (...events) => removeAll(...events).on("error", () => {}); // none is not the same as undefined
  return socket.on("error", () => {});
}

class QueueTransport extends NodeTransport {
  override async dial(at: { hostname: string; port: number }) {
    return withLastListener(await super.dial(at));
  }

  override async startTLS() {
    return withLastListener(await super.startTLS());
  }
}

/**
 * Connects.
 *
 * @param options of NATS's client
 * @returns the connection
 * @throws the client's errors when there is no server, or it refuses
 */
export function connect(options: ConnectionOptions): Promise<NatsConnection> {
  setTransportFactory({ factory: () => new QueueTransport(), dnsResolveFn: nodeResolveHost });
  return NatsConnectionImpl.connect(options);
}
