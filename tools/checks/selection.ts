import { type SuiteName, suiteNames } from "./suites.ts";

export type Selection =
  | { readonly ok: true; readonly suites: readonly SuiteName[]; readonly left: readonly LeftOut[] }
  | { readonly ok: false; readonly unknown: readonly string[] };

/** A suite that does not run though nobody excluded it. */
export interface LeftOut {
  readonly suite: SuiteName;
  readonly reason: string;
}

export interface SelectionRequest {
  readonly named: readonly string[];
  /** Every suite but soak, which takes minutes and runs by name only. */
  readonly all: boolean;
  /** What a suite lacks on this machine, in words; null when it lacks nothing. */
  readonly missingTool: (suite: SuiteName) => string | null;
}

/** These need nothing that we do not bring. */
const always: ReadonlySet<SuiteName> = new Set(["fast", "stores"]);

/** Which suites run. Named ones run whatever they lack: it is brought first. */
export function selectSuites({ named, all, missingTool }: SelectionRequest): Selection {
  const unknown = named.filter((name) => !suiteNames.some((suite) => suite === name));
  if (unknown.length > 0) return { ok: false, unknown };
  const suites: SuiteName[] = [];
  const left: LeftOut[] = [];
  for (const suite of suiteNames) {
    if (named.includes(suite) || (all && suite !== "soak")) suites.push(suite);
    else if (named.length === 0) {
      const reason = reasonToLeave(suite, missingTool);
      if (reason === null) suites.push(suite);
      else left.push({ suite, reason });
    }
  }
  return { ok: true, suites, left };
}

function reasonToLeave(
  suite: SuiteName,
  missingTool: SelectionRequest["missingTool"],
): string | null {
  if (suite === "soak") return "runs by name only";
  if (always.has(suite)) return null;
  const tool = missingTool(suite);
  return tool === null ? null : `it needs ${tool} (./mestore test ${suite} brings what can be had)`;
}
