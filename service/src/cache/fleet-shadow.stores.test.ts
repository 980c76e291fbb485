import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { startValkey, type TestServer } from "@mestore/tools/stack/test-stores";
import { waitFor } from "@mestore/tools/stack/wait-for";
import Redis from "ioredis";
import { startCutProxy } from "./cut-proxy.fixture.ts";
import type { ReplayOrder } from "./fleet-process.fixture.ts";
import {
  type Counts,
  countsOf,
  createParticipant,
  createSeconds,
  createWhole,
  curveBetween,
  type Participant,
  sumCounts,
  traceBeganMs,
} from "./fleet-replay.fixture.ts";

/** An hour of the trace takes some seconds, and this machine may have others to serve. */
setDefaultTimeout(120_000);

const traffic = { keys: 20_000, exponent: 0.9, rate: 400, processes: 3 };
const object = 4000;

let server: TestServer;
beforeEach(async () => {
  server = await startValkey();
});
afterEach(() => server.stop());

/** Three participants and, beside them, one process that sees the whole trace. */
function createReplay(urls: readonly string[]) {
  const clock = { ms: 0 };
  const seconds = createSeconds(traffic);
  const whole = createWhole();
  const participants: Participant[] = urls.map((url) => createParticipant(url, clock));
  /** What those that ended had counted. */
  const ended: Counts[] = [];
  return {
    clock,
    whole,
    participants,
    at: (index: number): Participant => {
      const participant = participants[index];
      if (participant === undefined) throw new Error(`no participant ${index}`);
      return participant;
    },
    /** Ends like a process that is killed, and starts another one in its place. */
    replace(index: number, url: string) {
      const old = participants[index];
      if (old !== undefined) ended.push(countsOf(old.product.totals));
      participants[index] = createParticipant(url, clock);
    },
    sum: () =>
      sumCounts([...ended, ...participants.map(({ product }) => countsOf(product.totals))]),
    async pass(count: number) {
      for (let i = 0; i < count; i++) {
        const second = Math.round(clock.ms / 1000) + 1;
        for (const { hash, ms, process } of seconds()) {
          clock.ms = ms;
          whole.reference(hash, object, (traceBeganMs + ms) / 1000);
          participants[process]?.product.reference(hash, object, ms / 1000);
        }
        clock.ms = second * 1000;
        await Promise.all(participants.map(({ fleet }) => fleet.tick()));
      }
    },
    async close() {
      for (const { fleet } of participants) await fleet.close();
    },
  };
}

/** Points off, at the points that lie near the target by the process that saw all. */
function errorsNearTarget(
  fleet: readonly [before: Counts, after: Counts],
  whole: readonly [before: Counts, after: Counts],
): readonly number[] {
  const expected = curveBetween(...whole);
  const errors = curveBetween(...fleet).flatMap(({ hitRate }, i) => {
    const rate = expected[i]?.hitRate ?? 0;
    return rate >= 0.8 && rate <= 0.92 ? [Math.abs(hitRate - rate)] : [];
  });
  expect(errors.length).toBeGreaterThanOrEqual(2);
  return errors;
}

const warmUpSeconds = 600;

async function measure(
  replay: ReturnType<typeof createReplay>,
  run: () => Promise<void>,
): Promise<{ readonly error: number; readonly share: number }> {
  await replay.pass(1);
  await replay.pass(warmUpSeconds);
  const before = [replay.sum(), countsOf(replay.whole.totals)] as const;
  await run();
  const after = [replay.sum(), countsOf(replay.whole.totals)] as const;
  const errors = errorsNearTarget([before[0], after[0]], [before[1], after[1]]);
  return {
    error: Math.max(...errors),
    share: (after[0].lookups - before[0].lookups) / (after[1].lookups - before[1].lookups),
  };
}

