import { createServer, type Socket, connect } from "node:net";

/** Stands between one client and a server, and can be cut. */
export interface CutProxy {
  /** The server's URL by way of the proxy. */
  readonly url: string;
  /** Ends every connection and opens no other, until `mend`. */
  cut(): void;
  mend(): void;
  stop(): Promise<void>;
}

/** @param targetUrl `redis://…` of a server on this machine. */
export async function startCutProxy(targetUrl: string): Promise<CutProxy> {
  const target = new URL(targetUrl);
  const sockets = new Set<Socket>();
  let isCut = false;
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    // The other side of a connection that was cut.
    socket.on("error", () => socket.destroy());
  };
  const server = createServer((inward) => {
    keep(inward);
    if (isCut) {
      inward.destroy();
      return;
    }
    const outward = connect(Number(target.port), target.hostname);
    keep(outward);
    inward.pipe(outward).pipe(inward);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  const url = new URL(targetUrl);
  url.port = String(address !== null && typeof address === "object" ? address.port : 0);
  const endAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: url.href,
    cut() {
      isCut = true;
      endAll();
    },
    mend() {
      isCut = false;
    },
    async stop() {
      endAll();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
