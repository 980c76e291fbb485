import type { Logger } from "@mestore/telemetry/logger";

/** A server whose answers can be told to close their connections. */
export interface DrainableServer {
  /** Stops listening and resolves when the requests in flight are answered; `true` ends those too. */
  stop(closeActiveConnections?: boolean): Promise<void>;
}

export interface DrainOptions {
  readonly server: DrainableServer;
  /** How long to answer on with `Connection: close`, so that clients and balancers move away. */
  readonly drainSeconds: number;
  readonly logger: Logger;
  /** Closes what the process holds besides the server. */
  readonly close: () => Promise<void>;
  readonly exit: (code: number) => void;
}

export interface Drain {
  /** True from the first signal on: not ready, and every answer closes its connection. */
  isDraining(): boolean;
  /** The first signal drains and exits 0; the next one exits at once with 128 + its number. */
  onSignal(signal: "SIGTERM" | "SIGINT"): Promise<void>;
}

/** signal(7) */
const signalNumbers = { SIGINT: 2, SIGTERM: 15 } as const;

/** Requests that are still in flight when the drain ends have this long; statements take at most 4 s. */
const graceMs = 5000;

/** What happens between the order to stop and the end of the process. */
export function createDrain(options: DrainOptions): Drain {
  const { server, drainSeconds, logger, close, exit } = options;
  let draining = false;
  return {
    isDraining: () => draining,
    async onSignal(signal) {
      if (draining) {
        logger.warn({ signal }, "told again to stop: exiting at once");
        exit(128 + signalNumbers[signal]);
        return;
      }
      draining = true;
      logger.info({ signal, drainSeconds }, "draining");
      await Bun.sleep(drainSeconds * 1000);
      // `stop` alone resets keep-alive connections; after the drain there are hardly any left.
      const stopped = server.stop().then(() => true);
      if (!(await Promise.race([stopped, Bun.sleep(graceMs).then(() => false)])))
        await server.stop(true);
      await close();
      logger.info("stopped");
      exit(0);
    },
  };
}
