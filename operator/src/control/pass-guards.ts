import { LeaseLostError, StaleWriteError } from "./ports.ts";

/** What may change while a pass runs. */
export interface PassGuards {
  /** Whether the profile is still as the pass found it; asked before each write. */
  readonly isCurrent: () => boolean;
  /**
   * Ends the reading of a pass at once; what is being written is waited for. Once it says that the lease
   * is lost nothing more is written.
   */
  readonly signal?: AbortSignal;
}

/**
 * Where another process leads, whatever is written now would be written behind its back; and what was
 * decided on a profile that has changed since is no decision on it.
 * @throws LeaseLostError, StaleWriteError
 */
export function assertWritable({ signal, isCurrent }: PassGuards): void {
  if (signal?.aborted === true && signal.reason instanceof LeaseLostError) throw signal.reason;
  if (!isCurrent()) throw new StaleWriteError("the profile has changed since the pass began");
}

/** What is read, unless the signal comes first: then its reason is thrown, and nobody waits for the rest. */
export async function untilStopped<T>(
  reading: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (signal === undefined) return reading;
  const stopped = Promise.withResolvers<never>();
  const stop = () => stopped.reject(signal.reason);
  signal.addEventListener("abort", stop);
  try {
    if (signal.aborted) stop();
    return await Promise.race([reading, stopped.promise]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
