import { profileAnnotations } from "@mestore/contract/performance-profile";
import { acknowledge, noteMetrics } from "@mestore/laws/guards";
import { noteTtlInForce } from "@mestore/laws/ttl";
import type { Timing } from "@mestore/laws/timing";
import { isWithinReach } from "./lapsed-change.ts";
import { emptyLoopMemory, type LoopMemory } from "./memory.ts";
import type { Seen } from "./observe.ts";
import type { TargetReading } from "./ports.ts";
import type { PassContext } from "./step.ts";

/** The memory after looking, before deciding. */
export function noteObservation(context: PassContext, memory: LoopMemory): LoopMemory {
  const { observation, nowSeconds, timing } = context;
  const known = noteProfile(context, {
    ...memory,
    guards: noteMetrics(memory.guards, observation.ok, nowSeconds),
    changesAtSeconds: memory.changesAtSeconds.filter(
      (at) => nowSeconds - at <= timing.placeboSeconds,
    ),
    lapsed: memory.lapsed.filter((one) => isWithinReach(one, nowSeconds, timing)),
  });
  const judged = noteVerdicts(known, context.queried ?? []);
  return observation.ok ? noteSeen(context, judged, observation) : judged;
}

/** The last conclusive verdict of each objective. */
function noteVerdicts(
  memory: LoopMemory,
  judgements: readonly {
    readonly name: string;
    readonly verdict: "Met" | "Violated" | "Inconclusive";
  }[],
): LoopMemory {
  const conclusive = judgements.flatMap(({ name, verdict }) =>
    verdict === "Inconclusive" ? [] : [[name, verdict] as const],
  );
  return { ...memory, verdicts: { ...memory.verdicts, ...Object.fromEntries(conclusive) } };
}

/**
 * The memory after looking at the target, before reading its metrics: a rollout or a change of the
 * number of pods taints from its start until a taint's length after its end. Of another target nothing
 * is known but what this profile has written.
 */
export function noteTarget(
  memory: LoopMemory,
  seen: { readonly identity: string; readonly reading: TargetReading },
  nowSeconds: number,
  timing: Timing,
): LoopMemory {
  const isOther = memory.target !== null && memory.target !== seen.identity;
  const { uid, generation, spec, profile, acknowledged, decisions, written } = memory;
  const known = isOther
    ? { ...emptyLoopMemory, uid, generation, spec, profile, acknowledged, decisions, written }
    : memory;
  if (!seen.reading.ok) return { ...known, target: seen.identity };
  const { inTransition } = seen.reading.state;
  // A platform that cannot tell for a moment has not replaced the pods.
  const podHash = seen.reading.state.podHash ?? known.podHash;
  const isReplaced = known.podHash !== null && podHash !== known.podHash;
  // Within a transition one mark each half taint leaves no gap.
  const lastSeconds = known.changesAtSeconds.at(-1) ?? -Infinity;
  const isUnmarked = inTransition && nowSeconds - lastSeconds > timing.taintSeconds / 2;
  const isChange = inTransition !== known.inTransition || isReplaced || isUnmarked;
  return {
    ...known,
    target: seen.identity,
    podHash,
    inTransition,
    changesAtSeconds: isChange ? [...known.changesAtSeconds, nowSeconds] : known.changesAtSeconds,
  };
}

/** A spec that changed is a new generation; an annotation is obeyed once. */
function noteProfile({ profile }: PassContext, memory: LoopMemory): LoopMemory {
  const spec = JSON.stringify(profile.spec);
  const asked = profile.metadata.annotations[profileAnnotations.acknowledge] ?? null;
  const isNewAsk = asked !== null && asked !== memory.acknowledged;
  return {
    ...memory,
    spec,
    generation:
      profile.metadata.generation ??
      (spec === memory.spec ? memory.generation : memory.generation + 1),
    profile,
    acknowledged: asked ?? memory.acknowledged,
    guards: isNewAsk ? acknowledge(memory.guards) : memory.guards,
  };
}

function noteSeen(context: PassContext, memory: LoopMemory, seen: Seen): LoopMemory {
  const { nowSeconds, timing } = context;
  const slices = seen.slice === null ? memory.slices : [...memory.slices, seen.slice];
  return {
    ...noteVerdicts(memory, seen.judgements),
    ttl: noteTtlInForce(memory.ttl, seen.ttlInForce, nowSeconds),
    slices: slices.filter(({ atSeconds }) => nowSeconds - atSeconds <= timing.placeboSeconds),
    changesAtSeconds: seen.restarted
      ? [...memory.changesAtSeconds, nowSeconds]
      : memory.changesAtSeconds,
    processStartSeconds: seen.processStartSeconds ?? memory.processStartSeconds,
  };
}
