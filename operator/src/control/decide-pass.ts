import { effectiveMode, profileAnnotations } from "@mestore/contract/performance-profile";
import type { PerformanceProfile } from "@mestore/contract/performance-profile";
import { planClasses } from "../profile/classes.ts";
import { judgeFreeze } from "../profile/freeze.ts";
import { advanceChange } from "./advance-change.ts";
import { decideMoves } from "./decide-moves.ts";
import { rewriteLost } from "./lost-document.ts";
import type { LoopMemory } from "./memory.ts";
import type { PassContext, Step } from "./step.ts";

/** Any value but "false" pauses: `kubectl annotate … mestore.dev/paused=` is meant. */
export function isPaused({ metadata }: PerformanceProfile): boolean {
  const value = metadata.annotations[profileAnnotations.paused];
  return value !== undefined && value !== "false";
}

/** What the profile says about this moment, together with what was seen. */
export function createContext(
  seen: Pick<
    PassContext,
    | "key"
    | "profile"
    | "deleting"
    | "target"
    | "observation"
    | "queried"
    | "document"
    | "adopted"
    | "foreignOwner"
    | "nowSeconds"
    | "timing"
    | "timeScale"
  >,
): PassContext {
  const { spec } = seen.profile;
  return {
    ...seen,
    classes: planClasses(seen.profile),
    mode: effectiveMode(spec.mode, spec.cache.mode),
    paused: isPaused(seen.profile),
    freeze: judgeFreeze(spec.guardrails.freezeWindows, seen.nowSeconds),
  };
}

/**
 * The pure part of a pass, decide and plan: from what was seen, and the memory after seeing it
 * (`noteObservation`), to the document to write, if any. At most one document comes of it; a change
 * that ends makes room for the next one at once.
 */
export function decidePass(context: PassContext, memory: LoopMemory): Step {
  const advanced = advanceChange(context, memory);
  if (advanced.write !== null || !context.observation.ok || !context.target.ok) return advanced;
  const moved =
    rewriteLost(context, advanced.memory, context.observation) ??
    decideMoves(context, advanced.memory, context.observation);
  return { ...moved, records: [...advanced.records, ...moved.records] };
}
