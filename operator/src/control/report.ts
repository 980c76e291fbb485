import type { FieldFault } from "@mestore/contract/fault";
import type { Judgement } from "@mestore/laws/observation";
import { updateConditions } from "../profile/conditions.ts";
import { formatFigure, type ObjectivesInForce } from "../profile/objectives.ts";
import { listTtls, type ProfileDecision, type ProfileStatus } from "../profile/status.ts";
import type { LoopMemory } from "./memory.ts";
import type { QueriedObjective } from "./query-objectives.ts";
import { type JudgedObjective, planConditions } from "./report-conditions.ts";
import { type PassContext, timeOf } from "./step.ts";
import { findLaggards } from "./target-pods.ts";

export interface Report {
  /** Null: no profile is in force, or another one has its target. */
  readonly context: PassContext | null;
  readonly objectives: ObjectivesInForce;
  readonly memory: LoopMemory;
  /** Of the newest text, which is then not the one in force. */
  readonly faults: readonly FieldFault[];
  /** Of the spec that this is about. */
  readonly generation: number;
  /** The profile that has the target. */
  readonly claimedBy: string | null;
  /** What the platform refused when the pass wanted to write. */
  readonly refusal: string | null;
  readonly previous: ProfileStatus;
  readonly nowSeconds: number;
}

/** The status that one pass leaves behind. */
export function planStatus(report: Report): ProfileStatus {
  const { context, memory, previous, generation, nowSeconds } = report;
  const judged = judgeObjectives(report);
  const states = planConditions(report, judged);
  const { change, recommended } = memory;
  const inFlight = change?.inFlight;
  const names = Object.keys(recommended);
  return {
    observedGeneration: generation,
    conditions: updateConditions(previous.conditions, states, generation, nowSeconds),
    ...summarise(judged, memory),
    objectives: judged.map(({ name, target, current, met }) => ({
      name,
      target,
      ...(current === null ? {} : { current }),
      met,
    })),
    ...tuning(context, previous),
    ...(names.length === 0
      ? {}
      : {
          recommendation: {
            ttlSeconds: listTtls(
              Object.fromEntries(names.map((name) => [name, recommended[name]?.toSeconds ?? 0])),
            ),
            reason: names.map((name) => `${name}: ${recommended[name]?.reason}`).join(", "),
          },
        }),
    ...(inFlight === undefined
      ? {}
      : {
          inFlight: {
            knob: inFlight.knob,
            ...(change === null ? {} : { origin: change.origin }),
            revision: inFlight.revision,
            from: listTtls(inFlight.from),
            to: listTtls(inFlight.to),
            since: timeOf(inFlight.sinceSeconds),
            ...(inFlight.verifyUntilSeconds === null
              ? {}
              : { verifyUntil: timeOf(inFlight.verifyUntilSeconds) }),
            baselineRequests: Math.round(
              inFlight.baseline.reduce((sum, { requests }) => sum + requests, 0),
            ),
          },
        }),
    decisions: [...memory.decisions],
  };
}

function tuning(
  context: PassContext | null,
  previous: ProfileStatus,
): Pick<ProfileStatus, "tuning"> {
  if (context?.observation.ok !== true)
    return previous.tuning === undefined ? {} : { tuning: previous.tuning };
  const { revision, ttlInForce } = context.observation;
  const wanted = context.document?.revision ?? revision;
  const lag = findLaggards(context, (run) => run === wanted);
  return {
    tuning: {
      revision,
      ttlSeconds: listTtls(ttlInForce),
      ...(lag === null ? {} : { pods: lag.pods, podsCurrent: lag.pods - lag.laggards.length }),
    },
  };
}

/** The line of `kubectl get`. */
function summarise(
  judged: readonly JudgedObjective[],
  { change, decisions }: LoopMemory,
): Pick<ProfileStatus, "summary"> {
  const met = judged.filter((one) => one.met === "True").length;
  const isJudged = judged.some((one) => one.met !== "Unknown");
  const [last] = decisions;
  const knob = change?.moves[0]?.knob ?? last?.knob;
  const summary = {
    ...(isJudged ? { sla: `${met}/${judged.length}` } : {}),
    ...(knob === undefined ? {} : { knob }),
    ...(last === undefined
      ? {}
      : { lastAction: `${outcomeOf(last, decisions)} ${last.from} -> ${last.to}` }),
  };
  return Object.keys(summary).length === 0 ? {} : { summary };
}

/** A way back is told as what it is: `RolledBack 40 -> 20`. Its own entry stands above that of the move it undoes. */
function outcomeOf(
  last: ProfileDecision,
  decisions: LoopMemory["decisions"],
): ProfileDecision["verdict"] {
  const before = decisions.find((one) => one !== last && one.knob === last.knob);
  const isWayBack =
    last.verdict === "Applied" &&
    (before?.verdict === "RolledBack" || before?.verdict === "Withdrawn") &&
    before.from === last.to &&
    before.to === last.from;
  return isWayBack ? before.verdict : last.verdict;
}

/** An objective too close to call keeps its last verdict, so that noise makes no flips. */
function judgeObjectives({ context, objectives, memory }: Report): readonly JudgedObjective[] {
  if (context === null) return [];
  const seen = context.observation.ok ? context.observation.judgements : [];
  const judged = objectives.judged.map((objective): JudgedObjective => {
    const judgement = seen.find(({ name }) => name === objective.name);
    const current = judgement?.current ?? null;
    return {
      name: objective.name,
      target: formatFigure(objective.target, objective.unit),
      current: current === null ? null : formatFigure(current, objective.unit),
      met: metOf(objective.name, judgement, memory),
      isClose: judgement?.reason === "TooClose",
    };
  });
  const queries = objectives.queries.map(({ name, target }): JudgedObjective => {
    const result = context.queried?.find((one) => one.name === name);
    const current = result?.current ?? null;
    return {
      name,
      target: formatFigure(target, "ratio"),
      current: current === null ? null : formatFigure(current, "ratio"),
      met: metOf(name, result, memory),
      isClose: result?.reason === "TooClose",
    };
  });
  return [...judged, ...queries];
}

function metOf(
  name: string,
  judgement: Pick<Judgement, "verdict" | "reason"> | QueriedObjective | undefined,
  memory: LoopMemory,
): JudgedObjective["met"] {
  if (judgement === undefined) return "Unknown";
  const verdict = judgement.reason === "TooClose" ? memory.verdicts[name] : judgement.verdict;
  if (verdict === "Met") return "True";
  return verdict === "Violated" ? "False" : "Unknown";
}
