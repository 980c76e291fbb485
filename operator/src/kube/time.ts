/** Time and chance as this room sees them, so that tests own both. */
export interface KubeTime {
  /** Wall-clock seconds since 1970, for what people and other programs read. */
  nowSeconds(): number;
  /** Seconds that never step back: for expiry and silence, which no change of the clock may cause. */
  monotonicSeconds(): number;
  /** Resolves after `seconds`, or at once when `signal` aborts. Never rejects. */
  sleep(seconds: number, signal: AbortSignal): Promise<void>;
  /** From 0 up to, not including, 1. */
  random(): number;
}

/**
 * Full jitter ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015): anything from 0 to the
 * exponential bound, so that clients which failed together do not come back together.
 * @param failures in a row, from 1
 */
export function fullJitterSeconds(
  failures: number,
  random: () => number,
  bounds: { readonly baseSeconds: number; readonly capSeconds: number },
): number {
  const exponential = bounds.baseSeconds * 2 ** Math.min(failures - 1, 30);
  return random() * Math.min(bounds.capSeconds, exponential);
}
