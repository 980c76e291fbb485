import type { Mode } from "@mestore/contract/performance-profile";
import type { CacheStatus, Compliance } from "@mestore/service/performance/schema";
import Table from "cli-table3";
import colours from "picocolors";
import { fit, formatBytes, formatSeconds, wrap } from "../terminal.ts";
import { formatLatency, formatShare } from "../up/live-line.ts";
import type { PartStatus, StackStatus } from "./observe.ts";

/** The one screen of `./mestore status`: what runs, what is promised, what was tuned, and why. */

const screenWidth = 100;
const shownDecisions = 6;
/** Messages stand under what they explain, behind the time. */
const messageIndent = " ".repeat(12);

/** @param nowMs wall clock in milliseconds, for "since" and "ago" */
export function formatStackStatus(status: StackStatus, nowMs: number): string {
  const sections = [
    formatParts(status.parts, nowMs),
    ...(status.objectives === null ? [] : [formatObjectives(status.objectives)]),
    ...(status.cache === null ? [] : [formatCache(status.cache)]),
    ...status.profiles.map((one) => formatProfile(one, status, nowMs)),
    ...(status.problems.length === 0 ? [] : [formatProblems(status.problems)]),
  ];
  return `${sections.join("\n\n")}\n`;
}

/** Columns without borders: what a person reads, and what grep finds. */
function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string {
  const layout = new Table({
    head: [...head],
    colAligns: head.map((_, index) => (right.includes(index) ? "right" : "left")),
    chars: {
      top: "",
      "top-mid": "",
      "top-left": "",
      "top-right": "",
      bottom: "",
      "bottom-mid": "",
      "bottom-left": "",
      "bottom-right": "",
      left: "",
      "left-mid": "",
      mid: "",
      "mid-mid": "",
      right: "",
      "right-mid": "",
      middle: "  ",
    },
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [] },
  });
  layout.push(...rows.map((row) => [...row]));
  const [first = "", ...rest] = layout
    .toString()
    .split("\n")
    .map((line) => `  ${line.trimEnd()}`);
  return [colours.dim(first), ...rest].join("\n");
}

const heading = (text: string, aside = "") =>
  aside === "" ? colours.bold(text) : `${colours.bold(text)}  ${colours.dim(aside)}`;

function formatParts(parts: readonly PartStatus[], nowMs: number): string {
  const marks = {
    running: colours.green("running"),
    ended: colours.red("ended"),
    own: "your own",
    off: colours.dim("off"),
  };
  const rows = parts.map((part) => [
    part.name,
    marks[part.state],
    part.address ?? "",
    part.pid === null ? "" : String(part.pid),
    part.since === null || part.state !== "running"
      ? ""
      : formatSeconds((nowMs - Date.parse(part.since)) / 1000),
    part.memoryBytes === null ? "" : formatBytes(part.memoryBytes),
  ]);
  const title = parts.some(({ state }) => state === "running")
    ? heading("What runs")
    : heading("Nothing runs", "./mestore up starts it");
  return `${title}\n${table(["", "state", "address", "process", "for", "memory"], rows, [3, 4, 5])}`;
}

type ObjectiveRow = Compliance["objectives"][number];

function formatObjectives({ objectives, window }: Compliance): string {
  const marks = {
    met: colours.green("met"),
    violated: colours.red("violated"),
    inconclusive: colours.dim("too few samples"),
  };
  const rows = objectives.map((objective) => [
    objective.title,
    `${objective.better === "below" ? "<" : ">"} ${formatValue(objective, objective.target)}`,
    objective.current === undefined ? "–" : formatValue(objective, objective.current),
    marks[objective.verdict],
    objective.samples.toLocaleString("en"),
  ]);
  return `${heading("Objectives", `of the last ${formatSeconds(window.seconds)}, as the service measures itself`)}\n${table(
    ["", "target", "current", "verdict", "samples"],
    rows,
    [1, 2, 4],
  )}`;
}

function formatValue({ unit }: ObjectiveRow, value: number): string {
  switch (unit) {
    case "seconds":
      return formatLatency(value * 1000);
    case "ratio":
      return formatShare(value);
    case "bytes":
      return formatBytes(value);
    case "cores":
      return `${value.toFixed(2)} cores`;
  }
}

