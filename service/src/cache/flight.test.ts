import { describe, expect, test } from "bun:test";
import { createFlight, LoadTimeoutError } from "./flight.ts";

const same = (value: string) => value;

function createClockedFlight(timeoutMs = 10_000) {
  const clock = { ms: 0 };
  const flight = createFlight<string>({ timeoutMs, backOffMs: 250, monotonic: () => clock.ms });
  return { clock, flight };
}

describe("flight", () => {
  test("is there to join until it ends, and not after", async () => {
    const { flight } = createClockedFlight();
    const { promise, resolve } = Promise.withResolvers<string>();
    expect(flight.running("key")).toBeUndefined();
    const started = flight.start("key", () => promise, same);
    expect(flight.running("key")).toBe(started);
    expect(flight.running("other")).toBeUndefined();
    resolve("done");
    expect(await started).toBe("done");
    expect(flight.running("key")).toBeUndefined();
    expect(flight.recentFailure("key")).toBeUndefined();
  });

  test("what is kept is made once, before anybody goes on", async () => {
    const { flight } = createClockedFlight();
    const order: string[] = [];
    const started = flight.start(
      "key",
      async () => 7,
      (result) => {
        order.push("kept");
        return `made of ${result}`;
      },
    );
    const all = await Promise.all(
      [started, started, started].map(async (one) => {
        order.push(await one);
        return one;
      }),
    );
    expect(all).toEqual(["made of 7", "made of 7", "made of 7"]);
    expect(order).toEqual(["kept", "made of 7", "made of 7", "made of 7"]);
  });

  test("a failure is everybody's, and is remembered for the back-off", async () => {
    const { flight, clock } = createClockedFlight();
    const fault = new Error("broken");
    const started = flight.start("key", () => Promise.reject(fault), same);
    const joined = flight.running("key");
    await expect(started).rejects.toBe(fault);
    await expect(joined).rejects.toBe(fault);
    expect(flight.recentFailure("key")).toMatchObject({ reason: fault });
    expect(flight.recentFailure("other")).toBeUndefined();
    clock.ms = 249;
    expect(flight.recentFailure("key")).toBeDefined();
    clock.ms = 250;
    expect(flight.recentFailure("key")).toBeUndefined();
  });

  test("work that throws before it returns a promise is a failure like any other", async () => {
    const { flight } = createClockedFlight();
    const started = flight.start(
      "key",
      () => {
        throw new Error("at once");
      },
      same,
    );
    await expect(started).rejects.toThrow("at once");
    expect(flight.running("key")).toBeUndefined();
  });

  test("work that hangs fails in time, and its late result is dropped", async () => {
    const { flight } = createClockedFlight(5);
    const { promise, resolve } = Promise.withResolvers<string>();
    const kept: string[] = [];
    const keep = (value: string) => {
      kept.push(value);
      return value;
    };
    const started = flight.start("key", () => promise, keep);
    await expect(started).rejects.toBeInstanceOf(LoadTimeoutError);
    expect(flight.running("key")).toBeUndefined();
    const again = flight.start("key", async () => "second", keep);
    resolve("too late");
    expect(await again).toBe("second");
    expect(kept).toEqual(["second"]);
  });

  test("ten thousand failures are remembered, no more", async () => {
    const { flight } = createClockedFlight();
    const fault = new Error("broken");
    for (let i = 0; i <= 10_000; i++)
      await flight.start(`key ${i}`, () => Promise.reject(fault), same).catch(() => {});
    expect(flight.recentFailure("key 0")).toBeUndefined();
    expect(flight.recentFailure("key 1")).toBeDefined();
    expect(flight.recentFailure("key 10000")).toBeDefined();
  });
});
