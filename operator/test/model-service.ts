import { durationBucketsSeconds, serviceMetrics } from "@mestore/contract/metrics";
import { shadowTtlLabels, shadowTtlsSeconds } from "@mestore/contract/shadow-curve";
import type { TuningDocument } from "@mestore/contract/tuning-document";
import type {
  PublishedSeries,
  SourceFault,
} from "../src/metrics-source/metrics-source.contract.ts";
import { type Rejected, rejected } from "../src/metrics-source/page-source.ts";
import { sourceFaults } from "../src/metrics-source/metrics-source.contract.ts";
import { formatFaultyPage, formatPage, processSeries } from "./exposition-text.ts";

/**
 * A fake of the service, and says so: one cache class whose hit rate is the closed form for Poisson
 * arrivals, h = l T / (1 + l T) for each key of rate l, so that a loop of hours runs in a second and
 * every fault comes on cue. The pages it writes are real expositions of the contract's metrics.
 */
export interface ModelService {
  /** Share of requests above the latency threshold, and of failed ones, at a TTL. */
  slowShare: (ttlSeconds: number) => number;
  errorShare: (ttlSeconds: number) => number;
  /** Requests a second. */
  rate: number;
  /** Whether it takes up new tuning documents. */
  adopts: boolean;
  fault: SourceFault | null;
  readonly ttlSeconds: number;
  readonly revision: number;
  /** Fresh-hit rate of a full window at the TTL in force. */
  hitRate(): number;
  restart(): void;
  /** Its page now. */
  readPage(): Promise<string | Rejected>;
}

export interface ModelServiceOptions {
  readonly now: () => number;
  readonly readTuning: () => Promise<TuningDocument | null>;
  readonly keys: number;
  readonly rate: number;
  /** TTL before the first tuning document. */
  readonly initialTtlSeconds: number;
}

const sampledShare = 0.4;
const slowEdge = 0.5;

export function createModelService(options: ModelServiceOptions): ModelService {
  const { now, keys } = options;
  const weights = Array.from({ length: keys }, (_, index) => 1 / (index + 1));
  const weightSum = weights.reduce((sum, weight) => sum + weight, 0);
  const known = new Map<string, number>();
  const hitRateAt = (ttlSeconds: number, rate: number) => {
    const id = `${ttlSeconds} ${rate}`;
    const before = known.get(id);
    if (before !== undefined) return before;
    const hits = weights.reduce((sum, weight) => {
      const share = weight / weightSum;
      const expected = share * rate * ttlSeconds;
      return sum + (share * expected) / (1 + expected);
    }, 0);
    known.set(id, hits);
    return hits;
  };

  let at = now();
  let startSeconds = at;
  let counters = emptyCounters();
  let ttlSeconds = options.initialTtlSeconds;
  let revision = 0;

  async function live(): Promise<void> {
    const seconds = now() - at;
    at = now();
    const { rate } = service;
    const lookups = rate * seconds;
    counters.lookups += lookups;
    counters.hits += lookups * hitRateAt(ttlSeconds, rate);
    counters.slow += lookups * service.slowShare(ttlSeconds);
    counters.errors += lookups * service.errorShare(ttlSeconds);
    shadowTtlsSeconds.forEach((ttl, index) => {
      counters.shadowMisses[index] =
        (counters.shadowMisses[index] ?? 0) + lookups * (1 - hitRateAt(ttl, rate));
    });
    const document = service.adopts ? await options.readTuning() : null;
    if (document !== null && document.revision !== revision) {
      ({ revision } = document);
      ttlSeconds = document.ttlSeconds["product"] ?? ttlSeconds;
    }
  }

  const service: ModelService = {
    slowShare: () => 0.01,
    errorShare: () => 0,
    rate: options.rate,
    adopts: true,
    fault: null,
    get ttlSeconds() {
      return ttlSeconds;
    },
    get revision() {
      return revision;
    },
    hitRate: () => hitRateAt(ttlSeconds, service.rate),
    restart() {
      startSeconds = now();
      counters = emptyCounters();
    },
    async readPage() {
      await live();
      const { fault } = service;
      if (fault !== null)
        return formatFaultyPage(fault, now()) ?? rejected(sourceFaults[fault], `as told: ${fault}`);
      return formatPage([
        ...seriesOf(counters, { ttlSeconds, revision, observedSeconds: now() - startSeconds }),
        ...processSeries(now(), startSeconds),
      ]);
    },
  };
  return service;
}

const emptyCounters = () => ({
  lookups: 0,
  hits: 0,
  slow: 0,
  errors: 0,
  shadowMisses: shadowTtlsSeconds.map(() => 0),
});

function seriesOf(
  { lookups, hits, slow, errors, shadowMisses }: ReturnType<typeof emptyCounters>,
  gauges: { ttlSeconds: number; revision: number; observedSeconds: number },
): PublishedSeries[] {
  const own = { class: "product" };
  const one = (
    metric: { readonly name: string },
    value: number,
    labels: Record<string, string> = {},
  ): PublishedSeries => ({ name: metric.name, labels, value });
  const durations = serviceMetrics.requestDuration.name;
  const requests = (code: string, total: number, late: number): PublishedSeries[] => {
    const labels = {
      http_request_method: "GET",
      http_route: "/api/v1/products/{idOrSlug}",
      http_response_status_code: code,
    };
    return [
      ...[...durationBucketsSeconds, Infinity].map((edge) => ({
        name: `${durations}_bucket`,
        labels: { ...labels, le: edge === Infinity ? "+Inf" : String(edge) },
        value: edge < 0.05 ? 0 : edge <= slowEdge ? total - late : total,
      })),
      { name: `${durations}_count`, labels, value: total },
      { name: `${durations}_sum`, labels, value: 0.03 * (total - late) + 0.6 * late },
    ];
  };
  return [
    one(serviceMetrics.cacheLookups, hits, { ...own, outcome: "hit" }),
    one(serviceMetrics.cacheLookups, lookups - hits, { ...own, outcome: "miss" }),
    one(serviceMetrics.cacheTtl, gauges.ttlSeconds, own),
    one(serviceMetrics.shadowLookups, lookups, own),
    one(serviceMetrics.shadowSampled, sampledShare * lookups, own),
    one(serviceMetrics.shadowObserved, gauges.observedSeconds, own),
    ...shadowMisses.map((misses, index) =>
      one(serviceMetrics.shadowMisses, misses, {
        ...own,
        ttl_seconds: shadowTtlLabels[index] ?? "",
      }),
    ),
    one(serviceMetrics.tuningRevision, gauges.revision),
    ...requests("200", lookups - errors, slow),
    ...requests("503", errors, 0),
  ];
}
