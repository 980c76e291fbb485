import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { Command, InvalidArgumentError, Option } from "commander";
import { createArrivals } from "./arrivals.ts";
import { loadCatalogue, type ReadJson } from "./catalogue.ts";
import { errorCode, startDriver } from "./driver.ts";
import { createRandom } from "./random.ts";
import { describeTraffic, type TrafficReport } from "./report.ts";
import { createRequests, requestableRoutes, type VisitedCatalogue } from "./requests.ts";
import type { TallyReport } from "./tally.ts";
import { parseTarget } from "./target.ts";
import { planMix, type WorkloadName, workloadNames, workloads } from "./workloads.ts";

/**
 * The program `bun loadtest/traffic.ts`: shoppers at a steady rate, in a process of their own.
 * Writes one JSON object a line; SIGTERM and SIGINT end it with a summary.
 */

/** A forgotten driver must not run for ever: it ends by the clock, or when nobody answers any more. */
const defaultSeconds = 4 * 3600;
const longestSeconds = 7 * 24 * 3600;
const defaultSeed = 1;
const progressSeconds = 10;
/** How often a shop that is not there yet is asked again. */
const learnAgainMs = 1000;
const learnTimeoutMs = 10_000;
/** After a signal, answers under way are waited for so long. */
const drainMs = 1000;
const usageExitCode = 2;

interface TrafficOptions {
  readonly against: string;
  readonly workload: WorkloadName;
  readonly seconds: number;
  readonly untilSilentSeconds?: number;
  readonly seed: number;
  readonly allowRemote?: true;
}

type Write = (event: string, fields: object) => void;

/** Runs one workload until its time is over, nobody answers any more, or `signal` aborts. */
async function runTraffic(
  origin: string,
  options: TrafficOptions,
  signal: AbortSignal,
  write: Write,
): Promise<void> {
  const { requestsPerSecond, zipfExponent, mix: asked } = workloads[options.workload];
  const { mix, redistributed } = planMix(asked, requestableRoutes);
  const { workload, seed, seconds, untilSilentSeconds } = options;
  const startMs = performance.now();
  const learnDeadlineMs = startMs + (untilSilentSeconds ?? seconds) * 1000;
  write("start", { workload, against: origin, requestsPerSecond, mix, redistributed, seed });

  const catalogue = await waitForCatalogue(origin, learnDeadlineMs, signal, write);
  if (catalogue === undefined) return;
  const { productIds, categorySlugs } = catalogue;
  write("catalogue", { products: productIds.length, categories: categorySlugs.length });

  const random = createRandom(seed);
  const reportInterval = createReporter();
  const reportWhole = createReporter();
  const driver = startDriver({
    origin,
    nextPath: createRequests(catalogue, mix, zipfExponent, random),
    nextArrivalMs: createArrivals(requestsPerSecond, random),
    ...(untilSilentSeconds === undefined
      ? { durationMs: startMs + seconds * 1000 - performance.now() }
      : { durationMs: Number.POSITIVE_INFINITY, maxSilenceMs: untilSilentSeconds * 1000 }),
  });
  const progress = setInterval(() => {
    write("progress", {
      ...reportInterval(driver.tally.takeInterval()),
      inFlight: driver.inFlight(),
    });
  }, progressSeconds * 1000);
  const drained = aborted(signal).then(() => {
    driver.stop();
    return pause(drainMs);
  });
  await Promise.race([driver.finished, drained]);
  clearInterval(progress);
  write("end", reportWhole(driver.tally.total()));
}

/** Asks until the shop answers. Undefined: the time was over first, or a signal came. */
async function waitForCatalogue(
  origin: string,
  deadlineMs: number,
  signal: AbortSignal,
  write: Write,
): Promise<VisitedCatalogue | undefined> {
  const readJson: ReadJson = async (path) => {
    const response = await fetch(origin + path, {
      redirect: "manual",
      signal: AbortSignal.any([signal, AbortSignal.timeout(learnTimeoutMs)]),
    });
    if (!response.ok) throw new Error(`${path} answered ${response.status}`);
    return response.json();
  };
  for (let attempts = 1; !signal.aborted && performance.now() < deadlineMs; attempts += 1) {
    try {
      return await loadCatalogue(readJson);
    } catch (error) {
      if (signal.aborted) break;
      if (attempts % progressSeconds === 1)
        write("waiting", { attempts, code: errorCode(error), reason: String(error) });
      await pause(learnAgainMs, undefined, { signal }).catch(() => {});
    }
  }
  write("end", { reason: "the catalogue could not be read" });
  return undefined;
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, "abort");
}

/** Each call describes the time since the one before. */
function createReporter(): (tally: TallyReport) => TrafficReport {
  let sinceMs = performance.now();
  let cpu = process.cpuUsage();
  return (tally) => {
    const nowMs = performance.now();
    const spent = process.cpuUsage(cpu);
    const report = describeTraffic(tally, (nowMs - sinceMs) / 1000, spent.user + spent.system);
    sinceMs = nowMs;
    cpu = process.cpuUsage();
    return report;
  };
}

function parseWhole(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least || value > most)
      throw new InvalidArgumentError(`must be a whole number from ${least} to ${most}`);
    return value;
  };
}

async function main(): Promise<void> {
  const program = new Command("traffic")
    .description("Sends shoppers' requests at a steady rate and reports on them as JSON lines.")
    .requiredOption("--against <url>", "where the shop is")
    .addOption(
      new Option("--workload <name>", "what they do").choices(workloadNames).makeOptionMandatory(),
    )
    .option("--seconds <n>", "for how long", parseWhole(1, longestSeconds), defaultSeconds)
    .addOption(
      new Option(
        "--until-silent-seconds <n>",
        "no end by the clock; ends when nobody has answered for so long",
      )
        .argParser(parseWhole(1, longestSeconds))
        .conflicts("seconds"),
    )
    .option("--seed <n>", "of all that is drawn by chance", parseWhole(0, 2 ** 31 - 1), defaultSeed)
    .option("--allow-remote", "the shop may be on another machine")
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : usageExitCode))
    .parse();
  const options = program.opts<TrafficOptions>();
  const target = parseTarget(options.against, options.allowRemote === true);
  if (!target.ok) return program.error(`error: --against: ${target.message}`);

  const stop = new AbortController();
  process.once("SIGTERM", () => stop.abort());
  process.once("SIGINT", () => stop.abort());
  await runTraffic(target.origin, options, stop.signal, (event, fields) =>
    console.log(JSON.stringify({ time: new Date().toISOString(), event, ...fields })),
  );
  // Answers that never came must not keep the process.
  process.exit(0);
}

await main();
