/**
 * The workloads by name: how many requests a second, of what kind, over what popularity. Load
 * shapes are data, so that every driver sends the same.
 */

/** What a shopper asks for. A driver knows how to build requests for some of these. */
export const workloadRoutes = ["product", "list", "search", "suggestions", "checkout"] as const;
export type WorkloadRoute = (typeof workloadRoutes)[number];

/** Shares of the routes; they sum to 1. */
export type RouteMix = Readonly<Partial<Record<WorkloadRoute, number>>>;

export interface Workload {
  readonly summary: string;
  /** Mean of the Poisson arrivals. The server's speed has no influence on it (open model). */
  readonly requestsPerSecond: number;
  readonly mix: RouteMix;
  /** Exponent of the Zipf law of product and category popularity. */
  readonly zipfExponent: number;
}

/** The storefront's mix. */
const storefrontMix: RouteMix = {
  product: 0.55,
  list: 0.25,
  search: 0.15,
  suggestions: 0.04,
  checkout: 0.01,
};

/** By the names of the command line. */
export const workloads = {
  demo: {
    summary: "400 product requests/s, Zipf 1: something to see for the TTL law",
    requestsPerSecond: 400,
    mix: { product: 1 },
    zipfExponent: 1,
  },
  light: {
    summary: "200 requests/s over the storefront: 10 to 25 users",
    requestsPerSecond: 200,
    mix: storefrontMix,
    zipfExponent: 1,
  },
  heavy: {
    summary: "1,500 requests/s over the storefront: 50 to 100 users",
    requestsPerSecond: 1500,
    mix: storefrontMix,
    zipfExponent: 1,
  },
} as const satisfies Record<string, Workload>;

export type WorkloadName = keyof typeof workloads;

export const workloadNames = Object.keys(workloads) as readonly WorkloadName[];

/** The workload called `name`, undefined if there is none. */
export function parseWorkloadName(name: string): WorkloadName | undefined {
  return workloadNames.find((known) => known === name);
}

/** A mix that a driver can send, and whose share it spread over the rest. */
export interface RoutableMix {
  readonly mix: RouteMix;
  readonly redistributed: readonly WorkloadRoute[];
}

/**
 * Spreads the shares of routes outside `available` over the others in proportion, so that the total
 * rate stays. Throws when nothing of the mix is available.
 */
export function planMix(mix: RouteMix, available: readonly WorkloadRoute[]): RoutableMix {
  const asked = workloadRoutes.filter((route) => (mix[route] ?? 0) > 0);
  const kept = asked.filter((route) => available.includes(route));
  const keptShare = kept.reduce((sum, route) => sum + (mix[route] ?? 0), 0);
  if (keptShare <= 0) throw new RangeError(`none of ${asked.join(", ")} can be requested`);
  return {
    mix: Object.fromEntries(kept.map((route) => [route, (mix[route] ?? 0) / keptShare])),
    redistributed: asked.filter((route) => !kept.includes(route)),
  };
}
