import type { MetricWindow } from "@mestore/contract/samples";
import type { MetricsSource, PodRevision, RejectedReading } from "./ports.ts";

/** The windows of one pass, each asked for once. */
export interface WindowReader {
  /** An empty window once a reading was rejected: the pass is then worth nothing anyway. */
  read(seconds: number): Promise<MetricWindow>;
  /** The first of `windows` that suffices, else the longest that there is history for. */
  grow(
    windows: readonly number[],
    suffices: (window: MetricWindow) => boolean,
  ): Promise<MetricWindow>;
  /** The pods that the first reading told of. */
  pods(): readonly PodRevision[];
  /** The first rejection, which is that of the whole pass. */
  rejection(): RejectedReading | null;
}

const nothing: MetricWindow = {
  fromSeconds: 0,
  toSeconds: 0,
  first: new Map(),
  last: new Map(),
};

export function createWindowReader(source: MetricsSource): WindowReader {
  const known = new Map<number, MetricWindow>();
  let rejected: RejectedReading | null = null;
  let pods: readonly PodRevision[] | null = null;

  async function read(seconds: number): Promise<MetricWindow> {
    if (rejected !== null) return nothing;
    const before = known.get(seconds);
    if (before !== undefined) return before;
    const reading = await source.window(seconds);
    if (!reading.ok) {
      rejected = reading;
      return nothing;
    }
    known.set(seconds, reading.window);
    pods ??= reading.pods;
    return reading.window;
  }

  return {
    read,
    async grow(windows, suffices) {
      let window = nothing;
      let from = Infinity;
      for (const seconds of windows) {
        window = await read(seconds);
        // A window that begins where the shorter one did has come to the end of the history.
        if (rejected !== null || suffices(window) || window.fromSeconds === from) break;
        from = window.fromSeconds;
      }
      return window;
    },
    pods: () => pods ?? [],
    rejection: () => rejected,
  };
}
