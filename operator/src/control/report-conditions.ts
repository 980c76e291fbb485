import { type FieldFault, formatFaults } from "@mestore/contract/fault";
import { effectiveMode, profileAnnotations } from "@mestore/contract/performance-profile";
import { isDegraded } from "@mestore/laws/guards";
import type { ConditionState } from "../profile/conditions.ts";
import type { ObjectivesInForce } from "../profile/objectives.ts";
import { formatDecimal, listTtls } from "../profile/status.ts";
import type { LoopMemory } from "./memory.ts";
import { type PassContext, timeOf } from "./step.ts";
import { findLaggards, formatLag, lagsBehind } from "./target-pods.ts";

/** What the conditions are told from; the members are those of `Report`. */
interface Reported {
  readonly context: PassContext | null;
  readonly objectives: ObjectivesInForce;
  readonly memory: LoopMemory;
  readonly faults: readonly FieldFault[];
  readonly claimedBy: string | null;
  readonly refusal: string | null;
  readonly nowSeconds: number;
}

export interface JudgedObjective {
  readonly name: string;
  /** With their units, as people read them; `current` null while nothing could be measured. */
  readonly target: string;
  readonly current: string | null;
  readonly met: "True" | "False" | "Unknown";
  /** Within its statistical error of the target, so that `met` is the last verdict before that. */
  readonly isClose: boolean;
}

/** One state of each condition, in the order in which a person reads them. */
export function planConditions(
  report: Reported,
  judged: readonly JudgedObjective[],
): readonly ConditionState[] {
  return [
    ready(report),
    metricsAvailable(report.context),
    objectivesMet(judged),
    progressing(report),
    constrained(report),
    stalled(report),
    degraded(report),
    conflict(report),
  ];
}

function ready({ context, faults, claimedBy, refusal }: Reported): ConditionState {
  const type = "Ready";
  if (faults.length > 0)
    return { type, status: "False", reason: "ProfileInvalid", message: formatFaults(faults) };
  if (claimedBy !== null)
    return { type, status: "False", reason: "TargetClaimed", message: claimed(claimedBy) };
  const target = context?.target;
  if (target?.ok === false)
    return { type, status: "False", reason: target.reason, message: target.detail };
  if (refusal !== null) return { type, status: "False", reason: "NotPermitted", message: refusal };
  return { type, status: "True", reason: "Accepted", message: "The profile is in force." };
}

const claimed = (by: string) => `${by} already tunes this target.`;

function metricsAvailable(context: PassContext | null): ConditionState {
  const type = "MetricsAvailable";
  if (context === null)
    return { type, status: "Unknown", reason: "NotObserved", message: "Nothing was observed." };
  const { observation } = context;
  if (!observation.ok)
    return { type, status: "False", reason: observation.reason, message: observation.detail };
  return { type, status: "True", reason: "Observed", message: "The newest metrics are trusted." };
}

function objectivesMet(judged: readonly JudgedObjective[]): ConditionState {
  const type = "ObjectivesMet";
  const named = (met: JudgedObjective["met"]) =>
    judged.filter((one) => one.met === met).map(({ name }) => name);
  const [missed, unknown] = [named("False"), named("Unknown")];
  const close = judged.filter(({ isClose }) => isClose).map(({ name }) => name);
  const aside = close.length === 0 ? "" : ` Too close to tell anew: ${close.join(", ")}.`;
  if (missed.length > 0)
    return {
      type,
      status: "False",
      reason: "Missed",
      message: `${missed.join(", ")}.${aside}`,
    };
  if (judged.every(({ current }) => current === null))
    return { type, status: "Unknown", reason: "NotObserved", message: "Nothing was observed." };
  if (unknown.length > 0)
    return {
      type,
      status: "Unknown",
      reason: "TooFewSamples",
      message: `Too few samples: ${unknown.join(", ")}.${aside}`,
    };
  return { type, status: "True", reason: "AllMet", message: `Every objective is met.${aside}` };
}

function progressing({ context, memory }: Reported): ConditionState {
  const type = "Progressing";
  if (context !== null && context.deleting !== null) {
    const { restoring } = memory;
    const what = "The profile is being deleted";
    const message =
      restoring === null
        ? `${what}.`
        : `${what}: ${awaited(context, restoring.revision, "the values that were found")}`;
    return { type, status: "True", reason: "Restoring", message };
  }
  const inFlight = memory.change?.inFlight;
  if (inFlight !== undefined) {
    const ttls = formatTtls(inFlight.to);
    return inFlight.adoptedSeconds === null
      ? {
          type,
          status: "True",
          reason: "AwaitingAdoption",
          message: awaited(context, inFlight.revision, ttls),
        }
      : {
          type,
          status: "True",
          reason: "Verifying",
          message: `Revision ${inFlight.revision} (${ttls}).`,
        };
  }
  if (context?.mode === "Disabled")
    return { type, status: "False", reason: "Disabled", message: "The cache's mode is Disabled." };
  if (context?.paused === true)
    return {
      type,
      status: "False",
      reason: "Paused",
      message: `The annotation ${profileAnnotations.paused} stops writes.`,
    };
  const holds = Object.entries(memory.holds).map(([name, reason]) => `${name}: ${reason}`);
  return { type, status: "False", reason: "Settled", message: holds.join(", ") };
}

const formatTtls = (ttlSeconds: Readonly<Record<string, number>>) =>
  listTtls(ttlSeconds)
    .map(({ name, seconds }) => `${name} ${seconds} s`)
    .join(", ");

