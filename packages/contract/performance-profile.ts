import { z } from "zod";
import { type FieldFault, type Parsed, parseWith } from "./fault.ts";

/**
 * The PerformanceProfile resource, written once: the operator parses it, the CRD is generated from
 * it. Kubernetes API conventions hold: no floats (percentages are decimal strings), enumerations
 * instead of booleans, lists keyed by name instead of maps, units in names.
 */
export const profileGroup = "mestore.dev";
export const profileVersion = "v1alpha1";
export const profileApiVersion = `${profileGroup}/${profileVersion}`;
export const profileKind = "PerformanceProfile";

export const profileAnnotations = {
  paused: `${profileGroup}/paused`,
  acknowledge: `${profileGroup}/acknowledge`,
  rollbackTo: `${profileGroup}/rollback-to`,
} as const;

const name = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, "must be a lower-case DNS label");
const objectName = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/, "must be a lower-case DNS name");

/** A percentage as a decimal string: "85", "99.9", "0.25". */
const percent = z
  .string({ error: 'must be a decimal string in quotes, such as "99.9"' })
  .regex(
    /^(100(\.0{1,4})?|\d{1,2}(\.\d{1,4})?)$/,
    'must be a percentage from 0 to 100, such as "99.9"',
  );

const wholeSeconds = (min: number, max: number) =>
  z.int({ error: "must be a whole number of seconds, without a unit" }).min(min).max(max);

/** `Recommend` decides and reports, `Auto` also writes, `Disabled` does neither. */
export const modes = ["Recommend", "Auto", "Disabled"] as const;
export type Mode = (typeof modes)[number];
const mode = z.enum(modes, {
  error: `must be one of ${modes.join(", ")} (quoted words, not booleans)`,
});

const day = 24 * 3600;

const targetRefSchema = z.strictObject({
  apiVersion: z.string().max(253).default("apps/v1"),
  kind: z.string().max(63).default("Deployment"),
  name: objectName,
  container: name.default("service"),
});

const metricsSchema = z
  .strictObject({
    prometheus: z
      .strictObject({
        url: z.url({ protocol: /^https?$/ }).max(2048),
        timeoutSeconds: wholeSeconds(1, 60).default(5),
        auth: z
          .strictObject({ type: z.enum(["Bearer", "Basic"]), secretName: objectName })
          .optional(),
        caSecretName: objectName.optional(),
        headers: z
          .array(z.strictObject({ name: z.string().min(1).max(256), value: z.string().max(1024) }))
          .max(16)
          .default([]),
      })
      .optional(),
    scrape: z.strictObject({ port: name.default("metrics") }).optional(),
    windowSeconds: wholeSeconds(60, 3600).default(300),
  })
  .prefault({});

const objectiveSchema = z.discriminatedUnion("type", [
  z.strictObject({
    name,
    type: z.literal("Latency"),
    latency: z.strictObject({
      thresholdMilliseconds: z.int().min(1).max(60_000),
      percentile: percent,
    }),
  }),
  z.strictObject({
    name,
    type: z.literal("Ratio"),
    /** `good` and `total` are one's own PromQL; without them the target's request metrics. */
    ratio: z.strictObject({
      targetPercent: percent,
      good: z.string().min(1).max(2048).optional(),
      total: z.string().min(1).max(2048).optional(),
    }),
  }),
  z.strictObject({
    name,
    type: z.literal("HitRate"),
    hitRate: z.strictObject({ class: name, targetPercent: percent }),
  }),
]);

const cacheClassSchema = z.strictObject({
  name,
  mode: mode.default("Auto"),
  initialTTLSeconds: wholeSeconds(1, 30 * day).optional(),
  minTTLSeconds: wholeSeconds(1, 30 * day).default(1),
  maxTTLSeconds: wholeSeconds(1, 30 * day).default(day),
  /** Share of answers that may serve changed content. */
  maxStalePercent: percent.default("1"),
});

const cacheSchema = z
  .strictObject({
    mode: mode.default("Recommend"),
    classes: z.array(cacheClassSchema).max(32).default([]),
  })
  .prefault({});

const poolSchema = z
  .strictObject({
    mode: mode.default("Recommend"),
    min: z.int().min(2).max(1000).default(2),
    max: z.int().min(2).max(1000).default(10),
    database: z
      .strictObject({
        maxConnections: z.int().min(1).max(100_000).optional(),
        reservedConnections: z.int().min(0).max(100_000).default(10),
        connectionLimit: z.int().min(1).max(100_000).optional(),
        cores: z.int().min(1).max(1024).optional(),
      })
      .prefault({}),
  })
  .prefault({});

const scalingSchema = z
  .strictObject({
    mode: mode.default("Recommend"),
    minReplicas: z.int().min(1).max(1000).default(2),
    maxReplicas: z.int().min(1).max(1000).default(8),
    target: z
      .discriminatedUnion("type", [
        z.strictObject({
          type: z.literal("Fixed"),
          utilizationPercent: z.int().min(1).max(100).default(60),
        }),
      ])
      .prefault({ type: "Fixed" }),
    /** Entries of an autoscaling/v2 `metrics` list, appended to ours as they are. */
    additionalMetrics: z
      .array(z.looseObject({ type: z.string() }))
      .max(16)
      .default([]),
  })
  .prefault({});

