import { type KubeFailure, describeFailure, failureOfBody } from "./failure.ts";
import { createLineSplitter } from "./lines.ts";
import type { KubeObject } from "./objects.ts";
import type { KubeTime } from "./time.ts";
import type { KubeTransport } from "./transport.ts";

export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  readonly object: KubeObject;
}

/**
 * How a watch came to its end: as the server had been asked to (`ended`), because the version is too old
 * (`expired`: list again), because nothing came for too long (`silent`), or otherwise (`failed`).
 */
export interface WatchEnd {
  readonly reason: "ended" | "expired" | "silent" | "failed";
  readonly detail: string;
}

export interface WatchOptions {
  readonly transport: KubeTransport;
  /** Collection: `/apis/apps/v1/namespaces/shop/deployments`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** What happened after this version is told. */
  readonly resourceVersion: string;
  /** When the server is to end the watch. */
  readonly timeoutSeconds: number;
  /** Nothing for longer than this, bookmarks included: the connection is dead. */
  readonly silentSeconds: number;
  readonly time: Pick<KubeTime, "sleep">;
  readonly onEvent: (event: WatchEvent) => void;
}

/** The whole of `signal` gave up. */
const givenUp: WatchEnd = { reason: "ended", detail: "given up" };

/** One watch request, from its first event to its last. Never rejects for what the network does. */
export async function runWatch(options: WatchOptions, signal: AbortSignal): Promise<WatchEnd> {
  const { transport, path, resourceVersion, timeoutSeconds } = options;
  const opened = await transport.stream({
    method: "GET",
    path,
    query: {
      ...options.query,
      watch: "true",
      allowWatchBookmarks: "true",
      resourceVersion,
      timeoutSeconds: String(timeoutSeconds),
    },
    signal,
  });
  if (signal.aborted) return givenUp;
  if (!opened.ok) return endOf(opened);
  const reader = opened.body.getReader();
  const lines = createLineSplitter();
  try {
    for (;;) {
      const chunk = await readOrSilence(reader, options, signal);
      if (chunk === "silent")
        return { reason: "silent", detail: `nothing for ${options.silentSeconds} s` };
      if (signal.aborted) return givenUp;
      if (chunk.done) return { reason: "ended", detail: "the server ended it" };
      for (const line of lines.push(chunk.value)) {
        const failure = tell(line, options.onEvent);
        if (failure !== null) return endOf(failure);
      }
    }
  } catch (error) {
    return { reason: "failed", detail: (error as Error).message };
  } finally {
    // The server is told by the closed connection; whether it listens must not hold anybody up.
    reader.cancel().catch(() => undefined);
  }
}

type Chunk =
  | { readonly done: true; readonly value?: unknown }
  | { readonly done: false; readonly value: Uint8Array };
interface ChunkReader {
  read(): Promise<Chunk>;
}

async function readOrSilence(
  reader: ChunkReader,
  { time, silentSeconds }: WatchOptions,
  signal: AbortSignal,
): Promise<Chunk | "silent"> {
  const watchdog = new AbortController();
  const stop = () => watchdog.abort();
  signal.addEventListener("abort", stop);
  try {
    const silence = time.sleep(silentSeconds, watchdog.signal).then(() => "silent" as const);
    const first = await Promise.race([reader.read(), silence]);
    if (first !== "silent") return first;
    return signal.aborted ? { done: true } : "silent";
  } finally {
    signal.removeEventListener("abort", stop);
    watchdog.abort();
  }
}

/** Null: told. An ERROR event carries a Status. */
function tell(line: string, onEvent: WatchOptions["onEvent"]): KubeFailure | null {
  const event = JSON.parse(line) as { type: string; object: KubeObject & { code?: number } };
  switch (event.type) {
    case "ADDED":
    case "MODIFIED":
    case "DELETED":
    case "BOOKMARK":
      onEvent({ type: event.type, object: event.object });
      return null;
    default:
      return failureOfBody(event.object.code ?? 0, JSON.stringify(event.object));
  }
}

function endOf(failure: KubeFailure): WatchEnd {
  const expired =
    failure.status === 410 || failure.reason === "Expired" || failure.reason === "Gone";
  return { reason: expired ? "expired" : "failed", detail: describeFailure(failure) };
}