describe("three processes on one trace against one that sees all of it", () => {
  test("an hour: they agree", async () => {
    const replay = createReplay([server.url, server.url, server.url]);
    const { error, share } = await measure(replay, () => replay.pass(3000));
    expect(error).toBeLessThan(0.001);
    expect(share).toBeCloseTo(1, 3);
    const [first, ...others] = replay.participants;
    for (const { fleet, product } of replay.participants) {
      expect(fleet.scope()).toBe("fleet");
      expect(fleet.processes()).toBe(3);
      expect(product.observedSeconds(0)).toBeCloseTo(3600, -1);
    }
    // Once all have read to the end, the sample is the same in all.
    for (const { fleet } of [...replay.participants, ...replay.participants]) await fleet.tick();
    for (const { product } of others)
      expect(product.residentBytes(0)).toEqual(
        first?.product.residentBytes(0) ?? new Float64Array(),
      );
    await replay.close();
  });

  test("Valkey hangs for 20 s: what was kept is told afterwards", async () => {
    const replay = createReplay([server.url, server.url, server.url]);
    const { error, share } = await measure(replay, async () => {
      await replay.pass(300);
      await server.kill("SIGSTOP");
      await replay.pass(20);
      await server.kill("SIGCONT");
      await replay.pass(880);
    });
    expect(error).toBeLessThan(0.01);
    expect(share).toBeCloseTo(1, 3);
    await replay.close();
  });

  test("one is cut off for 40 s: what it kept is told afterwards", async () => {
    const proxy = await startCutProxy(server.url);
    const replay = createReplay([server.url, server.url, proxy.url]);
    const { error, share } = await measure(replay, async () => {
      await replay.pass(300);
      proxy.cut();
      await replay.pass(40);
      proxy.mend();
      await replay.pass(860);
    });
    expect(error).toBeLessThan(0.01);
    expect(share).toBeCloseTo(1, 3);
    await replay.close();
    await proxy.stop();
  });

  test("one is cut off for 5 min: it counts alone meanwhile, what it gave up counts nowhere, and it comes back", async () => {
    const proxy = await startCutProxy(server.url);
    const replay = createReplay([server.url, server.url, proxy.url]);
    const standings: unknown[] = [];
    const note = () => standings.push([replay.at(2).fleet.scope(), replay.at(0).fleet.processes()]);
    const { share } = await measure(replay, async () => {
      await replay.pass(300);
      proxy.cut();
      await replay.pass(300);
      note();
      proxy.mend();
      await replay.pass(10);
      note();
    });
    expect(standings).toEqual([
      ["alone", 2],
      ["fleet", 3],
    ]);
    // A minute of one of three, in ten.
    expect(share).toBeGreaterThan(1 - (61 / 610) * 0.36);
    expect(share).toBeLessThan(1 - (59 / 610) * 0.3);
    // Back in the fleet its counters are a part of the whole again.
    const before = [replay.sum(), countsOf(replay.whole.totals)] as const;
    await replay.pass(900);
    const after = [replay.sum(), countsOf(replay.whole.totals)] as const;
    for (const error of errorsNearTarget([before[0], after[0]], [before[1], after[1]]))
      expect(error).toBeLessThan(0.01);
    await replay.close();
    await proxy.stop();
  });

  test("one is killed and another takes its place: it has the fleet's sample from the start", async () => {
    const replay = createReplay([server.url, server.url, server.url]);
    const { error, share } = await measure(replay, async () => {
      await replay.pass(600);
      replay.replace(1, server.url);
      await replay.pass(1);
      expect(replay.at(1).fleet.scope()).toBe("fleet");
      expect(replay.at(1).product.observedSeconds(0)).toBeGreaterThan(1000);
      await replay.pass(599);
    });
    expect(error).toBeLessThan(0.01);
    expect(share).toBeGreaterThan(0.999);
    await replay.close();
  });
});

async function command(run: (client: Redis) => Promise<unknown>): Promise<void> {
  const client = new Redis(server.url);
  await run(client);
  client.disconnect();
}

