import type { ProfileDecision } from "@mestore/contract/profile-status";
import type { Logger } from "@mestore/telemetry/logger";
import type { EventSink, ProfileEvent } from "../control/ports.ts";
import type { Cache } from "./caches.ts";
import { describeFailure } from "./failure.ts";
import { microTime } from "./lease.ts";
import { events, profiles } from "./resources.ts";
import type { KubeTime } from "./time.ts";
import { type KubeRequest, type KubeTransport, mergePatch } from "./transport.ts";
import type { WatchedProfile } from "./watched-objects.ts";

export interface KubeEventsOptions {
  readonly transport: KubeTransport;
  readonly cache: Cache<WatchedProfile>;
  /** The process, as `reportingInstance`. */
  readonly identity: string;
  readonly time: KubeTime;
  readonly logger: Logger;
}

export interface KubeEvents extends EventSink {
  /** Sends what is published until `signal` aborts; then what is queued, as far as it goes. */
  run(signal: AbortSignal): Promise<void>;
}

/** An event that comes again within this is one series; client-go's recorder uses the same. */
const seriesSeconds = 360;
/** A series tells of its new count this often at most. */
const countSeconds = 60;
/** While the server is away, as many wait; the oldest are lost first. */
const mostQueued = 256;
/** The last words on a profile come when it may have gone already: so many are remembered. */
const mostGone = 64;

const reportingController = "mestore.dev/operator";

/**
 * Reasons of events that stand for one decision each, of which none may hide another. All others tell of a
 * state, whose message is another with every figure in it.
 */
const decided: Readonly<Record<ProfileDecision["verdict"], true>> = {
  Recommended: true,
  Applied: true,
  Verified: true,
  Unverified: true,
  RolledBack: true,
  Withdrawn: true,
  Kept: true,
};

interface Series {
  readonly namespace: string;
  /** Of the Event object. */
  readonly name: string;
  count: number;
  lastAt: number;
  toldAt: number;
}

/**
 * EventSink on Events. Of each profile, type and reason there is one series, which shows its newest message;
 * of decisions one of each message. Publishing only queues; one sender tells the server.
 */
export function createKubeEvents(options: KubeEventsOptions): KubeEvents {
  const { transport, cache, identity, time, logger } = options;
  const series = new Map<string, Series>();
  const gone = new Map<string, WatchedProfile>();
  cache.onChange(({ key, before, after }) => {
    gone.delete(key);
    if (after !== null || before === null) return;
    gone.set(key, before);
    const [oldest] = gone.keys();
    if (gone.size > mostGone && oldest !== undefined) gone.delete(oldest);
  });
  const queue: KubeRequest[] = [];
  let wake = () => {};

  function enqueue(request: KubeRequest): void {
    if (queue.length >= mostQueued) queue.shift();
    queue.push(request);
    wake();
  }

  function begin(id: string, profile: WatchedProfile, event: ProfileEvent, now: number): void {
    const { namespace = "", name, uid, resourceVersion } = profile.metadata;
    const suffix = Math.floor(time.random() * 2 ** 48).toString(16);
    const own = { namespace, name: `${name.slice(0, 230)}.${suffix}` };
    series.set(id, { ...own, count: 1, lastAt: now, toldAt: now });
    enqueue({
      method: "POST",
      path: events.path(namespace),
      body: {
        apiVersion: events.apiVersion,
        kind: events.kind,
        metadata: own,
        eventTime: microTime(time.nowSeconds()),
        type: event.type,
        reason: event.reason,
        action: event.reason,
        message: messageOf(event),
        reportingComponent: reportingController,
        reportingInstance: identity.slice(0, 128),
        involvedObject: {
          apiVersion: profiles.apiVersion,
          kind: profiles.kind,
          namespace,
          name,
          uid,
          resourceVersion,
        },
      },
    });
  }

  function repeat(one: Series, event: ProfileEvent, now: number): void {
    one.count += 1;
    one.lastAt = now;
    if (one.count > 2 && now - one.toldAt < countSeconds) return;
    one.toldAt = now;
    enqueue({
      method: "PATCH",
      path: events.objectPath(one.namespace, one.name),
      contentType: mergePatch,
      body: {
        message: messageOf(event),
        series: { count: one.count, lastObservedTime: microTime(time.nowSeconds()) },
      },
    });
  }

  async function send(): Promise<void> {
    for (let request = queue.shift(); request !== undefined; request = queue.shift()) {
      const result = await transport.request(request);
      if (!result.ok) logger.warn({ detail: describeFailure(result) }, "an event is lost");
    }
  }

  return {
    publish(key, event) {
      const profile = cache.get(key) ?? gone.get(key);
      if (profile === undefined) return;
      const now = time.monotonicSeconds();
      for (const [id, { lastAt }] of series) if (now - lastAt >= seriesSeconds) series.delete(id);
      const id = seriesOf(profile, event);
      const known = series.get(id);
      if (known === undefined) begin(id, profile, event, now);
      else repeat(known, event, now);
    },

    async run(signal) {
      const stop = () => wake();
      signal.addEventListener("abort", stop);
      try {
        while (!signal.aborted) {
          await send();
          if (signal.aborted) break;
          await new Promise<void>((resolve) => {
            wake = resolve;
            if (queue.length > 0) resolve();
          });
        }
        await send();
      } finally {
        signal.removeEventListener("abort", stop);
      }
    },
  };
}

function seriesOf({ metadata }: WatchedProfile, { type, reason, message }: ProfileEvent): string {
  const state = [metadata.uid, type, reason];
  return JSON.stringify(Object.hasOwn(decided, reason) ? [...state, message] : state);
}

/** The server refuses longer ones. */
const mostMessageBytes = 1024;

function messageOf({ message }: ProfileEvent): string {
  const { read } = new TextEncoder().encodeInto(message, new Uint8Array(mostMessageBytes));
  return message.slice(0, read);
}
