import type { MetricsSource, Target, Targets } from "../control/ports.ts";

/**
 * Targets outside Kubernetes: one service behind one address and one tuning file, whatever the
 * profiles call it. It knows no pods, so the revision that the metrics tell is that of the target.
 */
export function createFileTargets(tuningFile: string, metrics: MetricsSource): Targets {
  const target: Target = {
    metrics,
    read: () =>
      Promise.resolve({
        ok: true,
        state: { readyPods: [], unavailable: 0, restarts: 0, inTransition: false },
      }),
  };
  return { open: () => target, close: () => undefined, identify: () => tuningFile };
}
