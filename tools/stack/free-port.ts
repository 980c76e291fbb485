import { randomInt } from "node:crypto";
import { type AddressInfo, createServer } from "node:net";

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

/**
 * The same for a server that will be stopped and started again on its port: below the range from which the
 * kernel gives clients theirs (32768 and up on Linux, 49152 on macOS), so that nobody has taken it
 * meanwhile, not even a client that meets itself there while nobody listens.
 */
export async function findLastingPort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const port = await listenOnce(firstLastingPort + randomInt(lastingPorts));
    if (port !== null) return port;
  }
  throw new Error("no free TCP port below those of clients on the loopback interface");
}

const firstLastingPort = 20_000;
const lastingPorts = 12_000;

/** Whether a server could listen on this port of the loopback interface now. */
export async function isPortFree(port: number): Promise<boolean> {
  return (await listenOnce(port)) !== null;
}

async function listenOnce(port: number): Promise<number | null> {
  const held = await holdPort(port);
  await held?.release();
  return held?.port ?? null;
}

/** A port that nobody else can have until it is released. */
export interface HeldPort {
  readonly port: number;
  release(): Promise<void>;
}

/** Takes a port of the loopback interface, any free one for 0; null when somebody else has it. */
export function holdPort(port: number): Promise<HeldPort | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(null));
    server.listen({ port, host: loopback, exclusive: true }, () => {
      const { port: given } = server.address() as AddressInfo;
      const release = () => new Promise<void>((done) => server.close(() => done()));
      resolve({ port: given, release });
    });
  });
}
