import { z } from "zod";

/**
 * The status of a PerformanceProfile, as the resource carries it and as the status file shows it; the
 * CRD's status schema is generated from it. No floats, as Kubernetes asks: figures are strings, with
 * their unit where people read them. Fields that came later are optional, so that a status which an
 * older version wrote is still read.
 */

/** Types of the conditions, in the order in which a person reads them. */
export const conditionTypes = [
  /** Accepted, its target found and its own, permitted. Depends on no metrics and on no objective. */
  "Ready",
  /** The newest observation is trusted. */
  "MetricsAvailable",
  "ObjectivesMet",
  /** A change is on its way: being taken up, being verified, being put back. */
  "Progressing",
  /** The loop cannot do all that it is asked for. */
  "Constrained",
  /** A person is needed. */
  "Stalled",
  /** The loop has been without metrics for long. */
  "Degraded",
  /** Something else writes what this profile writes. */
  "Conflict",
] as const;
export type ConditionType = (typeof conditionTypes)[number];

/** The most decisions that a status carries. */
export const keptDecisions = 10;

/** States of a condition and of an objective. */
const ternarySchema = z.enum(["True", "False", "Unknown"]);

const ttlSchema = z.strictObject({
  /** Cache class. */
  name: z.string(),
  /** Decimal string. */
  seconds: z.string(),
});

const decisionSchema = z.strictObject({
  /** RFC 3339, in UTC, as all times here. */
  time: z.string(),
  /** `ttl/product`. */
  knob: z.string(),
  from: z.string(),
  to: z.string(),
  reason: z.string(),
  /** What became of it. */
  verdict: z.enum([
    "Recommended",
    "Applied",
    "Verified",
    "Unverified",
    "RolledBack",
    "Withdrawn",
    "Kept",
  ]),
  /** For people: what was seen and what followed. */
  message: z.string(),
});

const conditionSchema = z.strictObject({
  type: z.enum(conditionTypes),
  status: ternarySchema,
  reason: z.string(),
  message: z.string(),
  observedGeneration: z.int().min(0),
  /** When `status` last changed. */
  lastTransitionTime: z.string(),
});

export const profileStatusSchema = z.strictObject({
  /** `metadata.generation` of the spec that this status is about. */
  observedGeneration: z.int().min(0),
  /** One of each type. */
  conditions: z.array(conditionSchema),
  /** What `kubectl get` shows in a line. */
  summary: z
    .strictObject({
      /** Objectives that are met, of all: `2/3`. Absent while none could be judged. */
      sla: z.string().optional(),
      /** The knob of the change on its way, else of the last decision: `ttl/product`. */
      knob: z.string().optional(),
      /** What became of the last decision: `Verified 20 -> 40`. */
      lastAction: z.string().optional(),
    })
    .optional(),
  objectives: z.array(
    z.strictObject({
      name: z.string(),
      target: z.string(),
      /** Absent while too little was seen. */
      current: z.string().optional(),
      met: ternarySchema,
    }),
  ),
  /** In force as the service exports it; absent before the first observation. */
  tuning: z
    .strictObject({
      revision: z.int().min(0),
      ttlSeconds: z.array(ttlSchema),
      /** Ready pods, and those among them that run the document in force; absent where no pods are known. */
      pods: z.int().min(0).optional(),
      podsCurrent: z.int().min(0).optional(),
    })
    .optional(),
  /** What `mode: Auto` would write now. */
  recommendation: z.strictObject({ ttlSeconds: z.array(ttlSchema), reason: z.string() }).optional(),
  inFlight: z
    .strictObject({
      knob: z.string(),
      /** Why it was written: a move of the law is verified, the others are kept once taken up. */
      origin: z.enum(["Law", "Safety", "Initial", "Restored"]).optional(),
      revision: z.int().min(1),
      from: z.array(ttlSchema),
      to: z.array(ttlSchema),
      since: z.string(),
      /** Absent until the service has taken it up. */
      verifyUntil: z.string().optional(),
      /** Requests of the slices before the change that it is compared with. */
      baselineRequests: z.int().min(0),
    })
    .optional(),
  /** Newest first, `keptDecisions` at most. */
  decisions: z.array(decisionSchema).max(keptDecisions),
});

export type ProfileDecision = z.infer<typeof decisionSchema>;
