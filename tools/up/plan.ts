import { withoutPassword } from "./settings.ts";
import { type PartName, partNames, type PartRecord, type PartSettings } from "./state.ts";

/** What to do with one part, and what to tell about it. */
export type PartAction =
  | { readonly name: PartName; readonly action: "keep" }
  | { readonly name: PartName; readonly action: "start"; readonly because: string | null }
  | { readonly name: PartName; readonly action: "restart"; readonly because: string }
  | { readonly name: PartName; readonly action: "stop"; readonly because: string };

export interface PlanInput {
  /** What shall run, with all that it depends on. */
  readonly wanted: Partial<Record<PartName, PartSettings>>;
  /** What the state file knows of. */
  readonly recorded: Partial<Record<PartName, PartRecord>>;
  /** Those of them that live. */
  readonly living: Partial<Record<PartName, PartRecord>>;
  /** Those that live and give no answer. */
  readonly silent: ReadonlySet<PartName>;
}

/** What `up` does, in the order of starting. */
export function planUp({ wanted, recorded, living, silent }: PlanInput): PartAction[] {
  return partNames.flatMap((name): PartAction[] => {
    const settings = wanted[name];
    const running = living[name];
    if (settings === undefined)
      return running === undefined
        ? []
        : [{ name, action: "stop", because: "no longer asked for" }];
    if (running === undefined) {
      const died = recorded[name] !== undefined;
      return [
        {
          name,
          action: "start",
          because: died ? `process ${recorded[name]?.pid} had ended` : null,
        },
      ];
    }
    if (Object.keys(running.settings).length === 0)
      return [{ name, action: "restart", because: "left by an `up` that was cut short" }];
    if (silent.has(name))
      return [{ name, action: "restart", because: `process ${running.pid} does not answer` }];
    const changes = describeChanges(running.settings, settings);
    return changes === ""
      ? [{ name, action: "keep" }]
      : [{ name, action: "restart", because: changes }];
  });
}

/** `timeScale 1 -> 15, workload light -> demo`; empty when nothing changed. Passwords are hidden. */
export function describeChanges(before: PartSettings, after: PartSettings): string {
  const shown = (value: string | number | undefined) =>
    value === undefined ? "unset" : withoutPassword(String(value));
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((key) => before[key] !== after[key])
    .map((key) => `${key} ${shown(before[key])} -> ${shown(after[key])}`)
    .join(", ");
}
