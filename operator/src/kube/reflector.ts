import { operatorMetrics } from "@mestore/contract/metrics";
import type { Logger } from "@mestore/telemetry/logger";
import type { Registry } from "@mestore/telemetry/registry";
import { NotPermittedError } from "../control/ports.ts";
import { expectOk, KubeError } from "./failure.ts";
import { isLater, type KubeList, type KubeObject } from "./objects.ts";
import { createObjectStore, type ObjectChange, type ObjectStore } from "./object-store.ts";
import type { Resource } from "./resources.ts";
import { fullJitterSeconds, type KubeTime } from "./time.ts";
import type { KubeTransport } from "./transport.ts";
import { runWatch } from "./watch.ts";

export interface ReflectorOptions<T extends KubeObject> {
  readonly transport: KubeTransport;
  readonly resource: Resource;
  /** Null: of all namespaces. */
  readonly namespace: string | null;
  readonly labelSelector?: string;
  /** What is kept of an object; without `managedFields` it is a fraction of what the server sends. */
  readonly project: (object: KubeObject) => T;
  readonly time: KubeTime;
  readonly registry: Registry;
  readonly logger: Logger;
  /** Default: see `reflectorTiming`. */
  readonly timing?: ReflectorTiming;
}

export interface ReflectorTiming {
  /** A whole list at least this often, whatever the watch said. */
  readonly relistSeconds: number;
  /** The server is asked to end a watch after a time between these. */
  readonly watchSeconds: { readonly least: number; readonly most: number };
  /** Nothing on a watch for longer than this, bookmarks included: it is opened anew. */
  readonly silentSeconds: number;
}

/**
 * The API server sends a bookmark about every minute (KEP-956); two and a half of them missing is
 * no chance. Watches of 5 to 10 minutes are those of client-go; the list every 10 minutes is the bound on
 * what a watch that lies can hide.
 */
export const reflectorTiming: ReflectorTiming = {
  relistSeconds: 600,
  watchSeconds: { least: 300, most: 600 },
  silentSeconds: 150,
};

/** Why the server keeps a collection from us: the role lacks it, or there is no such resource. */
export type Refusal = "forbidden" | "missing";

/** A copy of one collection that follows the server. */
export interface Reflector<T extends KubeObject> extends Omit<
  ObjectStore<T>,
  "replace" | "remove"
> {
  /** Lists and watches until `signal` aborts; whatever fails is tried again. */
  run(signal: AbortSignal): Promise<void>;
  /** Whether the first list has arrived. */
  hasSynced(): boolean;
  /** Resolves when it has. */
  readonly whenSynced: Promise<void>;
  /** How the server refused the last list that it answered; null: it did not. */
  refusal(): Refusal | null;
  /** Told when the first list has arrived, and of each change of `refusal`. */
  onAnswer(listener: () => void): void;
  /** Told of each difference; first of all of each object that the first list brought. */
  onChange(listener: (change: ObjectChange<T>) => void): void;
}

const pageSize = 500;
/** Between attempts that fail: full jitter over 1, 2, 4, … s. */
const retry = { baseSeconds: 1, capSeconds: 30 } as const;
/** A version that the server does not want is not insisted on. */
const failuresBeforeList = 3;
/** A watch that lasted less failed, whatever it says: a proxy that closes at once is not to be hammered. */
const shortestWatchSeconds = 1;

