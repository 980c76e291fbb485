import type { Seen } from "./observe.ts";
import type { PassContext } from "./step.ts";

/** Pods of the target that do not run what they should; `pods` is how many should. */
export interface PodLag {
  readonly pods: number;
  /** Sorted by name. */
  readonly laggards: readonly string[];
}

/**
 * Which ready pods do not report a revision that satisfies `runs`. A pod that reports nothing is one
 * of them. Null: the source knows no pods, or the target cannot be read.
 */
export function findLaggards(
  { target, observation }: Pick<PassContext, "target" | "observation">,
  runs: (revision: number) => boolean,
): PodLag | null {
  if (!target.ok || !observation.ok || observation.pods.length === 0) return null;
  const revisions = new Map(observation.pods.map(({ name, revision }) => [name, revision]));
  const { readyPods } = target.state;
  const expected = readyPods.length === 0 ? [...revisions.keys()] : readyPods;
  const laggards = expected.filter((name) => {
    const revision = revisions.get(name);
    return revision === undefined || !runs(revision);
  });
  return { pods: expected.length, laggards: [...laggards].sort() };
}

/** Whether every ready pod runs a revision that satisfies `runs`; false where that cannot be seen. */
export function isRunBy(
  context: Pick<PassContext, "target" | "observation">,
  runs: (revision: number) => boolean,
): boolean {
  const { target, observation } = context;
  if (!target.ok || !observation.ok) return false;
  const lag = findLaggards(context, runs);
  return lag === null ? runs(observation.revision) : lag.laggards.length === 0;
}

/** Whether some pod runs another revision than that of the document in force. */
export function lagsBehind(context: Pick<PassContext, "target" | "document">, seen: Seen): boolean {
  const { document, target } = context;
  if (document === null) return false;
  return !isRunBy({ target, observation: seen }, (revision) => revision === document.revision);
}

/** Names that a message carries; the rest is a number. */
const namedPods = 5;

/** `2 of 3 pods: a, b`, with five names at most. */
export function formatLag({ pods, laggards }: PodLag): string {
  const named = laggards.slice(0, namedPods).join(", ");
  const more = laggards.length - namedPods;
  return `${laggards.length} of ${pods} pods: ${named}${more > 0 ? ` and ${more} more` : ""}`;
}
