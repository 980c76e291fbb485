import type { ProfileSpec } from "@mestore/contract/performance-profile";
import { Cron } from "croner";

export type FreezeWindow = ProfileSpec["guardrails"]["freezeWindows"][number];

export interface Freeze {
  /** Whether one of the windows is open. */
  readonly frozen: boolean;
  /** A schedule or time zone that cannot be read. It freezes: nobody knows when it would not. */
  readonly fault: { readonly path: string; readonly message: string } | null;
}

/** Whether no move may be written at `nowSeconds`. Schedules are cron, five fields, in their time zone. */
export function judgeFreeze(windows: readonly FreezeWindow[], nowSeconds: number): Freeze {
  const now = new Date(nowSeconds * 1000);
  let frozen = false;
  for (const [index, { schedule, durationMinutes, timeZone }] of windows.entries()) {
    try {
      const cron = new Cron(schedule, { timezone: timeZone, mode: "5-part", paused: true });
      const [start] = cron.previousRuns(1, now);
      frozen ||= start !== undefined && now.getTime() - start.getTime() < durationMinutes * 60_000;
    } catch (error) {
      const path = `spec.guardrails.freezeWindows[${index}]`;
      return { frozen: true, fault: { path, message: (error as Error).message } };
    }
  }
  return { frozen, fault: null };
}
