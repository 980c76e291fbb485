import { createServer } from "node:net";

const loopback = "127.0.0.1";

/**
 * A TCP port of the loopback interface that was free a moment ago. Somebody may take it before it
 * is used, so whoever starts a server on it checks that the server came up.
 */
export async function findFreePort(): Promise<number> {
  const port = await listenOnce(0);
  if (port === null) throw new Error("no free TCP port on the loopback interface");
  return port;
}

/** Whether a server could listen on this port of the loopback interface now. */
export async function isPortFree(port: number): Promise<boolean> {
  return (await listenOnce(port)) !== null;
}

function listenOnce(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(null));
    server.listen({ port, host: loopback, exclusive: true }, () => {
      const address = server.address();
      server.close(() =>
        resolve(address !== null && typeof address === "object" ? address.port : null),
      );
    });
  });
}
