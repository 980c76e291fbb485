import { posix } from "node:path";
import { capabilities } from "./rooms.ts";
import type { SourceFacts } from "./source.ts";
import { isTestCode } from "./suites.ts";
import type { Violation } from "./violation.ts";

/**
 * Code that computes and does nothing else: the same arguments give the same answer, in a test, in
 * the simulator and at three in the morning. These folders hold nothing else, now and later; so do
 * the rules and schemas of every capability.
 */
const pureGlobs: readonly string[] = [
  "packages/contract/**",
  "packages/laws/**",
  "packages/simulator/**",
  "operator/src/profile/**",
  ...capabilities.map((name) => `service/src/${name}/{${name},schema}.ts`),
];

/** By folder, the pure cores among other files. Their edges stand beside them. */
export const pureFiles: Readonly<Record<string, readonly string[]>> = {
  "operator/src/control": [
    "advance-change",
    "claims",
    "decide-moves",
    "decide-pass",
    "lost-document",
    "memory",
    "note-observation",
    "report",
    "report-conditions",
    "step",
  ],
  "operator/src/file": ["profile-text"],
  "operator/src/metrics-source": [
    "exposition",
    "fleet-fold",
    "fleet-query",
    "growth-table",
    "history",
    "law-metrics",
    "page-figures",
  ],
  "service/src/cache": [
    "breaker",
    "byte-cursor",
    "codec",
    "etag",
    "fleet-batch",
    "fleet-class",
    "fleet-snapshot",
    "fleet-state",
    "l1",
    "policy",
    "reference-buffer",
    "sample-pair",
    "shadow",
    "shadow-sample",
  ],
  "service/src/catalog": ["orders", "statements"],
  "service/src/http": ["canonical-url", "conditional", "cursor", "json", "parameters", "problem"],
  "service/src/performance": [
    "cache-status",
    "compliance",
    "figures",
    "loopback",
    "overview",
    "schema",
  ],
  "service/src/tuning": ["clamp"],
  demo: [
    "catalogue",
    "category-tree",
    "copy-text",
    "demand",
    "grammar",
    "price",
    "product",
    "random",
    "template",
    "variants",
  ],
  loadtest: [
    "arrivals",
    "backoff",
    "catalogue",
    "random",
    "report",
    "requests",
    "target",
    "workloads",
    "zipf",
  ],
  "tools/checks": [
    "arrows",
    "habits",
    "junit",
    "purity",
    "rooms",
    "selection",
    "source",
    "suite-settings",
    "suites",
    "summary",
    "violation",
  ],
  "tools/pins": ["go-module", "table", "version"],
};

/** Files that may read the environment: each program does so in one place, and tools are programs. */
const environmentReaders: readonly string[] = [
  "{service,operator}/src/{config,main}.ts",
  "demo/main.ts",
  "tools/**",
];

/** Globals by which a file would touch the clock, chance, the process or the world. */
const impureGlobals: readonly string[] = [
  "process",
  "import.meta.env",
  "Date.now",
  "Date()",
  "new Date()",
  "performance",
  "Math.random",
  "crypto",
  "setTimeout",
  "setInterval",
  "setImmediate",
  "fetch",
  "WebSocket",
  "EventSource",
  "XMLHttpRequest",
  "Worker",
  "BroadcastChannel",
  "Bun",
];

/** What Bun offers that only computes. */
const pureBun: readonly string[] = ["Bun.hash", "Bun.deepEquals", "Bun.stringWidth", "Bun.semver"];

/** Modules of the runtime that only compute; every other one does I/O or knows the time. */
const pureModules: readonly string[] = [
  "node:assert",
  "node:buffer",
  "node:path",
  "node:querystring",
  "node:string_decoder",
  "node:url",
  "node:util",
];

/** `isIP` and its like stand in a module of sockets, but only look at text. */
const textOnlyNetFiles: readonly string[] = ["loadtest/target.ts"];

/** Pure files that are not, and environments read where nobody looks for it. */
export function checkPurity(files: readonly SourceFacts[]): Violation[] {
  return files
    .filter(({ path }) => !isTestCode(path))
    .flatMap((file) => [
      ...(isPure(file.path) ? checkPureFile(file) : []),
      ...(matchesAny(file.path, environmentReaders) ? [] : checkEnvironment(file)),
    ]);
}

/** Whether the file at `path` is bound to compute only. */
export function isPure(path: string): boolean {
  const { dir, name } = posix.parse(path);
  return pureFiles[dir]?.includes(name) === true || matchesAny(path, pureGlobs);
}

function checkPureFile({ path, uses, imports }: SourceFacts): Violation[] {
  const rule = "a pure file has no environment, clock, chance, timer, socket or file of its own";
  const impureUses = uses
    .filter(({ name }) => reaches(name, impureGlobals) && !reaches(name, pureBun))
    .map(({ name, line }) => ({ path, line, message: `uses ${name}: ${rule}` }));
  const impureImports = imports
    .filter(({ specifier }) => specifier !== null && isImpureModule(path, specifier))
    .map(({ specifier, line }) => ({ path, line, message: `imports ${specifier}: ${rule}` }));
  return [...impureUses, ...impureImports];
}

function isImpureModule(path: string, specifier: string): boolean {
  if (specifier === "node:net" && textOnlyNetFiles.includes(path)) return false;
  return /^(node:|bun$|bun:)/.test(specifier) && !pureModules.includes(specifier);
}

function checkEnvironment({ path, uses }: SourceFacts): Violation[] {
  return uses
    .filter(
      ({ name }) =>
        name === "process" || reaches(name, ["process.env", "Bun.env", "import.meta.env"]),
    )
    .map(({ name, line }) => ({
      path,
      line,
      message: `uses ${name}: the environment is read in a program's config.ts and main.ts only`,
    }));
}

/** Whether a use is one of `names`, or something inside one. */
function reaches(use: string, names: readonly string[]): boolean {
  return names.some((name) => use === name || use.startsWith(`${name}.`));
}

function matchesAny(path: string, globs: readonly string[]): boolean {
  return globs.some((glob) => posix.matchesGlob(path, glob));
}
