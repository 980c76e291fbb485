import { parseWith } from "@mestore/contract/fault";
import { z } from "zod";
import { type Condition, conditionTypes } from "./conditions.ts";

/**
 * The status of a PerformanceProfile, as the resource carries it and as the status file shows it.
 * No floats, as Kubernetes asks: figures are strings, with their unit where people read them.
 */

const ttlSchema = z.strictObject({
  /** Cache class. */
  name: z.string(),
  /** Decimal string. */
  seconds: z.string(),
});

const decisionSchema = z.strictObject({
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

const statusSchema = z.strictObject({
  observedGeneration: z.int().min(0),
  conditions: z.array(
    z.strictObject({
      type: z.enum(conditionTypes),
      status: z.enum(["True", "False", "Unknown"]),
      reason: z.string(),
      message: z.string(),
      observedGeneration: z.int().min(0),
      lastTransitionTime: z.string(),
    }),
  ),
  objectives: z.array(
    z.strictObject({
      name: z.string(),
      target: z.string(),
      /** Absent while too little was seen. */
      current: z.string().optional(),
      met: z.enum(["True", "False", "Unknown"]),
    }),
  ),
  /** In force as the service exports it; absent before the first observation. */
  tuning: z.strictObject({ revision: z.int().min(0), ttlSeconds: z.array(ttlSchema) }).optional(),
  /** What `mode: Auto` would write now. */
  recommendation: z.strictObject({ ttlSeconds: z.array(ttlSchema), reason: z.string() }).optional(),
  inFlight: z
    .strictObject({
      knob: z.string(),
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
  /** Newest first. */
  decisions: z.array(decisionSchema),
});

export type ProfileDecision = z.infer<typeof decisionSchema>;
export type ProfileStatus = Omit<z.infer<typeof statusSchema>, "conditions"> & {
  readonly conditions: readonly Condition[];
};

/** The most decisions that a status carries, and the most bytes of one as JSON. */
export const keptDecisions = 10;
export const decisionBytes = 512;

export const emptyStatus: ProfileStatus = {
  observedGeneration: 0,
  conditions: [],
  objectives: [],
  decisions: [],
};

/** A status as it was written. Null: it is none, and the loop begins with an empty one. */
export function parseStatus(input: unknown): ProfileStatus | null {
  const parsed = parseWith(statusSchema, input);
  return parsed.ok ? (parsed.value as ProfileStatus) : null;
}

/** TTLs by class as the status lists them, in the order of their names. */
export function listTtls(
  ttlSeconds: Readonly<Record<string, number>>,
): { name: string; seconds: string }[] {
  return Object.entries(ttlSeconds)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, seconds]) => ({ name, seconds: formatDecimal(seconds) }));
}

/** `49.7`, never an exponent. */
export function formatDecimal(value: number): string {
  return String(Number(value.toFixed(3)));
}

/** Puts a decision first, shortened to what a status may carry, and lets the oldest go. */
export function addDecision(
  decisions: readonly ProfileDecision[],
  decision: ProfileDecision,
): readonly ProfileDecision[] {
  return [shorten(decision), ...decisions].slice(0, keptDecisions);
}

function shorten(decision: ProfileDecision): ProfileDecision {
  const bytesOf = (one: ProfileDecision) => Buffer.byteLength(JSON.stringify(one));
  let message = decision.message;
  while (message !== "" && bytesOf({ ...decision, message }) > decisionBytes) {
    const over = bytesOf({ ...decision, message }) - decisionBytes;
    message = message.slice(0, Math.max(0, message.length - Math.max(1, Math.ceil(over / 4))));
  }
  return { ...decision, message };
}

/**
 * Whether a person or a program would want the new status now: a flip, another reason, a decision,
 * a change begun or ended, another generation. Mere figures wait for the next writing.
 */
export function isNews(before: ProfileStatus, after: ProfileStatus): boolean {
  const gist = (status: ProfileStatus) =>
    JSON.stringify([
      status.observedGeneration,
      status.conditions.map(({ type, status: state, reason }) => [type, state, reason]),
      status.objectives.map(({ name, target, met }) => [name, target, met]),
      status.tuning,
      status.recommendation?.ttlSeconds,
      status.inFlight,
      status.decisions,
    ]);
  return gist(before) !== gist(after);
}
