import { createArrivals } from "@mestore/loadtest/arrivals";
import { loadCatalogue } from "@mestore/loadtest/catalogue";
import { errorCode, startDriver } from "@mestore/loadtest/driver";
import { createRandom } from "@mestore/loadtest/random";
import { apiPath, createRequests } from "@mestore/loadtest/requests";

/** What became of the requests of a stretch of time. */
export interface Served {
  readonly sent: number;
  /** Failed requests by HTTP status (400 and above) or by the code of the connection's error. */
  readonly errors: Readonly<Record<string, number>>;
}

export interface ShopTraffic {
  /** What was sent, and what failed, since the last call. */
  take(): Served;
  inFlight(): number;
  /** Ends it and waits for the last answers; what came of the requests since the last `take`. */
  stop(): Promise<Served>;
}

/** As many requests on connections that are kept as browsers and proxies do, for each on a new one. */
const keptPerNewcomer = 20;
/** As many pages of products, which the cache may hold, for each list that nobody has asked for before. */
const productsPerList = 30;

/**
 * Product pages by their popularity (Zipf 1) at a steady rate, whatever becomes of the earlier requests;
 * among them lists that only the database can answer, and newcomers with a connection of their own.
 */
export async function startShopTraffic(
  origin: string,
  requestsPerSecond: number,
): Promise<ShopTraffic> {
  const catalogue = await loadCatalogue(async (path) => {
    const response = await fetch(origin + path);
    if (!response.ok) throw new Error(`${path} answered ${response.status}`);
    return response.json();
  });
  const random = createRandom(1);
  let arrivals = 0;
  const nextProduct = createRequests(catalogue, { product: 1 }, 1, random);
  const nextPath = () =>
    arrivals % productsPerList === 0
      ? `${apiPath}/products?limit=5&minPrice=${arrivals}`
      : nextProduct();
  const newcomers = new Set<Promise<void>>();
  const failed = new Map<string, number>();
  let sent = 0;

  async function visit(path: string): Promise<void> {
    sent += 1;
    try {
      const response = await fetch(origin + path, {
        keepalive: false,
        headers: { connection: "close" },
        signal: AbortSignal.timeout(10_000),
      });
      await response.arrayBuffer();
      if (!response.ok) note(String(response.status));
    } catch (error) {
      note(errorCode(error));
    }
  }
  const note = (code: string) => failed.set(code, (failed.get(code) ?? 0) + 1);

  const driver = startDriver({
    origin,
    nextPath() {
      arrivals += 1;
      if (arrivals % keptPerNewcomer === 0) {
        const visited: Promise<void> = visit(nextPath()).finally(() => newcomers.delete(visited));
        newcomers.add(visited);
      }
      return nextPath();
    },
    nextArrivalMs: createArrivals(requestsPerSecond, random),
    durationMs: Number.POSITIVE_INFINITY,
  });

  function take(): Served {
    const kept = driver.tally.takeInterval();
    const errors = new Map(Object.entries(kept.errors));
    for (const [code, count] of failed) errors.set(code, (errors.get(code) ?? 0) + count);
    const all = {
      sent: kept.sent + sent,
      errors: {
        ...Object.fromEntries(errors),
        ...(kept.dropped > 0 ? { dropped: kept.dropped } : {}),
      },
    };
    sent = 0;
    failed.clear();
    return all;
  }
  return {
    take,
    inFlight: () => driver.inFlight() + newcomers.size,
    async stop() {
      driver.stop();
      await Promise.all([driver.finished, ...newcomers]);
      return take();
    },
  };
}
