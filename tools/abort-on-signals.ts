/** 128 + SIGINT, as shells report it. */
export const interruptedExitCode = 130;

/** The first Ctrl-C stops what runs and lets it be cleaned up; a second one ends at once. */
export function abortOnSignals(): AbortSignal {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(interruptedExitCode);
      stop.abort();
    });
  return stop.signal;
}
