import { describe, expect, test } from "bun:test";
import { createLogger } from "@mestore/telemetry/logger";
import { createDrain } from "./drain.ts";

function createBed(drainSeconds: number) {
  const happened: string[] = [];
  const drain = createDrain({
    server: {
      stop: async (hard) => {
        happened.push(hard === true ? "cut" : "stopped");
      },
    },
    drainSeconds,
    logger: createLogger({ name: "test", level: "fatal", write: () => {} }),
    close: async () => {
      happened.push("closed");
    },
    exit: (code) => happened.push(`exit ${code}`),
  });
  return { drain, happened };
}

describe("a drain", () => {
  test("stops the server, closes the rest and exits with 0, in this order", async () => {
    const { drain, happened } = createBed(0);
    expect(drain.isDraining()).toBe(false);
    const ended = drain.onSignal("SIGTERM");
    expect(drain.isDraining()).toBe(true);
    await ended;
    expect(happened).toEqual(["stopped", "closed", "exit 0"]);
  });

  test("ends at once, with the code of the signal, when it is told again", async () => {
    const { drain, happened } = createBed(300);
    void drain.onSignal("SIGTERM");
    await drain.onSignal("SIGINT");
    expect(happened).toEqual(["exit 130"]);
    await drain.onSignal("SIGTERM");
    expect(happened).toEqual(["exit 130", "exit 143"]);
  });
});
