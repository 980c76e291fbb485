import type { FieldFault } from "./fault.ts";
import type { PerformanceProfile, ProfileCacheClass, ProfileSpec } from "./performance-profile.ts";

/**
 * What no single field of a profile can say about itself. Each rule stands here twice, side by side:
 * for the parser, and in CEL (the Common Expression Language) for the API server, whose CRD takes it
 * from here. A test holds the two against each other on a real API server.
 */
export interface ProfileRule {
  /** Names down from the profile; `*` is each item of a list. */
  readonly path: readonly string[];
  /** The field under `path` that is at fault; absent: what `path` names. */
  readonly field?: string;
  /** For people, after the path of the field. */
  readonly message: string;
  /** The rule in CEL; `self` is what `path` names, with its defaults. */
  readonly cel: string;
  /** The same for the parser, of what stands at `path` in a profile that its schema has accepted. */
  readonly holds: (value: never) => boolean;
}

/** Names of headers that a person may not set: the operator or its HTTP client does. */
const ownHeaders = ["authorization", "connection", "content-length", "host", "transfer-encoding"];

type Prometheus = NonNullable<ProfileSpec["metrics"]["prometheus"]>;
type Ratio = Extract<NonNullable<ProfileSpec["objectives"]>[number], { type: "Ratio" }>["ratio"];

/** The rules, in the order in which faults are told. */
export const profileRules: readonly ProfileRule[] = [
  {
    path: ["spec", "metrics"],
    message: "has both prometheus and scrape; choose one",
    cel: "!(has(self.prometheus) && has(self.scrape))",
    holds: ({ prometheus, scrape }: ProfileSpec["metrics"]) =>
      prometheus === undefined || scrape === undefined,
  },
  // The pattern of the field says what else it must be.
  {
    path: ["spec", "metrics", "prometheus", "url"],
    message: "is no URL",
    cel: "isURL(self)",
    holds: (url: string) => URL.canParse(url),
  },
  {
    path: ["spec", "metrics", "prometheus", "headers", "*"],
    field: "name",
    message: "is a header that the operator sets itself; credentials belong into auth",
    cel: `!(self.name.lowerAscii() in ${JSON.stringify(ownHeaders)})`,
    holds: ({ name }: Prometheus["headers"][number]) => !ownHeaders.includes(name.toLowerCase()),
  },
  {
    path: ["spec", "cache", "classes", "*"],
    field: "minTTLSeconds",
    message: "is above maxTTLSeconds",
    cel: "self.minTTLSeconds <= self.maxTTLSeconds",
    holds: ({ minTTLSeconds, maxTTLSeconds }: ProfileCacheClass) => minTTLSeconds <= maxTTLSeconds,
  },
  {
    path: ["spec", "cache", "classes", "*"],
    field: "initialTTLSeconds",
    message: "is outside minTTLSeconds to maxTTLSeconds",
    cel: "!has(self.initialTTLSeconds) || (self.initialTTLSeconds >= self.minTTLSeconds && self.initialTTLSeconds <= self.maxTTLSeconds)",
    holds: ({ initialTTLSeconds: initial, minTTLSeconds, maxTTLSeconds }: ProfileCacheClass) =>
      initial === undefined || (initial >= minTTLSeconds && initial <= maxTTLSeconds),
  },
  {
    path: ["spec", "objectives", "*", "ratio"],
    message: "needs both good and total, or neither",
    cel: "has(self.good) == has(self.total)",
    holds: (ratio: Ratio | undefined) =>
      (ratio?.good === undefined) === (ratio?.total === undefined),
  },
  {
    path: ["spec", "pool"],
    field: "min",
    message: "is above max",
    cel: "self.min <= self.max",
    holds: ({ min, max }: ProfileSpec["pool"]) => min <= max,
  },
  {
    path: ["spec", "scaling"],
    field: "minReplicas",
    message: "is above maxReplicas",
    cel: "self.minReplicas <= self.maxReplicas",
    holds: ({ minReplicas, maxReplicas }: ProfileSpec["scaling"]) => minReplicas <= maxReplicas,
  },
  // Nine tenths, so that a rollout's surge finds connections too (docs/tuning.md, "Connections").
  {
    path: ["spec"],
    field: "pool",
    message:
      "min times scaling.maxReplicas is more than the connectionLimit, or than 90 % of maxConnections less reservedConnections",
    cel: [
      "has(self.pool.database.connectionLimit)",
      "? self.pool.min * self.scaling.maxReplicas <= self.pool.database.connectionLimit",
      ": !has(self.pool.database.maxConnections) ||",
      "10 * self.pool.min * self.scaling.maxReplicas <=",
      "9 * (self.pool.database.maxConnections - self.pool.database.reservedConnections)",
    ].join(" "),
    holds: ({ pool: { min, database }, scaling: { maxReplicas } }: ProfileSpec) =>
      database.connectionLimit !== undefined
        ? min * maxReplicas <= database.connectionLimit
        : database.maxConnections === undefined ||
          10 * min * maxReplicas <= 9 * (database.maxConnections - database.reservedConnections),
  },
];

/** Lists whose items are told apart by their name. */
export const namedLists: readonly (readonly string[])[] = [
  ["spec", "metrics", "prometheus", "headers"],
  ["spec", "metrics", "prometheus", "matchers"],
  ["spec", "objectives"],
  ["spec", "cache", "classes"],
];

/** Everything that a profile says against these rules. */
export function findRuleFaults(profile: PerformanceProfile): FieldFault[] {
  const broken = profileRules.flatMap(({ path, field, message, holds }) =>
    valuesAt(profile, path)
      .filter(({ value }) => !holds(value as never))
      .map(({ at }) => ({ path: field === undefined ? at : `${at}.${field}`, message })),
  );
  const repeated = namedLists.flatMap((path) => {
    const seen = new Set<unknown>();
    return valuesAt(profile, [...path, "*", "name"]).flatMap(({ at, value }) => {
      const twice = seen.has(value);
      seen.add(value);
      return twice ? [{ path: at, message: `${JSON.stringify(value)} stands twice` }] : [];
    });
  });
  return [...broken, ...repeated];
}

interface Found {
  readonly at: string;
  readonly value: unknown;
}

function valuesAt(root: unknown, path: readonly string[]): readonly Found[] {
  let found: readonly Found[] = [{ at: "", value: root }];
  for (const step of path) {
    found = found.flatMap(({ at, value }): readonly Found[] => {
      if (step === "*")
        return Array.isArray(value)
          ? value.map((item: unknown, index) => ({ at: `${at}[${index}]`, value: item }))
          : [];
      const inner =
        typeof value === "object" && value !== null && Object.hasOwn(value, step)
          ? (value as Record<string, unknown>)[step]
          : undefined;
      return inner === undefined ? [] : [{ at: at === "" ? step : `${at}.${step}`, value: inner }];
    });
  }
  return found;
}