export function createReflector<T extends KubeObject>(options: ReflectorOptions<T>): Reflector<T> {
  const { transport, resource, namespace, project, time, logger } = options;
  const timing = options.timing ?? reflectorTiming;
  const path = resource.path(namespace);
  const name = resource.plural;
  const selector =
    options.labelSelector === undefined ? {} : { labelSelector: options.labelSelector };
  const restarts = (reason: "ended" | "expired" | "silent" | "failed") =>
    options.registry.cell(operatorMetrics.watchRestarts, { resource: name, reason });
  const listeners: ((change: ObjectChange<T>) => void)[] = [];
  const store = createObjectStore<T>(project, (change) => {
    for (const listener of listeners) listener(change);
  });
  let synced = false;
  let refusal: Refusal | null = null;
  const first = Promise.withResolvers<void>();
  const answerListeners: (() => void)[] = [];

  function answer(next: Refusal | null): void {
    const isNews = next !== refusal || (next === null && !synced);
    refusal = next;
    if (next === null) synced = true;
    if (isNews) for (const listener of answerListeners) listener();
  }

  /** The whole collection, page by page, as of the version that is returned. */
  async function list(signal: AbortSignal): Promise<string> {
    const objects: T[] = [];
    let next = "";
    for (;;) {
      const page = expectOk(
        await transport.request<KubeList<KubeObject>>({
          method: "GET",
          path,
          query: { ...selector, limit: String(pageSize), ...(next && { continue: next }) },
          signal,
        }),
        { verb: "list", resource: name },
      );
      for (const object of page.items ?? []) objects.push(project(object));
      next = page.metadata.continue ?? "";
      if (next !== "") continue;
      store.replace(objects, page.metadata.resourceVersion);
      if (refusal !== null) logger.info({ resource: name, namespace }, "can be listed again");
      answer(null);
      first.resolve();
      return page.metadata.resourceVersion;
    }
  }

  /** Gives the version to go on from, null when there is none: list again. */
  async function watch(
    version: string,
    untilSeconds: number,
    signal: AbortSignal,
  ): Promise<{ readonly version: string | null; readonly fine: boolean }> {
    const { least, most } = timing.watchSeconds;
    const startedAt = time.monotonicSeconds();
    const wanted = least + time.random() * (most - least);
    let seen = version;
    const end = await runWatch(
      {
        transport,
        path,
        query: selector,
        resourceVersion: version,
        timeoutSeconds: Math.max(1, Math.ceil(Math.min(wanted, untilSeconds - startedAt))),
        silentSeconds: timing.silentSeconds,
        time,
        onEvent({ type, object }) {
          const { resourceVersion } = object.metadata;
          if (type === "DELETED") store.remove(object);
          else if (type !== "BOOKMARK") store.absorb(object);
          if (isLater(resourceVersion, seen)) seen = resourceVersion;
        },
      },
      signal,
    );
    if (signal.aborted) return { version: seen, fine: true };
    restarts(end.reason).add(1);
    const brief = time.monotonicSeconds() - startedAt < shortestWatchSeconds;
    const fine = end.reason === "silent" || (end.reason === "ended" && !brief);
    logger[fine ? "debug" : "warn"](
      { resource: name, namespace, reason: end.reason, detail: end.detail },
      "watch opened anew",
    );
    if (end.reason === "expired") return { version: null, fine: !brief };
    return { version: seen, fine };
  }

  return {
    get: store.get,
    inNamespace: store.inNamespace,
    values: store.values,
    absorb: store.absorb,
    hasSynced: () => synced,
    whenSynced: first.promise,
    refusal: () => refusal,
    onAnswer: (listener) => void answerListeners.push(listener),
    onChange: (listener) => void listeners.push(listener),

    async run(signal) {
      let version: string | null = null;
      let relistAt = 0;
      let failures = 0;
      while (!signal.aborted) {
        try {
          if (version === null || time.monotonicSeconds() >= relistAt) {
            version = await list(signal);
            // Spread by a tenth, so that the collections do not all come due together for ever.
            relistAt = time.monotonicSeconds() + timing.relistSeconds * (1 - 0.1 * time.random());
          }
          const watched = await watch(version, relistAt, signal);
          failures = watched.fine ? 0 : failures + 1;
          version = failures < failuresBeforeList ? watched.version : null;
        } catch (error) {
          if (signal.aborted) return;
          version = null;
          failures += 1;
          const next = refusalOf(error);
          // A refusal stands until somebody grants or creates something: it is said once.
          const isKnown = next !== null && next === refusal;
          logger[isKnown ? "debug" : "warn"](
            { err: error, resource: name, namespace },
            "cannot list",
          );
          if (next !== null) answer(next);
        }
        if (failures > 0) await time.sleep(fullJitterSeconds(failures, time.random, retry), signal);
      }
    },
  };
}

function refusalOf(error: unknown): Refusal | null {
  if (error instanceof NotPermittedError) return "forbidden";
  return error instanceof KubeError && error.failure.status === 404 ? "missing" : null;
}
