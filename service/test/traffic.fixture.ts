import { Agent, get as httpGet, type IncomingMessage } from "node:http";

/** One answer, or the reason why there was none. */
export interface Outcome {
  readonly path: string;
  /** 0 when the connection failed. */
  readonly status: number;
  readonly error?: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  readonly tookMs: number;
}

/** One keep-alive connection, as a balancer holds it. */
export interface Client {
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Outcome>;
  close(): void;
}

export function createClient(url: string): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return {
    get: (path, headers = {}) =>
      new Promise((resolve) => {
        const startedMs = performance.now();
        const end = (rest: Omit<Outcome, "path" | "tookMs">) =>
          resolve({ path, ...rest, tookMs: performance.now() - startedMs });
        const fail = (error: NodeJS.ErrnoException) =>
          end({ status: 0, error: error.code ?? error.message, headers: {}, body: "" });
        httpGet(`${url}${path}`, { agent, headers }, (response) => {
          let body = "";
          response.setEncoding("utf8");
          response.on("data", (chunk: string) => (body += chunk));
          response.on("error", fail);
          response.on("end", () =>
            end({ status: response.statusCode ?? 0, headers: response.headers, body }),
          );
        }).on("error", fail);
      }),
    close: () => agent.destroy(),
  };
}

export interface Traffic {
  /** Every answer so far. */
  readonly outcomes: readonly Outcome[];
  /** How many answers there are now, to look at those that come later. */
  mark(): number;
  stop(): Promise<readonly Outcome[]>;
}

/** Clients that ask one thing after the other, each on a connection of its own, until they are stopped. */
export function startTraffic(url: string, clients: number, nextPath: () => string): Traffic {
  const outcomes: Outcome[] = [];
  const stopping = new AbortController();
  const loops = Array.from({ length: clients }, async () => {
    const client = createClient(url);
    while (!stopping.signal.aborted) outcomes.push(await client.get(nextPath()));
    client.close();
  });
  return {
    outcomes,
    mark: () => outcomes.length,
    async stop() {
      stopping.abort();
      await Promise.all(loops);
      return outcomes;
    },
  };
}