const guardrailsSchema = z
  .strictObject({
    cooldownSeconds: wholeSeconds(0, day).default(300),
    rollbackPolicy: z.enum(["Enabled", "Disabled"]).default("Enabled"),
    freezeWindows: z
      .array(
        z.strictObject({
          /** Cron expression (five fields) of the start. */
          schedule: z.string().min(9).max(128),
          durationMinutes: z
            .int()
            .min(1)
            .max(7 * 24 * 60),
          timeZone: z.string().min(1).max(64).default("UTC"),
        }),
      )
      .max(16)
      .default([]),
  })
  .prefault({});

const specSchema = z.strictObject({
  targetRef: targetRefSchema,
  /** The ceiling of every knob's own mode. */
  mode: mode.default("Recommend"),
  metrics: metricsSchema,
  /** Absent: the standard set. Present: exactly these are judged. */
  objectives: z.array(objectiveSchema).min(1).max(32).optional(),
  cache: cacheSchema,
  pool: poolSchema,
  scaling: scalingSchema,
  guardrails: guardrailsSchema,
  delivery: z.enum(["Wait", "Annotate"]).default("Wait"),
  deletionPolicy: z.enum(["Retain", "Delete"]).default("Retain"),
});

export const profileSchema = z.strictObject({
  apiVersion: z.literal(profileApiVersion),
  kind: z.literal(profileKind),
  metadata: z.looseObject({
    name: objectName,
    namespace: name.default("default"),
    generation: z.int().min(0).optional(),
    annotations: z.record(z.string(), z.string()).default({}),
  }),
  spec: specSchema,
  status: z.unknown().optional(),
});

export type PerformanceProfile = z.infer<typeof profileSchema>;
export type ProfileSpec = PerformanceProfile["spec"];
export type ProfileObjective = z.infer<typeof objectiveSchema>;
export type ProfileCacheClass = z.infer<typeof cacheClassSchema>;

/** Parses a PerformanceProfile; faults carry the path of the field. Defaults are filled in. */
export function parseProfile(input: unknown): Parsed<PerformanceProfile> {
  const parsed = parseWith(profileSchema, input);
  if (!parsed.ok) return parsed;
  const faults = crossFieldFaults(parsed.value.spec);
  return faults.length === 0 ? parsed : { ok: false, faults };
}

/** What a single field cannot say about itself. */
function crossFieldFaults(spec: ProfileSpec): FieldFault[] {
  const faults: FieldFault[] = [];
  const expect = (holds: boolean, path: string, message: string) => {
    if (!holds) faults.push({ path, message });
  };
  expect(
    spec.metrics.prometheus === undefined || spec.metrics.scrape === undefined,
    "spec.metrics",
    "has both prometheus and scrape; choose one",
  );
  spec.cache.classes.forEach((one, index) => {
    const path = `spec.cache.classes[${index}]`;
    expect(
      one.minTTLSeconds <= one.maxTTLSeconds,
      `${path}.minTTLSeconds`,
      `is ${one.minTTLSeconds}, above maxTTLSeconds ${one.maxTTLSeconds}`,
    );
    const initial = one.initialTTLSeconds;
    expect(
      initial === undefined || (initial >= one.minTTLSeconds && initial <= one.maxTTLSeconds),
      `${path}.initialTTLSeconds`,
      `is ${initial}, outside ${one.minTTLSeconds} to ${one.maxTTLSeconds}`,
    );
  });
  expectUniqueNames(spec.cache.classes, "spec.cache.classes", faults);
  expectUniqueNames(spec.objectives ?? [], "spec.objectives", faults);
  spec.objectives?.forEach((objective, index) => {
    if (objective.type !== "Ratio") return;
    expect(
      (objective.ratio.good === undefined) === (objective.ratio.total === undefined),
      `spec.objectives[${index}].ratio`,
      "needs both good and total, or neither",
    );
  });
  expect(
    spec.pool.min <= spec.pool.max,
    "spec.pool.min",
    `is ${spec.pool.min}, above max ${spec.pool.max}`,
  );
  expect(
    spec.scaling.minReplicas <= spec.scaling.maxReplicas,
    "spec.scaling.minReplicas",
    `is ${spec.scaling.minReplicas}, above maxReplicas ${spec.scaling.maxReplicas}`,
  );
  return faults;
}

function expectUniqueNames(
  list: readonly { name: string }[],
  path: string,
  faults: FieldFault[],
): void {
  const seen = new Set<string>();
  list.forEach(({ name: own }, index) => {
    if (seen.has(own))
      faults.push({ path: `${path}[${index}].name`, message: `"${own}" stands twice` });
    seen.add(own);
  });
}

/** The stricter of a knob's own mode and the profile's. */
export function effectiveMode(ceiling: Mode, own: Mode): Mode {
  if (ceiling === "Disabled" || own === "Disabled") return "Disabled";
  return ceiling === "Auto" && own === "Auto" ? "Auto" : "Recommend";
}
