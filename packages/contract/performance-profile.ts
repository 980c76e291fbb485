import { z } from "zod";
import { type Parsed, parseWith } from "./fault.ts";
import { findRuleFaults } from "./profile-rules.ts";

/**
 * The PerformanceProfile resource, written once: the operator parses it, the CRD is generated from
 * it. Kubernetes API conventions hold: no floats (percentages are decimal strings), enumerations
 * instead of booleans, lists keyed by name instead of maps, units in names.
 */
export const profileGroup = "mestore.dev";
export const profileVersion = "v1alpha1";
export const profileApiVersion = `${profileGroup}/${profileVersion}`;
export const profileKind = "PerformanceProfile";

/** Raised with every change of the resource's schema; an operator newer than its CRD says so. */
export const profileSchemaVersion = 1;
/** On the CustomResourceDefinition: the schema version that it was generated at. */
export const schemaVersionAnnotation = `${profileGroup}/schema-version`;

export const profileAnnotations = {
  paused: `${profileGroup}/paused`,
  acknowledge: `${profileGroup}/acknowledge`,
  rollbackTo: `${profileGroup}/rollback-to`,
  /** On what the operator writes: the values that it found there, which a deletion puts back. */
  adopted: `${profileGroup}/adopted`,
} as const;

/** Held from the first write on, so that a deletion waits until the adopted values are back. */
export const profileFinalizer = `${profileGroup}/restore`;

/** Who writes, as `managedFields` and the label `app.kubernetes.io/managed-by` name it. */
export const fieldManager = "mestore-operator";

/** Of what the operator writes: the name of its profile. */
export const profileLabel = `${profileGroup}/profile`;

/** A Secret may be read as credentials of a metrics source only where this label is "true". */
export const credentialsLabel = `${profileGroup}/metrics-credentials`;

/** The ConfigMap of a profile's tuning document, and the key that holds its text. */
export const tuningConfigMapName = (profile: string): string => `${profile}-tuning`;
export const tuningDocumentKey = "tuning.json";

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

const decimalString = z
  .string({ error: 'must be a decimal string in quotes, such as "99.9"' })
  .max(8);
/** A percentage as a decimal string: "85", "99.9", "0.25". */
const percent = decimalString.regex(
  /^(100(\.0{1,4})?|[0-9]{1,2}(\.[0-9]{1,4})?)$/,
  'must be a percentage from 0 to 100, such as "99.9"',
);
/** Of all requests, none above the hundredth percentile could be counted. */
const percentile = decimalString.regex(
  /^[0-9]{1,2}(\.[0-9]{1,4})?$/,
  'must be a percentile below 100, such as "99.9"',
);

const wholeSeconds = (min: number, max: number) =>
  z.int({ error: "must be a whole number of seconds, without a unit" }).min(min).max(max);

/** `Recommend` decides and reports, `Auto` also writes, `Disabled` does neither. */
export const modes = ["Recommend", "Auto", "Disabled"] as const;
export type Mode = (typeof modes)[number];
const mode = z.enum(modes, {
  error: `must be one of ${modes.join(", ")} (quoted words, not booleans)`,
});
const knobMode = "Recommend decides and reports, Auto also writes, Disabled does neither.";

const day = 24 * 3600;

const targetRefSchema = z
  .strictObject({
    apiVersion: z.string().min(1).max(253).default("apps/v1"),
    kind: z.string().min(1).max(63).default("Deployment"),
    name: objectName.describe("Name of the workload, in the namespace of the profile."),
    container: name
      .default("service")
      .describe("The container that serves; its CPU is what scaling looks at."),
  })
  .describe("The workload that is tuned: anything with a scale subresource.");

/** No credentials, which belong into a Secret, no query and no fragment, which the API has no use for. */
const sourceUrl = z
  .url({ protocol: /^https?$/, abort: true })
  .max(2048)
  .regex(
    /^https?:\/\/[^/?#@\s]+(\/[^?#\s]*)?$/,
    "must be http(s)://host[:port][/path], without user, query and fragment",
  );

/** Of a slice, over which the laws compare before and after, two scrapes are the least (docs/tuning.md). */
const slowestScrapeSeconds = 30;

const labelMatcherSchema = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(128)
    .regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, "must be the name of a label"),
  value: z.string().max(1024),
});

