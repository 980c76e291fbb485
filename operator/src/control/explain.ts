import type { PerformanceProfile } from "@mestore/contract/performance-profile";
import type { Timing } from "@mestore/laws/timing";
import { planClasses } from "../profile/classes.ts";
import { planObjectives, slowEdgeSeconds } from "../profile/objectives.ts";
import { emptyStatus, type ProfileStatus } from "../profile/status.ts";
import type { Clock } from "./clock.ts";
import { createContext } from "./decide-pass.ts";
import { decideMoves } from "./decide-moves.ts";
import { emptyLoopMemory, type LoopMemory } from "./memory.ts";
import { noteObservation } from "./note-observation.ts";
import { type Observation, observe } from "./observe.ts";
import type { MetricsSource, TargetReading } from "./ports.ts";
import { judgeQueries } from "./query-objectives.ts";
import { planStatus } from "./report.ts";
import type { DecisionRecord } from "./step.ts";

export interface ExplainOptions {
  /** `namespace/name`, for the text. */
  readonly key: string;
  readonly profile: PerformanceProfile;
  readonly source: MetricsSource;
  readonly clock: Clock;
  /** How long to watch before deciding; a source without history sees no more than this. */
  readonly seconds: number;
  readonly timing: Timing;
  readonly timeScale: number;
  /** Ends the watching early; what was seen until then is decided on. */
  readonly signal: AbortSignal;
  /** Told after each look, with the share of `seconds` that has passed. */
  readonly onProgress?: (share: number) => void;
}

export interface Explanation {
  /** The newest one. */
  readonly observation: Observation;
  readonly objectives: ProfileStatus["objectives"];
  /** What the law would do now, class by class, whatever the profile's mode permits. */
  readonly decisions: readonly DecisionRecord[];
  /** All of it for a terminal. */
  readonly text: string;
}

/** Explaining looks at metrics alone, so nothing is known of pods. */
const seenThroughMetrics: TargetReading = {
  ok: true,
  state: { readyPods: [], unavailable: 0, restarts: 0, inTransition: false },
};

/**
 * Watches a service for a while and says what the laws make of it: each objective, each class, the
 * reasons and the figures behind them. Writes nothing.
 */
export async function explainProfile(options: ExplainOptions): Promise<Explanation> {
  const { key, profile, source, clock, timing, timeScale, signal } = options;
  const objectives = planObjectives(profile);
  const began = clock.nowSeconds();
  let memory: LoopMemory = emptyLoopMemory;

  async function look() {
    const observation = await observe(
      source,
      {
        classes: planClasses(profile).map(({ name }) => name),
        objectives: objectives.judged,
        slowEdgeSeconds: slowEdgeSeconds(objectives.judged),
        windowSeconds: profile.spec.metrics.windowSeconds / timeScale,
        memory,
        timing,
      },
      clock.nowSeconds(),
    );
    const windowSeconds = profile.spec.metrics.windowSeconds / timeScale;
    const queried = await judgeQueries(source, objectives.queries, windowSeconds);
    const nowSeconds = clock.nowSeconds();
    const context = createContext({
      key,
      profile,
      deleting: null,
      target: seenThroughMetrics,
      observation,
      queried,
      document: null,
      adopted: null,
      foreignOwner: null,
      nowSeconds,
      timing,
      timeScale,
    });
    memory = noteObservation(context, memory);
    options.onProgress?.(Math.min(1, (nowSeconds - began) / Math.max(options.seconds, 1e-9)));
    return context;
  }

  let context = await look();
  while (!signal.aborted && clock.nowSeconds() - began < options.seconds) {
    await clock.sleep(timing.scrapeSeconds, signal);
    context = await look();
  }

  const { observation, nowSeconds } = context;
  // As a recommendation nothing but the law decides: no mode, pause, guard or change on its way.
  const free = {
    ...context,
    mode: "Recommend" as const,
    paused: false,
    classes: context.classes.map((one) => ({ ...one, mode: "Recommend" as const })),
  };
  const decisions = observation.ok ? decideMoves(free, memory, observation).records : [];
  const status = planStatus({
    context,
    objectives,
    memory,
    faults: [],
    generation: memory.generation,
    claimedBy: null,
    refusal: null,
    previous: emptyStatus,
    nowSeconds,
  });
  const explained = { observation, objectives: status.objectives, decisions };
  return { ...explained, text: formatExplanation(key, profile, explained) };
}

function formatExplanation(
  key: string,
  profile: PerformanceProfile,
  { observation, objectives, decisions }: Omit<Explanation, "text">,
): string {
  const lines = [`${key}, mode ${profile.spec.mode}`];
  if (!observation.ok) {
    lines.push("", `No move: ${observation.reason}. ${observation.detail}`);
    return `${lines.join("\n")}\n`;
  }
  lines.push("", "Objectives");
  for (const { name, target, current, met } of objectives) {
    const verdict = { True: "met", False: "missed", Unknown: "not enough samples" }[met];
    lines.push(`  ${name}: ${current ?? "nothing measured"}, target ${target}: ${verdict}`);
  }
  lines.push("", `Decisions (the service runs tuning revision ${observation.revision})`);
  if (decisions.length === 0) lines.push("  none: the profile lists no cache class that it tunes");
  for (const { knob, from, to, reason, sentence, inputs } of decisions) {
    lines.push(
      `  ${knob}: ${from === to ? `stays at ${from} s` : `${from} s -> ${to} s`}, ${reason}`,
    );
    lines.push(`    ${sentence}`);
    for (const [name, value] of Object.entries(inputs))
      lines.push(`      ${name} = ${Number(value.toPrecision(4))}`);
  }
  return `${lines.join("\n")}\n`;
}
