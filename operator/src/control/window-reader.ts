import type { MetricWindow } from "@mestore/contract/samples";
import type { MetricsSource, PodRevision, RejectedReading } from "./ports.ts";

/** The windows of one pass, each asked for once. */
export interface WindowReader {
  /** An empty window once a reading was rejected: the pass is then worth nothing anyway. */
  read(seconds: number): Promise<MetricWindow>;
  /**
   * The first of `windows` (ascending) that suffices, else the longest that there is history for. What
   * suffices must go on doing so as a window grows. None that begins before `notBeforeSeconds` is given;
   * default: all may.
   */
  grow(
    windows: readonly number[],
    suffices: (window: MetricWindow) => boolean,
    notBeforeSeconds?: number,
  ): Promise<MetricWindow>;
  /** The pods that the first reading told of. */
  pods(): readonly PodRevision[];
  /** The first rejection, which is that of the whole pass. */
  rejection(): RejectedReading | null;
}

export interface WindowReaderOptions {
  readonly nowSeconds: number;
  /** Interval of the source's readings: two of them are never exactly that far apart. */
  readonly scrapeSeconds: number;
}

const nothing: MetricWindow = {
  fromSeconds: 0,
  toSeconds: 0,
  first: new Map(),
  last: new Map(),
};

export function createWindowReader(
  source: MetricsSource,
  { nowSeconds, scrapeSeconds }: WindowReaderOptions,
): WindowReader {
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

  /** Whether a longer one of this pass, as new as a short one would be, says that this cannot suffice. */
  function isHopeless(seconds: number, suffices: (window: MetricWindow) => boolean): boolean {
    return [...known].some(
      ([length, window]) =>
        length >= seconds && nowSeconds - window.toSeconds <= scrapeSeconds && !suffices(window),
    );
  }

  return {
    read,
    async grow(windows, suffices, notBeforeSeconds = -Infinity) {
      const earliest = notBeforeSeconds - scrapeSeconds / 2;
      let grown = nothing;
      let from = Infinity;
      for (const [index, seconds] of windows.entries()) {
        if (index < windows.length - 1 && isHopeless(seconds, suffices)) continue;
        const window = await read(seconds);
        // A source may begin earlier than it was asked to.
        if (rejected !== null || window.fromSeconds < earliest) break;
        grown = window;
        // A window that begins where the shorter one did has come to the end of the history.
        if (suffices(window) || window.fromSeconds >= from) break;
        from = window.fromSeconds;
      }
      return grown;
    },
    pods: () => pods ?? [],
    rejection: () => rejected,
  };
}
