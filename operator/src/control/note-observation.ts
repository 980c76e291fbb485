import { profileAnnotations } from "@mestore/contract/performance-profile";
import { acknowledge, noteMetrics } from "@mestore/laws/guards";
import { noteTtlInForce } from "@mestore/laws/ttl";
import type { LoopMemory } from "./memory.ts";
import type { Seen } from "./observe.ts";
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
  });
  return observation.ok ? noteSeen(context, known, observation) : known;
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
  const conclusive = seen.judgements.flatMap(({ name, verdict }) =>
    verdict === "Inconclusive" ? [] : [[name, verdict] as const],
  );
  const slices = seen.slice === null ? memory.slices : [...memory.slices, seen.slice];
  return {
    ...memory,
    ttl: noteTtlInForce(memory.ttl, seen.ttlInForce, nowSeconds),
    slices: slices.filter(({ atSeconds }) => nowSeconds - atSeconds <= timing.placeboSeconds),
    changesAtSeconds: seen.restarted
      ? [...memory.changesAtSeconds, nowSeconds]
      : memory.changesAtSeconds,
    processStartSeconds: seen.processStartSeconds ?? memory.processStartSeconds,
    verdicts: { ...memory.verdicts, ...Object.fromEntries(conclusive) },
  };
}
