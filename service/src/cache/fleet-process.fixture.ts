import {
  countsOf,
  createParticipant,
  createSeconds,
  type TraceOptions,
} from "./fleet-replay.fixture.ts";

/**
 * A process of a fleet, started by a test: replays its part of the trace second by second, as it is
 * told over IPC, and answers with its counters.
 */
export interface ReplayOrder {
  /** Seconds of the trace to replay. */
  readonly seconds: number;
  /** False: they pass unseen, as before a process started. */
  readonly seen: boolean;
}

const [url = "", index = "", trace = ""] = process.argv.slice(2);
const clock = { ms: 0 };
const seconds = createSeconds(JSON.parse(trace) as TraceOptions);
const { fleet, product } = createParticipant(url, clock);

process.on("message", (order: ReplayOrder) => void obey(order));
process.send?.("ready");

async function obey(order: ReplayOrder): Promise<void> {
  for (let i = 0; i < order.seconds; i++) {
    const second = Math.round(clock.ms / 1000) + 1;
    for (const { hash, ms, process: seenBy } of seconds()) {
      if (!order.seen || seenBy !== Number(index)) continue;
      clock.ms = ms;
      product.reference(hash, 4000, ms / 1000);
    }
    clock.ms = second * 1000;
    if (order.seen) await fleet.tick();
  }
  process.send?.({ ...countsOf(product.totals), scope: fleet.scope() });
}
