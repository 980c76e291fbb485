import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { hitRateIndicator } from "@mestore/contract/sla";
import { measure } from "@mestore/contract/measure";
import { createTiming } from "@mestore/laws/timing";
import { maxTtlRatio } from "@mestore/laws/ttl";
import type { ProfileStatus } from "@mestore/operator/profile/status";
import { findFreePort } from "../stack/free-port.ts";
import { createHomePaths, isRoot } from "../stack/paths.ts";
import { waitFor } from "../stack/wait-for.ts";
import { readOperatorStatus } from "../status/operator-status.ts";
import { readServiceMetrics } from "../status/service-metrics.ts";
import { loadState } from "../up/state.ts";
import { runCli } from "./launched.ts";

/**
 * The promise of the demonstration on the real stack: 400 product requests a second, Zipf 1, 5,000
 * products, a TTL that starts at 5 s. The operator's own moves bring the fresh-hit rate over 0.85
 * within ten minutes, and then it rests.
 */
const minute = 60_000;
const timeScale = 15;
const quietPeriods = 3;

setDefaultTimeout(15 * minute);

let home: string;
const paths = () => createHomePaths({ MESTORE_HOME: home });

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "mestore-demo-"));
  const port = String(await findFreePort());
  const started = await runCli(home, "up", "--detach", "--traffic", "demo", "--port", port);
  expect(started).toMatchObject({ exitCode: 0 });
});

afterAll(async () => {
  await runCli(home, "down");
  const { postgres } = paths();
  rmSync(home, { recursive: true, force: true });
  if (isRoot) rmSync(dirname(postgres), { recursive: true, force: true });
});

function readStatus(): ProfileStatus {
  const [only] = readOperatorStatus(paths().status);
  if (only === undefined) throw new Error("the operator has written no status yet");
  return only.status;
}

/** What was moved, oldest first. */
const readMoves = () =>
  readStatus()
    .decisions.filter(({ verdict }) => verdict !== "Recommended")
    .toReversed()
    .map(({ from, to, reason, verdict }) => ({
      from: Number(from),
      to: Number(to),
      reason,
      verdict,
    }));

function scrape() {
  const { metricsUrl } = loadState(paths().state);
  if (metricsUrl === undefined) throw new Error("the service has no metrics address");
  return readServiceMetrics(metricsUrl, 5_000);
}

test("the operator brings the hit rate to its target by its own verified steps, and rests", async () => {
  const hasSettled = () => {
    const { objectives, conditions } = readStatus();
    return (
      objectives.some(({ name, met }) => name === "product-hits" && met === "True") &&
      conditions.some(({ reason, message }) => reason === "Settled" && /OnTarget/.test(message))
    );
  };
  await waitFor(hasSettled, {
    timeoutMs: 10 * minute,
    intervalMs: 500,
    what: "the hit rate to meet its target",
  });
  const moves = readMoves();
  expect(moves[0]).toMatchObject({ to: 5, reason: "InitialTTL" });
  expect(moves.length).toBeGreaterThan(3);
  for (const { from, to, verdict } of moves.slice(1)) {
    expect(to / from).toBeLessThanOrEqual(maxTtlRatio);
    expect(to / from).toBeGreaterThanOrEqual(1 / maxTtlRatio);
    expect(verdict).toBe("Verified");
  }

  const quietMs = quietPeriods * createTiming(timeScale).ttlPeriodSeconds * 1000;
  const first = await scrape();
  const fromMs = performance.now();
  await waitFor(() => performance.now() - fromMs >= quietMs, {
    timeoutMs: quietMs + minute,
    intervalMs: 500,
    what: "three periods of the law",
  });
  expect(readMoves()).toEqual(moves);
  const last = await scrape();
  const hits = measure(hitRateIndicator(["product"]), {
    fromSeconds: first.atSeconds,
    toSeconds: last.atSeconds,
    first: first.samples,
    last: last.samples,
  });
  expect(hits.ok && hits.measurement.value).toBeGreaterThanOrEqual(0.85);
});
