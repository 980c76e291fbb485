import { closeChange } from "./close-change.ts";
import type { LoopMemory } from "./memory.ts";
import {
  type DecisionRecord,
  nextRevision,
  type PassContext,
  pick,
  planDocument,
  type Step,
  ttlKnob,
} from "./step.ts";
import { findLaggards, formatLag, isRunBy } from "./target-pods.ts";

/**
 * A deletion: what was found when the profile began to write is put back before the profile is let
 * go (docs/tuning.md, "Deletion").
 */

/**
 * How long the pods get to run what was written, however old the deletion is: seconds of the real clock,
 * since no kubelet is faster for a time scale. It looks at a mounted ConfigMap when it syncs the pod: every
 * minute (`syncFrequency`, pkg/kubelet/apis/config/v1beta1/defaults.go) and up to half as much again
 * (`workerResyncIntervalJitterFactor`, pkg/kubelet/pod_workers.go), 90 s. Then the pod is scraped, at most 30 s
 * later, and looked at by the next pass, 15 s. Rounded up, for a person waits before the terminal.
 */
export const restoreSeconds = 150;

export type Release =
  /** The pods run the values that were found. */
  | "Restored"
  /** The document is written, but not every pod is seen to run it. */
  | "GivenUp"
  /** Nothing is to be put back, or nobody is there to run it. */
  | "NothingToRestore";

export interface Restore extends Step {
  /** Why the profile may be let go now; null: not yet. */
  readonly release: Release | null;
  /** For people. */
  readonly sentence: string;
}

/** Decides one pass of a profile that is being deleted. */
export function decideRestore(context: PassContext, memory: LoopMemory): Restore {
  const { document, adopted, target, paused, foreignOwner } = context;
  const idle = { memory, write: null, records: [] } as const;
  const letGo = (sentence: string): Restore => ({ ...idle, release: "NothingToRestore", sentence });
  if (!target.ok && target.reason === "TargetNotFound") return letGo("The target is gone.");
  if (document === null) return letGo("Nothing was written.");
  if (adopted === null) return letGo("What the target ran before is not known.");
  if (foreignOwner !== null) return letGo(`The document belongs to ${foreignOwner}.`);
  if (paused) return letGo("The profile is paused: the values in force stay.");

  const { restoring } = memory;
  const runsDocument = isRunBy(context, (revision) => revision >= document.revision);
  const found = pick(adopted, Object.keys(document.ttlSeconds));
  const isPut = Object.entries(found).every(([name, ttl]) => document.ttlSeconds[name] === ttl);
  if (isPut && runsDocument)
    return { ...idle, release: "Restored", sentence: "The values that were found are in force." };
  if (restoring !== null && context.nowSeconds - restoring.sinceSeconds >= restoreSeconds)
    return { ...idle, release: "GivenUp", sentence: unseen(context, restoring.revision) };
  if (isPut)
    return {
      ...idle,
      memory: { ...memory, restoring: restoring ?? begin(context, document.revision) },
      release: null,
      sentence: unseen(context, document.revision),
    };
  return writeBack(context, memory, found);
}

const begin = ({ nowSeconds }: PassContext, revision: number) => ({
  revision,
  sinceSeconds: nowSeconds,
});

/** The one document of the deletion; also again, where it was decided and never written. */
function writeBack(
  context: PassContext,
  memory: LoopMemory,
  found: Readonly<Record<string, number>>,
): Restore {
  const revision = nextRevision(context, memory);
  const sentence = "The profile is being deleted: the values that were found are put back.";
  const write = planDocument(context, memory, {
    revision,
    to: found,
    reason: `Restoring: ${sentence}`,
  });
  const from = context.document?.ttlSeconds ?? {};
  const records = Object.entries(found).flatMap(([name, to]): DecisionRecord[] => {
    const before = from[name] ?? to;
    if (before === to) return [];
    return [
      {
        knob: ttlKnob(name),
        from: before,
        to,
        reason: "Restoring",
        verdict: "Applied",
        sentence,
        inputs: {},
        revision,
      },
    ];
  });
  const { change, restoring } = memory;
  return {
    memory: {
      ...(change === null ? memory : closeChange(memory, change, () => "Withdrawn")),
      written: { revision, ttlSeconds: write.ttlSeconds },
      restoring: { revision, sinceSeconds: restoring?.sinceSeconds ?? context.nowSeconds },
    },
    write,
    // A document that is written again is no other decision.
    records: restoring === null ? records : [],
    release: null,
    sentence,
  };
}

function unseen(context: PassContext, revision: number): string {
  const lag = findLaggards(context, (run) => run >= revision);
  const who = lag === null ? "is not seen to be run" : `is not run by ${formatLag(lag)}`;
  return `Revision ${revision} holds the values that were found and ${who}.`;
}

/**
 * What to keep as the values that were found: of each class the TTL that the target ran when a
 * document first held the class. Null: nothing is known.
 */
export function planAdopted({
  adopted,
  document,
  observation,
}: Pick<PassContext, "adopted" | "document" | "observation">): PassContext["adopted"] {
  const found =
    observation.ok && (document !== null || observation.newestRevision === 0)
      ? observation.ttlInForce
      : {};
  const untouched = Object.entries(found).filter(
    ([name]) => document?.ttlSeconds[name] === undefined && adopted?.[name] === undefined,
  );
  if (untouched.length === 0) return adopted;
  return { ...Object.fromEntries(untouched), ...adopted };
}