describe("when Redis forgets", () => {
  const forget: readonly (readonly [string, () => Promise<void>])[] = [
    ["everything (FLUSHALL)", () => command((client) => client.flushall())],
    ["everything (killed, started empty)", () => server.restart()],
    ["the stream alone", () => command((client) => client.del("mestore:{shadow}:v1:stream"))],
  ];

  test.each(forget)("%s: a sample begins anew, and no look-up counts twice", async (_, lose) => {
    const replay = createReplay([server.url, server.url, server.url]);
    await replay.pass(120);
    await lose();
    await replay.pass(30);
    for (const { fleet, product } of replay.participants) {
      expect(fleet.scope()).toBe("fleet");
      expect(product.observedSeconds(0)).toBeGreaterThan(20);
      expect(product.observedSeconds(0)).toBeLessThan(31);
    }
    const { lookups } = replay.whole.totals;
    expect(replay.sum().lookups).toBeLessThanOrEqual(lookups);
    expect(replay.sum().lookups).toBeGreaterThan(lookups - 5 * traffic.rate);
    await replay.close();
  });

  test("the snapshot, which is written again; the sample goes on", async () => {
    const replay = createReplay([server.url, server.url, server.url]);
    await replay.pass(120);
    await command(async (client) => {
      await client.del("mestore:{shadow}:v1:snapshot");
      await client.xtrim("mestore:{shadow}:v1:stream", "MAXLEN", 3);
    });
    await replay.pass(30);
    replay.replace(0, server.url);
    await waitFor(
      async () => {
        await replay.pass(1);
        return replay.at(0).fleet.scope() === "fleet";
      },
      { what: "the fleet's sample" },
    );
    expect(replay.at(0).product.observedSeconds(0)).toBeGreaterThan(140);
    await replay.close();
  });

  test("nothing, but refuses to be written to: each counts alone, and together again after it", async () => {
    const replay = createReplay([server.url, server.url, server.url]);
    await replay.pass(30);
    await command(async (client) => {
      await client.config("SET", "maxmemory-policy", "noeviction");
      await client.config("SET", "maxmemory", "1");
    });
    await replay.pass(70);
    expect(replay.participants.map(({ fleet }) => fleet.scope())).toEqual([
      "alone",
      "alone",
      "alone",
    ]);
    expect(replay.participants.map(({ fleet }) => fleet.processes())).toEqual([3, 3, 3]);
    await command((client) => client.config("SET", "maxmemory", "0"));
    await replay.pass(3);
    expect(replay.participants.map(({ fleet }) => fleet.scope())).toEqual([
      "fleet",
      "fleet",
      "fleet",
    ]);
    expect(replay.sum().lookups).toBeLessThanOrEqual(replay.whole.totals.lookups);
    await replay.close();
  });
});

test("three real processes, one of them killed and started again", async () => {
  const fixture = join(import.meta.dir, "fleet-process.fixture.ts");
  const ended: Counts[] = [];
  const start = async (index: number) => {
    const answers: unknown[] = [];
    const child = Bun.spawn(
      [process.execPath, fixture, server.url, String(index), JSON.stringify(traffic)],
      { ipc: (answer) => answers.push(answer), stdout: "inherit", stderr: "inherit" },
    );
    const next = async () => {
      await waitFor(() => answers.length > 0, { intervalMs: 1, what: `process ${index}` });
      return answers.shift();
    };
    await next();
    return {
      child,
      last: { lookups: 0, sampled: 0, misses: [], scope: "" } as Counts & { scope: string },
      async obey(order: ReplayOrder) {
        child.send(order);
        this.last = (await next()) as Counts & { scope: string };
      },
    };
  };
  const processes = await Promise.all([0, 1, 2].map(start));
  const clock = { ms: 0 };
  const seconds = createSeconds(traffic);
  const whole = createWhole();
  const pass = async (count: number) => {
    for (let i = 0; i < count; i++) {
      for (const { hash, ms } of seconds())
        whole.reference(hash, object, (traceBeganMs + ms) / 1000);
      clock.ms += 1000;
      await Promise.all(processes.map((one) => one.obey({ seconds: 1, seen: true })));
    }
  };
  const sum = () => sumCounts([...ended, ...processes.map(({ last }) => last)]);

  await pass(600);
  const before = [sum(), countsOf(whole.totals)] as const;
  await pass(300);
  const [killed] = processes.splice(1, 1);
  if (killed !== undefined) ended.push(killed.last);
  killed?.child.kill("SIGKILL");
  await killed?.child.exited;
  const replacement = await start(1);
  await replacement.obey({ seconds: clock.ms / 1000, seen: false });
  processes.push(replacement);
  await pass(300);
  const after = [sum(), countsOf(whole.totals)] as const;
  for (const error of errorsNearTarget([before[0], after[0]], [before[1], after[1]]))
    expect(error).toBeLessThan(0.01);
  expect(processes.map(({ last }) => last.scope)).toEqual(["fleet", "fleet", "fleet"]);
  for (const { child } of processes) {
    child.kill("SIGKILL");
    await child.exited;
  }
});
