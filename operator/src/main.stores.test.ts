import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { operatorMetrics } from "@mestore/contract/metrics";
import { parseTuningDocument } from "@mestore/contract/tuning-document";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { parse } from "yaml";
import { profileText } from "../test/loop-bench.ts";
import { createModelService } from "../test/model-service.ts";
import { parseExposition } from "./metrics-source/exposition.ts";
import { parseStatus } from "./profile/status.ts";

/** The operator as it runs: its own process, HTTP, files and signals; only the service is modelled. */
let directory: string;
let server: ReturnType<typeof Bun.serve>;
const running = new Set<ReturnType<typeof start>>();

const path = (name: string) => join(directory, name);
const readTuning = async () => {
  const file = Bun.file(path("tuning/tuning.json"));
  if (!(await file.exists())) return null;
  const parsed = parseTuningDocument(await file.text());
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return parsed.value;
};
const readStatus = async () =>
  parseStatus(parse(await Bun.file(path("status/shop.storefront.yaml")).text()));

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "operator-"));
  const product = { name: "product", initialTTLSeconds: 1, minTTLSeconds: 1, maxTTLSeconds: 600 };
  await Bun.write(
    path("profiles/storefront.yaml"),
    profileText({ cache: { mode: "Auto", classes: [product] } }),
  );
  const service = createModelService({
    now: () => Date.now() / 1000,
    readTuning,
    keys: 10_000,
    rate: 4000,
    initialTtlSeconds: 60,
  });
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch() {
      const page = await service.readPage();
      return typeof page === "string" ? new Response(page) : new Response(null, { status: 500 });
    },
  });
});

afterEach(async () => {
  for (const one of running) one.process.kill("SIGKILL");
  await Promise.all([...running].map((one) => one.process.exited));
  running.clear();
  await server.stop(true);
  await rm(directory, { recursive: true });
});

function start(timeScale = 300) {
  const log: Record<string, unknown>[] = [];
  const process_ = Bun.spawn(
    [
      ...[process.execPath, join(import.meta.dir, "main.ts"), "--source", "file"],
      ...["--profiles", path("profiles"), "--tuning-file", path("tuning/tuning.json")],
      ...["--status-dir", path("status"), "--scrape", `${server.url.origin}/metrics`],
      ...["--metrics-port", "0", "--time-scale", String(timeScale)],
    ],
    { stdout: "pipe", stderr: "inherit", env: {} },
  );
  const reading = (async () => {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of process_.stdout) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) log.push(JSON.parse(line) as Record<string, unknown>);
    }
  })();
  const one = { process: process_, log, reading };
  running.add(one);
  return one;
}

test("tunes a service over HTTP and files, exports its own metrics, and SIGTERM ends it cleanly", async () => {
  const operator = start();
  const started = await waitFor(() => operator.log.find(({ msg }) => msg === "started"));
  await waitFor(async () => ((await readTuning())?.revision ?? 0) >= 2, { timeoutMs: 15_000 });
  expect((await readStatus())?.decisions.at(-1)?.reason).toBe("InitialTTL");

  const page = await (await fetch(String(started["metricsUrl"]))).text();
  const parsed = parseExposition(page);
  if (!parsed.ok) throw new Error(parsed.detail);
  const value = (name: string, label?: string) =>
    parsed.exposition.samples.find(
      (sample) =>
        sample.name === name &&
        (label === undefined || Object.values(sample.labels).includes(label)),
    )?.value;
  expect(value(operatorMetrics.reconciles.name, "ok")).toBeGreaterThan(1);
  expect(value(operatorMetrics.decisions.name, "applied")).toBeGreaterThanOrEqual(2);
  expect(value(operatorMetrics.metricsAvailable.name)).toBe(1);
  expect(value(operatorMetrics.profilesInvalid.name)).toBe(0);

  operator.process.kill("SIGTERM");
  expect(await operator.process.exited).toBe(0);
  await operator.reading;
  expect(operator.log.at(-1)?.["msg"]).toBe("stopped");
}, 30_000);

test("kill -9 at any moment: the files are whole, and the next process goes on from them", async () => {
  let revision = 0;
  for (let kill = 0; kill < 4; kill += 1) {
    const operator = start();
    await waitFor(
      () => operator.log.some(({ verdict }) => verdict !== undefined && verdict !== "Held"),
      {
        timeoutMs: 15_000,
      },
    );
    operator.process.kill("SIGKILL");
    await operator.process.exited;
    const document = await readTuning();
    expect(document?.revision).toBeGreaterThanOrEqual(Math.max(1, revision));
    revision = document?.revision ?? 0;
    expect(await readStatus()).not.toBeNull();
    expect(operator.log.some(({ msg }) => String(msg).includes("started afresh"))).toBeFalse();
  }
}, 60_000);

test("wrong usage ends with 2 and lines that say what is wrong", async () => {
  const operator = Bun.spawn(
    [process.execPath, join(import.meta.dir, "main.ts"), "--source", "file"],
    {
      stderr: "pipe",
    },
  );
  expect(await operator.exited).toBe(2);
  expect(await operator.stderr.text()).toBe(
    [
      "error: --profiles is needed with --source file",
      "error: --tuning-file is needed with --source file",
      "error: --status-dir is needed with --source file",
      "error: --scrape must be an http or https address",
      "",
    ].join("\n"),
  );
});
