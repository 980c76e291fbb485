import type { PerformanceProfile } from "@mestore/contract/performance-profile";
import type { Timing } from "@mestore/laws/timing";
import { planClasses } from "../profile/classes.ts";
import { planObjectives, slowEdgeSeconds } from "../profile/objectives.ts";
import type { Clock } from "./clock.ts";
import { createContext } from "./decide-pass.ts";
import type { LoopMemory } from "./memory.ts";
import { noteObservation, noteTarget } from "./note-observation.ts";
import { observe } from "./observe.ts";
import type { ProfileState, Targets, TuningDelivery } from "./ports.ts";
import { judgeQueries } from "./query-objectives.ts";
import type { PassContext } from "./step.ts";

export interface LookRequest {
  readonly key: string;
  readonly profile: PerformanceProfile;
  readonly deleting: NonNullable<ProfileState["deleting"]> | null;
  readonly memory: LoopMemory;
  /** Who else owns the place of the memory. */
  readonly memoryOwner: string | null;
}

/** Everything that one pass sees, and the memory after seeing it. */
export interface Look {
  readonly context: PassContext;
  readonly memory: LoopMemory;
}

/** Reads the target, its metrics and the document in force. The only reading that a pass does. */
export async function lookAround(
  world: {
    readonly targets: Targets;
    readonly delivery: Pick<TuningDelivery, "read">;
    readonly clock: Clock;
    readonly timing: Timing;
    readonly timeScale: number;
  },
  { key, profile, deleting, memory, memoryOwner }: LookRequest,
): Promise<Look> {
  const { targets, delivery, clock, timing, timeScale } = world;
  const { judged, queries } = planObjectives(profile);
  const windowSeconds = profile.spec.metrics.windowSeconds / timeScale;
  const target = targets.open(key, profile);
  const reading = await target.read();
  const identity = targets.identify(profile);
  const known = noteTarget(memory, { identity, reading }, clock.nowSeconds(), timing);
  const observation = await observe(
    target.metrics,
    {
      classes: planClasses(profile).map(({ name }) => name),
      objectives: judged,
      slowEdgeSeconds: slowEdgeSeconds(judged),
      windowSeconds,
      memory: known,
      timing,
    },
    clock.nowSeconds(),
  );
  const queried = await judgeQueries(target.metrics, queries, windowSeconds);
  const { document, adopted, foreignOwner } = await delivery.read(key);
  const context = createContext({
    key,
    profile,
    deleting,
    target: reading,
    observation,
    queried,
    document,
    adopted: adopted ?? known.adopted,
    // What a deletion puts back needs no memory after it.
    foreignOwner: foreignOwner ?? (deleting === null ? memoryOwner : null),
    nowSeconds: clock.nowSeconds(),
    timing,
    timeScale,
  });
  return { context, memory: noteObservation(context, known) };
}