function formatCache({ classes }: CacheStatus): string {
  const used = classes.filter(({ lookups }) => lookups > 0);
  const idle = classes
    .filter(({ lookups }) => lookups === 0)
    .map((one) => `${one.class} ${formatSeconds(one.ttlSeconds)}`);
  const rate = (value: number | undefined) => (value === undefined ? "–" : formatShare(value));
  const rows = used.map((one) => [
    one.class,
    formatSeconds(one.ttlSeconds),
    rate(one.hitRate),
    rate(one.staleRate),
    rate(one.missRate),
    one.lookupsPerSecond === undefined ? "–" : one.lookupsPerSecond.toFixed(0),
    String(one.l1Entries),
  ]);
  const lines = [
    heading("Cache"),
    ...(rows.length === 0
      ? []
      : [
          table(
            ["class", "TTL in force", "fresh hits", "stale", "misses", "look-ups/s", "entries"],
            rows,
            [1, 2, 3, 4, 5, 6],
          ),
        ]),
    ...(idle.length === 0
      ? []
      : [colours.dim(fit(`  not used lately: ${idle.join(", ")}`, screenWidth))]),
  ];
  return lines.join("\n");
}

function formatProfile(
  { profile, mode, status }: StackStatus["profiles"][number],
  stack: StackStatus,
  nowMs: number,
): string {
  const ago = (time: string) =>
    `${formatSeconds(Math.max(0, nowMs - Date.parse(time)) / 1000)} ago`;
  const objectives = status.objectives.map(
    ({ name, target, current, met }) =>
      `  ${name.padEnd(20)}${(current ?? "–").padStart(9)} of ${target.padEnd(9)} ${colourMet(met)}`,
  );
  const revision = status.tuning?.revision;
  const inService = stack.overview?.tuning.revision;
  const aside = [
    profile,
    ...(mode === null ? [] : [modeWords[mode]]),
    ...(revision === undefined ? [] : [`revision ${revision}`]),
    ...(inService === undefined || inService === revision ? [] : [`the service runs ${inService}`]),
  ].join(", ");
  const conditions = status.conditions
    .filter(({ type, status: state }) => isNotable(type, state))
    .map(({ type, status: state, reason, message }) =>
      fit(`  ${type}=${state} ${reason}: ${message}`, screenWidth),
    );
  const settled = status.conditions.find(({ reason }) => reason === "Settled");
  const holds =
    settled === undefined || settled.message === ""
      ? []
      : [fit(`  holds ${settled.message}`, screenWidth)];
  const flight = status.inFlight;
  const inFlight =
    flight === undefined
      ? []
      : [
          fit(
            `  in flight: ${flight.knob} ${formatTtls(flight.from)} -> ${formatTtls(flight.to)}, begun ${ago(flight.since)}, ${
              flight.verifyUntil === undefined
                ? "not yet taken up by the service"
                : `verified until ${flight.verifyUntil.slice(11, 19)}`
            }`,
            screenWidth,
          ),
        ];
  const recommended =
    status.recommendation === undefined
      ? []
      : [
          fit(
            `  would set: ${formatTtls(status.recommendation.ttlSeconds)} (${status.recommendation.reason})`,
            screenWidth,
          ),
        ];
  const decisions = status.decisions
    .slice(0, shownDecisions)
    .flatMap((decision) => [
      fit(
        `  ${decision.time.slice(11, 19)}  ${decision.knob}  ${decision.from} -> ${decision.to}  ${decision.verdict}  ${decision.reason}`,
        screenWidth,
      ),
      ...wrap(decision.message, screenWidth - messageIndent.length).map((line) =>
        colours.dim(messageIndent + line),
      ),
    ]);
  return [
    heading("Operator", aside),
    ...objectives,
    ...conditions,
    ...holds,
    ...inFlight,
    ...recommended,
    heading("Last decisions", decisions.length === 0 ? "none yet" : "times in UTC, newest first"),
    ...decisions,
  ].join("\n");
}

const modeWords: Readonly<Record<Mode, string>> = {
  Auto: "mode Auto",
  Recommend: "mode Recommend: nothing is written",
  Disabled: "mode Disabled: nothing is decided or written",
};

function colourMet(met: "True" | "False" | "Unknown"): string {
  return met === "True"
    ? colours.green("met")
    : met === "False"
      ? colours.red("missed")
      : colours.dim("not known yet");
}

/** Conditions that are as they should be say nothing new. */
const quiet: Readonly<Record<string, string>> = {
  Ready: "True",
  MetricsAvailable: "True",
  ObjectivesMet: "True",
  Progressing: "False",
  Constrained: "False",
  Stalled: "False",
  Degraded: "False",
  Conflict: "False",
};

function isNotable(type: string, state: string): boolean {
  return quiet[type] !== state;
}

function formatTtls(ttls: readonly { name: string; seconds: string }[]): string {
  return ttls.map(({ name, seconds }) => `${name} ${seconds} s`).join(", ");
}

function formatProblems(problems: readonly string[]): string {
  return [
    heading("Problems"),
    ...problems.map((problem) => `  ${colours.red("!")} ${problem}`),
  ].join("\n");
}
