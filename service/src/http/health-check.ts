/** Where a service of this machine listens. */
export interface HealthTarget {
  /** Address that it listens on, as the configuration names it. */
  readonly host: string;
  readonly port: number;
}

/** Below the least time-out that a container engine gives a check by default, 1 s for a kubelet. */
const deadlineMs = 900;

/** Addresses to listen on that are none to speak to. */
const loopbackOf: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

/**
 * Asks a running service for a sign of life, for container engines that run a command and read its
 * exit code, in an image without a shell. Null when it lives, else why not, in words.
 */
export async function findUnwell(
  target: HealthTarget,
  timeoutMs = deadlineMs,
): Promise<string | null> {
  const host = loopbackOf[target.host] ?? target.host;
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${target.port}/livez`;
  try {
    const { ok, status } = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    return ok ? null : `${url} answers ${status}`;
  } catch (error) {
    return `${url} gives no answer: ${error instanceof Error ? error.message : String(error)}`;
  }
}