const prometheusSchema = z.strictObject({
  url: sourceUrl.describe("Base of the HTTP API, without /api/v1."),
  timeoutSeconds: wholeSeconds(1, 60).default(5).describe("For one query."),
  scrapeIntervalSeconds: wholeSeconds(1, slowestScrapeSeconds)
    .default(15)
    .describe(
      "How often it scrapes the target. Changes are verified in slices of a minute, each of which needs two scrapes.",
    ),
  auth: z
    .strictObject({
      type: z
        .enum(["Bearer", "Basic"])
        .describe("Bearer reads the key token of the Secret, Basic its username and password."),
      secretName: objectName.describe(
        `In the namespace of the profile, labelled ${credentialsLabel}=true.`,
      ),
    })
    .optional(),
  caSecretName: objectName
    .optional()
    .describe(
      `Secret whose key ca.crt holds the authorities of the server, labelled ${credentialsLabel}=true.`,
    ),
  headers: z
    .array(
      z.strictObject({
        name: z
          .string()
          .min(1)
          .max(256)
          .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, "must be the name of a header"),
        value: z
          .string()
          .max(1024)
          .regex(/^[ -~]*$/, "must be printable ASCII"),
      }),
    )
    .max(16)
    .default([])
    .describe("Sent with each query, for a tenant. Credentials belong into auth."),
  matchers: z
    .array(labelMatcherSchema)
    .max(16)
    .default([])
    .describe(
      "Labels by which the target's series are known, in place of its namespace and the names of its pods.",
    ),
});

const metricsSchema = z
  .strictObject({
    prometheus: prometheusSchema.optional().describe("Figures come from a Prometheus."),
    scrape: z
      .strictObject({ port: name.default("metrics").describe("Name of the container's port.") })
      .optional()
      .describe("The operator reads /metrics of the pods itself."),
    windowSeconds: wholeSeconds(60, 3600)
      .default(300)
      .describe("Over which objectives are judged; it grows where samples are few."),
  })
  .prefault({})
  .describe("Where figures come from; without prometheus the operator scrapes the pods.");

const ownPromql = z.string().min(1).max(2048);

const objectiveSchema = z.discriminatedUnion("type", [
  z.strictObject({
    name,
    type: z.literal("Latency"),
    latency: z
      .strictObject({
        thresholdMilliseconds: z
          .int()
          .min(1)
          .max(60_000)
          .describe("An edge of the histogram of request durations."),
        percentile,
      })
      .describe("This percentile of the requests is answered within the threshold."),
  }),
  z.strictObject({
    name,
    type: z.literal("Ratio"),
    ratio: z
      .strictObject({
        targetPercent: percent,
        good: ownPromql
          .optional()
          .describe("PromQL of the good events; {{ .window }} is the window's length."),
        total: ownPromql.optional().describe("PromQL of all events."),
      })
      .describe(
        "At least this share of the events is good: requests that did not fail, or one's own PromQL.",
      ),
  }),
  z.strictObject({
    name,
    type: z.literal("HitRate"),
    hitRate: z
      .strictObject({ class: name, targetPercent: percent })
      .describe("At least this share of the look-ups of a cache class is a fresh hit."),
  }),
]);

const cacheClassSchema = z.strictObject({
  name: name.describe("Name of the cache class, as the service exports it."),
  mode: mode.default("Auto").describe(`${knobMode} Under the mode of cache and of the profile.`),
  initialTTLSeconds: wholeSeconds(1, 30 * day)
    .optional()
    .describe("TTL that the service is told before anything was observed."),
  minTTLSeconds: wholeSeconds(1, 30 * day).default(1),
  maxTTLSeconds: wholeSeconds(1, 30 * day).default(day),
  maxStalePercent: percent
    .default("1")
    .describe("Share of answers that may show content that has changed since."),
});

const cacheSchema = z
  .strictObject({
    mode: mode.default("Recommend").describe(`${knobMode} Under the mode of the profile.`),
    classes: z
      .array(cacheClassSchema)
      .max(32)
      .default([])
      .describe("The classes that are tuned; no other is."),
  })
  .prefault({})
  .describe("TTLs of cache classes.");

const connections = (min: number) => z.int().min(min).max(100_000);

