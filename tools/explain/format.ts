import { SingleBar } from "cli-progress";
import type { Explained, OnProgress } from "./explain-file.ts";

/** What the command leaves behind. */
export interface ExplainResult {
  /** For the standard output. */
  readonly output: string;
  /** For the standard error output. */
  readonly errors: string;
  /** 1 when the profile is refused or nothing could be observed, so that no decision was made. */
  readonly exitCode: number;
}

export function formatExplained(explained: Explained, json: boolean): ExplainResult {
  const exitCode = explained.ok && explained.profiles.every(wasObserved) ? 0 : 1;
  if (json)
    return { output: `${JSON.stringify(toJson(explained), null, 2)}\n`, errors: "", exitCode };
  if (!explained.ok) return { output: "", errors: `${explained.faults.join("\n")}\n`, exitCode };
  const output = explained.profiles.map(({ explanation }) => explanation.text).join("\n");
  return { output, errors: "", exitCode };
}

type ExplainedProfiles = Extract<Explained, { readonly ok: true }>["profiles"];

function wasObserved({ explanation }: ExplainedProfiles[number]): boolean {
  return explanation.observation.ok;
}

function toJson(explained: Explained): object {
  if (!explained.ok) return { faults: explained.faults };
  return {
    profiles: explained.profiles.map(({ key, explanation }) => {
      const { observation, objectives, decisions } = explanation;
      return { profile: key, observation, objectives, decisions };
    }),
  };
}

export interface ExplainProgress {
  readonly show: OnProgress;
  close(): void;
}

/** A bar on a terminal; elsewhere one line that says how long it will take. */
export function createExplainProgress(stream: NodeJS.WriteStream): ExplainProgress {
  let bar: SingleBar | undefined;
  let begun = false;
  return {
    show(share, seconds, url) {
      if (!begun && stream.isTTY) {
        bar = new SingleBar({
          stream,
          clearOnComplete: true,
          hideCursor: true,
          format: `watching ${url} [{bar}] {value} of {total} s`,
        });
        bar.start(Math.round(seconds), 0);
      } else if (!begun) stream.write(`watching ${url} for ${Math.round(seconds)} s …\n`);
      begun = true;
      bar?.update(Math.round(share * seconds));
    },
    close: () => bar?.stop(),
  };
}
