import { z } from "@hono/zod-openapi";
import { cacheClassNames } from "@mestore/contract/cache-classes";
import { queryClasses } from "@mestore/contract/metrics";
import { unsupportedSettings } from "./tuning-state.ts";

/**
 * Answers of the performance API. A figure that cannot be told, because nothing happened in the
 * window, is absent: never null, never zero.
 */

const cacheClass = z.enum(cacheClassNames);
const share = z.number().min(0).max(1);
const count = z.number().min(0);
const bytes = z.number().min(0);
const milliseconds = z.number().min(0);
const perSecond = z.number().min(0);

/** Whose figures: of this process alone. */
const scope = z.literal("pod");

const window = z
  .object({
    from: z.iso.datetime(),
    to: z.iso.datetime(),
    seconds: z.number().min(0).openapi({ description: "At most 300; less in a young process." }),
  })
  .openapi("PerformanceWindow");

const latency = {
  meanMs: milliseconds.optional(),
  p50Ms: milliseconds.optional(),
  p95Ms: milliseconds.optional(),
  p99Ms: milliseconds
    .optional()
    .openapi({ description: "Interpolated inside its bucket; 10,000 stands for that or more." }),
};

const errorBudgetSchema = z
  .object({
    state: z.literal("absent"),
    reason: z.literal("HistoryShorterThanPeriod"),
    periodSeconds: count,
    historySeconds: count,
  })
  .openapi("ErrorBudget", {
    description: "Absent while the history is shorter than the period; it is never extrapolated.",
  });

export const complianceSchema = z
  .object({
    scope,
    window,
    objectives: z.array(
      z
        .object({
          name: z.string(),
          area: z.enum(["api", "database", "cache", "system"]),
          title: z.string(),
          unit: z
            .enum(["seconds", "ratio", "bytes", "cores"])
            .openapi({ description: "Unit of target and current." }),
          better: z.enum(["below", "above"]),
          target: z.number(),
          current: z.number().optional(),
          verdict: z.enum(["met", "violated", "inconclusive"]),
          met: z.boolean().optional().openapi({ description: "Absent while inconclusive." }),
          reason: z.string().optional().openapi({ description: "Why it is inconclusive." }),
          samples: count,
          minimumSamples: count,
          errorBudget: errorBudgetSchema.optional(),
        })
        .openapi("ObjectiveCompliance"),
    ),
  })
  .openapi("SlaCompliance");

export type Compliance = z.infer<typeof complianceSchema>;

const clampedTtl = z.object({
  class: cacheClass,
  askedSeconds: z.number(),
  givenSeconds: z.number(),
});

export const overviewSchema = z
  .object({
    scope,
    window,
    api: z.object({
      requests: count,
      requestsPerSecond: perSecond.optional(),
      ...latency,
      errors: count.openapi({ description: "Answers 500 to 504." }),
      errorRate: share.optional(),
      requestsInFlight: count.optional(),
    }),
    database: z.object({
      queries: count,
      queriesPerSecond: perSecond.optional(),
      errors: count,
      byClass: z.array(
        z.object({
          class: z.enum(queryClasses),
          queries: count,
          queriesPerSecond: perSecond.optional(),
          ...latency,
        }),
      ),
    }),
    cache: z.object({
      lookups: count,
      lookupsPerSecond: perSecond.optional(),
      hitRate: share
        .optional()
        .openapi({ description: "hit / (hit + stale + coalesced + miss) of all page classes." }),
      byClass: z.array(
        z.object({
          class: cacheClass,
          lookups: count,
          lookupsPerSecond: perSecond.optional(),
          hitRate: share.optional(),
          ttlSeconds: z.number(),
        }),
      ),
      sharedLayer: z.object({
        up: z.boolean().optional(),
        operations: count,
        operationsPerSecond: perSecond.optional(),
        ...latency,
        errors: count,
        memoryUsedBytes: bytes.optional(),
        memoryLimitBytes: bytes
          .optional()
          .openapi({ description: "Absent where it is unknown or unlimited." }),
      }),
    }),
    system: z.object({
      cpuCores: z.number().min(0).optional(),
      memoryBytes: bytes.optional(),
      eventLoopLagMs: milliseconds.optional(),
      uptimeSeconds: z.number().min(0).optional(),
    }),
    tuning: z.object({
      revision: z
        .int()
        .min(0)
        .openapi({ description: "Of the document in force; 0 before the first." }),
      profile: z.string().optional(),
      writtenAt: z.string().optional(),
      reason: z.string().optional(),
      ttlSeconds: z
        .record(cacheClass, z.number())
        .openapi({ description: "TTLs in force, whether tuned or initial." }),
      clamped: z
        .array(clampedTtl)
        .openapi({ description: "TTLs that the document put outside the safe range." }),
      unsupported: z.array(z.enum(unsupportedSettings)).openapi({
        description: "Settings that the document has and this service does not obey.",
      }),
      rejected: count.openapi({ description: "Documents refused since the start." }),
    }),
  })
  .openapi("PerformanceOverview");

export type Overview = z.infer<typeof overviewSchema>;

const operation = z.object({
  operations: count,
  operationsPerSecond: perSecond.optional(),
  ...latency,
  errors: count,
});

export const cacheStatusSchema = z
  .object({
    scope,
    window,
    classes: z.array(
      z
        .object({
          class: cacheClass,
          ttlSeconds: z.number(),
          lookups: count,
          lookupsPerSecond: perSecond.optional(),
          hitRate: share.optional(),
          staleRate: share.optional(),
          coalescedRate: share.optional(),
          missRate: share.optional().openapi({
            description: "These four are shares of hit + stale + coalesced + miss.",
          }),
          negativeRate: share.optional().openapi({ description: "Share of all look-ups." }),
          layers: z.object({
            l1Share: share.optional(),
            l2Share: share
              .optional()
              .openapi({ description: "Shares of the answers that came from a layer." }),
          }),
          operations: z.object({ get: operation, set: operation }),
          l1Entries: count,
          l1Bytes: bytes,
          shadowCurve: z
            .object({
              scope: z.enum(["fleet", "pod"]).openapi({
                description:
                  "fleet: this process's look-ups on what all processes of the shared layer looked up; pod: on what it looked up alone, read at T times the number of processes.",
              }),
              lookups: count,
              sampled: count,
              points: z.array(
                z.object({
                  ttlSeconds: z.number(),
                  hitRate: share,
                  staleRate: share,
                  valid: z.boolean(),
                }),
              ),
            })
            .optional()
            .openapi({ description: "The hit rate that this traffic would have at other TTLs." }),
        })
        .openapi("CacheClassStatus"),
    ),
  })
  .openapi("CacheStatus");

export type CacheStatus = z.infer<typeof cacheStatusSchema>;