const poolSchema = z
  .strictObject({
    mode: mode.default("Recommend").describe(`${knobMode} Under the mode of the profile.`),
    min: z.int().min(2).max(1000).default(2).describe("Connections of one pod, at least."),
    max: z.int().min(2).max(1000).default(10).describe("Connections of one pod, at most."),
    database: z
      .strictObject({
        maxConnections: connections(1)
          .optional()
          .describe("max_connections of the server. Absent: unknown."),
        reservedConnections: connections(0)
          .default(10)
          .describe("Of those, for superusers and other clients."),
        connectionLimit: connections(1)
          .optional()
          .describe("Behind a pooler: what it accepts, in place of the server's own limit."),
        cores: z.int().min(1).max(1024).optional().describe("Cores of the server."),
      })
      .prefault({}),
  })
  .prefault({})
  .describe("Size of the database pool of each pod.");

const scalingSchema = z
  .strictObject({
    mode: mode.default("Recommend").describe(`${knobMode} Under the mode of the profile.`),
    minReplicas: z.int().min(1).max(1000).default(2),
    maxReplicas: z.int().min(1).max(1000).default(8),
    target: z
      .discriminatedUnion("type", [
        z.strictObject({
          type: z.literal("Fixed"),
          utilizationPercent: z.int().min(1).max(100).default(60).describe("Of usable CPU."),
        }),
      ])
      .prefault({ type: "Fixed" }),
    additionalMetrics: z
      .array(z.looseObject({ type: z.string().min(1).max(63) }))
      .max(16)
      .default([])
      .describe("Entries of an autoscaling/v2 metrics list, appended to ours as they are."),
  })
  .prefault({})
  .describe("The HorizontalPodAutoscaler of the target.");

const guardrailsSchema = z
  .strictObject({
    cooldownSeconds: wholeSeconds(0, day)
      .default(300)
      .describe("Least time between two moves of one knob."),
    rollbackPolicy: z
      .enum(["Enabled", "Disabled"])
      .default("Enabled")
      .describe("Whether a change that makes requests slower or fail more often is taken back."),
    freezeWindows: z
      .array(
        z.strictObject({
          schedule: z
            .string()
            .min(9)
            .max(128)
            .describe("Cron expression (five fields) of the start."),
          durationMinutes: z
            .int()
            .min(1)
            .max(7 * 24 * 60),
          timeZone: z.string().min(1).max(64).default("UTC"),
        }),
      )
      .max(16)
      .default([])
      .describe("Times without moves; roll-backs pass."),
  })
  .prefault({})
  .describe("What holds the operator back.");

const specSchema = z.strictObject({
  targetRef: targetRefSchema,
  mode: mode.default("Recommend").describe(`${knobMode} The ceiling of every knob's own mode.`),
  metrics: metricsSchema,
  objectives: z
    .array(objectiveSchema)
    .min(1)
    .max(32)
    .optional()
    .describe("Absent: the standard set. Present: exactly these are judged."),
  cache: cacheSchema,
  pool: poolSchema,
  scaling: scalingSchema,
  guardrails: guardrailsSchema,
  delivery: z
    .enum(["Wait", "Annotate"])
    .default("Wait")
    .describe(
      "How a changed tuning document reaches the pods: Wait for the kubelet, a minute or two, or Annotate the pods so that it comes within seconds.",
    ),
  deletionPolicy: z
    .enum(["Retain", "Delete"])
    .default("Retain")
    .describe("What becomes of a HorizontalPodAutoscaler that the operator created."),
});

export const profileSchema = z.strictObject({
  apiVersion: z.literal(profileApiVersion),
  kind: z.literal(profileKind),
  metadata: z.looseObject({
    // It is the value of a label on all that the operator writes.
    name: objectName.max(63),
    namespace: name.default("default"),
    generation: z.int().min(0).optional(),
    annotations: z.record(z.string(), z.string()).default({}),
  }),
  spec: specSchema.describe("What the operator is asked for."),
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
  const faults = findRuleFaults(parsed.value);
  return faults.length === 0 ? parsed : { ok: false, faults };
}

/** The stricter of a knob's own mode and the profile's. */
export function effectiveMode(ceiling: Mode, own: Mode): Mode {
  if (ceiling === "Disabled" || own === "Disabled") return "Disabled";
  return ceiling === "Auto" && own === "Auto" ? "Auto" : "Recommend";
}
