import { judgeModes } from "./advance-change.ts";
import type { LoopMemory } from "./memory.ts";
import type { Seen } from "./observe.ts";
import { type PassContext, pick, startChange, type Step, ttlKnob } from "./step.ts";

/**
 * Where the document is gone or damaged, what is in force under another revision: pods keep the last one
 * that they could read, but those that start would begin with the service's own TTLs. Nothing changes for
 * whoever runs it, so it is no move of a knob, taints nothing and is not verified. Null: nothing is lost, a
 * change on its way brings the document by itself, no pod runs one any more, or nothing may be written.
 */
export function rewriteLost(context: PassContext, memory: LoopMemory, seen: Seen): Step | null {
  const { written, change } = memory;
  if (context.document !== null || written === null || change !== null) return null;
  if (seen.newestRevision === 0) return null;
  const ttlSeconds = inForce(written, seen);
  const { writable, isStopped } = judgeModes(context, Object.keys(ttlSeconds));
  if (isStopped || writable.length === 0) return null;

  const reason = "DocumentLost";
  const sentence = "The tuning document is gone or damaged; the values in force are written again.";
  const values = pick(ttlSeconds, writable);
  // The other classes keep theirs in the new document, as with every other write.
  const known = { ...memory, written: { ...written, ttlSeconds } };
  const started = startChange(context, known, {
    origin: "Restored",
    from: values,
    to: values,
    reason: `${reason}: ${sentence}`,
    records: Object.entries(values).map(([name, ttl]) => ({
      knob: ttlKnob(name),
      from: ttl,
      to: ttl,
      reason,
      sentence,
      inputs: { lostRevision: seen.newestRevision },
    })),
  });
  const { changesAtSeconds, holds, recommended } = memory;
  return { ...started, memory: { ...started.memory, changesAtSeconds, holds, recommended } };
}

/** What was written last, unless pods have obeyed somebody else's document since. */
function inForce(
  { revision, ttlSeconds }: NonNullable<LoopMemory["written"]>,
  { newestRevision, ttlInForce }: Seen,
): Readonly<Record<string, number>> {
  if (newestRevision <= revision) return ttlSeconds;
  return Object.fromEntries(
    Object.entries(ttlSeconds).map(([name, ttl]) => {
      const run = ttlInForce[name];
      // A document holds no TTL of nothing.
      return [name, run !== undefined && run > 0 ? run : ttl];
    }),
  );
}