/** Names the pods that a revision waits for. */
function awaited(context: PassContext | null, revision: number, what: string): string {
  const lag = context === null ? null : findLaggards(context, (run) => run >= revision);
  const by = lag === null || lag.laggards.length === 0 ? "" : ` by ${formatLag(lag)}`;
  return `Revision ${revision} (${what}) is not run yet${by}.`;
}

/** What the profile asks for and this loop does not do. */
function unavailable(context: PassContext, objectives: ObjectivesInForce): readonly string[] {
  const { profile, queried } = context;
  const { mode, pool, scaling, metrics } = profile.spec;
  const list: string[] = [];
  if (effectiveMode(mode, pool.mode) === "Auto") list.push("spec.pool.mode: the pool is not tuned");
  if (effectiveMode(mode, scaling.mode) === "Auto")
    list.push("spec.scaling.mode: scaling is not tuned");
  if (metrics.prometheus !== undefined && queried === null)
    list.push("spec.metrics.prometheus: the service's own metrics are scraped instead");
  if (profile.metadata.annotations[profileAnnotations.rollbackTo] !== undefined)
    list.push(`${profileAnnotations.rollbackTo}: old revisions are not kept`);
  if (queried === null)
    for (const { name } of objectives.queries)
      list.push(`objective ${name}: PromQL needs a Prometheus`);
  return list;
}

function constrained({ context, objectives, memory }: Reported): ConditionState {
  const type = "Constrained";
  const unreachable = Object.entries(memory.holds).flatMap(([name, reason]) =>
    reason === "TargetUnreachable" ? [name] : [],
  );
  if (unreachable.length > 0)
    return {
      type,
      status: "True",
      reason: "TargetUnreachable",
      message: `Even the longest TTL misses the hit rate: ${unreachable.join(", ")}.`,
    };
  const missing = context === null ? [] : unavailable(context, objectives);
  if (missing.length > 0)
    return { type, status: "True", reason: "KnobNotAvailable", message: missing.join("; ") };
  return {
    type,
    status: "False",
    reason: "Unconstrained",
    message: "Nothing stands in the way.",
  };
}

function stalled(report: Reported): ConditionState {
  const { context, memory, faults, claimedBy } = report;
  const type = "Stalled";
  if (faults.length > 0)
    return { type, status: "True", reason: "ProfileInvalid", message: formatFaults(faults) };
  if (claimedBy !== null)
    return { type, status: "True", reason: "TargetClaimed", message: claimed(claimedBy) };
  const fault = context?.freeze.fault ?? null;
  if (fault !== null)
    return {
      type,
      status: "True",
      reason: "FreezeWindowInvalid",
      message: `${fault.path}: ${fault.message}; no move is made until it is mended.`,
    };
  const latched = Object.entries(memory.guards.knobs).flatMap(([knob, { latchedSinceSeconds }]) =>
    latchedSinceSeconds === null ? [] : [knob],
  );
  if (latched.length > 0)
    return {
      type,
      status: "True",
      reason: "KnobLatched",
      message: `${latched.join(", ")}: off until ${profileAnnotations.acknowledge} is set anew.`,
    };
  const overdue = context === null ? null : overdueRevision(context, memory);
  if (overdue !== null)
    return {
      type,
      status: "True",
      reason: "RevisionNotAdopted",
      message: overdueMessage(context, overdue),
    };
  return { type, status: "False", reason: "Working", message: "Nobody needs to step in." };
}

function overdueMessage(context: PassContext | null, revision: number): string {
  const lag = context === null ? null : findLaggards(context, (run) => run === revision);
  const who = lag === null ? "The service does" : `${formatLag(lag)} do`;
  return `${who} not take up revision ${revision}.`;
}

/** A document that lies there for longer than a change waits, and is still not run. */
function overdueRevision(context: PassContext, { change }: LoopMemory): number | null {
  const { document, observation, target, nowSeconds, timing } = context;
  if (document === null || !observation.ok || !target.ok || !lagsBehind(context, observation))
    return null;
  if (change !== null && change.origin !== "Restored") return null;
  const ageSeconds = nowSeconds - Date.parse(document.writtenAt) / 1000;
  return ageSeconds > timing.adoptionSeconds ? document.revision : null;
}

function degraded({ context, memory, nowSeconds }: Reported): ConditionState {
  const type = "Degraded";
  if (context === null || !isDegraded(memory.guards, nowSeconds, context.timing))
    return { type, status: "False", reason: "Healthy", message: "The loop sees what it needs." };
  const since = memory.guards.metricsLostSinceSeconds ?? nowSeconds;
  return {
    type,
    status: "True",
    reason: "MetricsLost",
    message: `No trusted metrics since ${timeOf(since)}; every value is held.`,
  };
}

/** A document that is not the one last written here was written by somebody else. */
function conflict({ context, memory }: Reported): ConditionState {
  const type = "Conflict";
  const { written } = memory;
  const document = context?.document ?? null;
  const owner = context?.foreignOwner ?? null;
  if (owner !== null)
    return {
      type,
      status: "True",
      reason: "ForeignOwner",
      message: `${owner} has what this profile's operator writes; until it is given up nothing is written.`,
    };
  // The document of this very pass is written after its status.
  const isOwn =
    written === null ||
    document === null ||
    document.revision < written.revision ||
    (document.revision === written.revision &&
      JSON.stringify(listTtls(document.ttlSeconds)) ===
        JSON.stringify(listTtls(written.ttlSeconds)));
  if (isOwn)
    return { type, status: "False", reason: "NoConflict", message: "Nobody else writes here." };
  const theirs = formatTtls(document.ttlSeconds);
  return {
    type,
    status: "True",
    reason: "WrittenByAnother",
    message: `Revision ${formatDecimal(document.revision)} (${theirs}) was not written here.`,
  };
}
