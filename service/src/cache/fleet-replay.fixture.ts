import {
  readShadowCurve,
  type ShadowPoint,
  shadowTtlsSeconds,
} from "@mestore/contract/shadow-curve";
import { createLogger } from "@mestore/telemetry/logger";
import { createRedisFleetLog } from "./fleet-log.ts";
import { createFleetShadow, type FleetShadow, type FleetShadowOptions } from "./fleet-shadow.ts";
import { createShadow, type Shadow } from "./shadow.ts";
import type { ShadowTotals } from "./shadow-sample.ts";
import { createRandom, createZipfTraffic, hashOf } from "./zipf-traffic.fixture.ts";

/** For tests: one trace of keys, split at random among processes, in time that is passed in. */
export interface TraceOptions {
  readonly keys: number;
  readonly exponent: number;
  /** Look-ups a second of all processes together. */
  readonly rate: number;
  readonly processes: number;
}

export interface TracedReference {
  readonly hash: number;
  /** Whole ms since the trace began. */
  readonly ms: number;
  /** Index of the process that sees it. */
  readonly process: number;
}

/** What the clock of Redis shows when the trace begins. */
export const traceBeganMs = Date.UTC(2026, 0, 1);

/** The same at each call, so that processes of their own can replay their parts. Has no end. */
export function* createTrace(options: TraceOptions): Generator<TracedReference, never> {
  const { keys, exponent, rate, processes } = options;
  const random = createRandom(21);
  for (const { key, seconds } of createZipfTraffic(keys, exponent, rate, Infinity))
    yield {
      hash: hashOf(key),
      ms: Math.floor(seconds * 1000),
      process: Math.floor(random() * processes),
    };
  throw new Error("the trace has no end");
}

/** A function that gives the references of each second in turn. */
export function createSeconds(options: TraceOptions): () => readonly TracedReference[] {
  const trace = createTrace(options);
  let second = 0;
  let ahead = trace.next().value;
  return () => {
    second++;
    const references: TracedReference[] = [];
    while (ahead.ms < second * 1000) {
      references.push(ahead);
      ahead = trace.next().value;
    }
    return references;
  };
}

/** One participant of a fleet on `clock`, with a connection of its own. */
export interface Participant {
  readonly fleet: FleetShadow;
  readonly product: Shadow;
  readonly logged: string[];
}

export function createParticipant(
  url: string,
  clock: { readonly ms: number },
  options: Partial<FleetShadowOptions> = {},
): Participant {
  const logged: string[] = [];
  const logger = createLogger({ name: "test", level: "info", write: (line) => logged.push(line) });
  const log = createRedisFleetLog({
    url,
    logger,
    monotonic: () => performance.now(),
    deadlineMs: 150,
  });
  const fleet = createFleetShadow({
    log: { ...log, offsetMs: async () => traceBeganMs },
    logger,
    monotonic: () => clock.ms,
    everyMs: null,
    snapshotSeconds: 0.05,
    ...options,
  });
  return { fleet, product: fleet.of("product"), logged };
}

export interface Counts {
  readonly lookups: number;
  readonly sampled: number;
  readonly misses: readonly number[];
}

export const countsOf = ({ lookups, sampled, misses }: Readonly<ShadowTotals>): Counts => ({
  lookups,
  sampled,
  misses: [...misses],
});

export function sumCounts(all: readonly Counts[]): Counts {
  const sum = (read: (counts: Counts) => number) =>
    all.reduce((total, one) => total + read(one), 0);
  return {
    lookups: sum(({ lookups }) => lookups),
    sampled: sum(({ sampled }) => sampled),
    misses: shadowTtlsSeconds.map((_, i) => sum(({ misses }) => misses[i] ?? 0)),
  };
}

/** The curve between two readings of counters. */
export function curveBetween(before: Counts, after: Counts): readonly ShadowPoint[] {
  return readShadowCurve({
    lookups: after.lookups - before.lookups,
    sampled: after.sampled - before.sampled,
    misses: after.misses.map((misses, i) => misses - (before.misses[i] ?? 0)),
    stale: [],
    observedSeconds: Infinity,
    seconds: 1,
  }).points;
}

/** The one process that the fleet is compared with: it sees the whole trace. */
export function createWhole(): Shadow {
  return createShadow(traceBeganMs / 1000);
}
