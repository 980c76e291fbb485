import { mkdirSync } from "node:fs";
import colours from "picocolors";
import { type HomePaths, logPath } from "../stack/paths.ts";
import { type ProcessId, readBirth, rotateLog, signalProcess } from "../stack/process.ts";
import { waitUntilReady } from "../stack/readiness.ts";
import { formatMs, tellStep } from "../terminal.ts";
import { migrate, seedWhenEmpty } from "./catalogue.ts";
import {
  createAddresses,
  createParts,
  type Part,
  partDirectories,
  type Ports,
  probeHttp,
} from "./parts.ts";
import { type PartAction, planUp } from "./plan.ts";
import {
  choosePorts,
  expectFreePort,
  expectOtherPortFree,
  expectOwnStores,
  findSilent,
  provideProfile,
} from "./preconditions.ts";
import { createSeedProgress } from "./seed-progress.ts";
import { decideSettings, type GivenOptions } from "./settings.ts";
import {
  livingParts,
  loadStateAndNotes,
  type PartName,
  partNames,
  saveState,
  type State,
  type UpSettings,
  withoutPart,
  withPart,
} from "./state.ts";
import { stopPart, stopParts } from "./stop.ts";

/** How long the service may take to find a store again that was just started. */
const recoveryDeadlineMs = 20_000;

/** How long a step under way is waited for after its stores were stopped. */
const lastStepMs = 3_000;

export interface BroughtUp {
  readonly state: State;
  readonly settings: UpSettings;
}

/**
 * Brings the stack to what was asked for: starts what is missing, restarts what was asked to be
 * different, leaves the rest alone. The caller holds the lock.
 * When it fails or `signal` aborts, what it had started is stopped again.
 */
export async function bringUp(
  paths: HomePaths,
  given: GivenOptions,
  signal: AbortSignal,
): Promise<BroughtUp> {
  for (const directory of partDirectories(paths)) mkdirSync(directory, { recursive: true });
  const before = loadStateAndNotes(paths);
  const living = livingParts(before);
  const isRunning = Object.keys(living).length > 0;
  const settings = decideSettings(given, isRunning ? (before.settings ?? null) : null);
  const ports = await choosePorts(before, living, settings.port);
  const parts = createParts(paths, settings, ports);
  await expectOwnStores(settings);
  provideProfile(paths);

  const plan = planUp({
    wanted: Object.fromEntries(partNames.flatMap((name) => settingsOf(name, parts[name]))),
    recorded: before.parts,
    living,
    silent: await findSilent(living, parts),
  });
  await expectOtherPortFree(plan, settings.port, living.service);
  const kept = new Set(plan.flatMap(({ name, action }) => (action === "keep" ? [name] : [])));
  const run = createRun({ paths, before, isRunning, settings, ports, signal, kept });
  let work = Promise.resolve();
  try {
    await run.stopChanged(plan);
    await expectFreePort(plan, settings.port);
    work = run.carryOut(plan, parts, given);
    await unlessAborted(work, signal);
    return { state: run.complete(), settings };
  } catch (error) {
    await run.undo();
    // A step that was under way fails without its stores; what it still launched goes as well.
    await Promise.race([work.catch(() => {}), Bun.sleep(lastStepMs)]);
    await run.undo();
    throw error;
  }
}

/** Does not wait for the end of a step when somebody has asked to stop. */
async function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
  await Promise.race([work, aborted]);
}

function settingsOf(name: PartName, part: Part | undefined): [PartName, Part["settings"]][] {
  return part === undefined ? [] : [[name, part.settings]];
}

interface RunOptions {
  readonly paths: HomePaths;
  readonly before: State;
  /** Whether anything of `before` lives. */
  readonly isRunning: boolean;
  readonly settings: UpSettings;
  readonly ports: Ports;
  readonly signal: AbortSignal;
  /** Parts that were running and stay. */
  readonly kept: ReadonlySet<PartName>;
}

/**
 * Bookkeeping of one `up`: every process is in the state file as soon as it exists. A running stack
 * keeps its recorded settings and addresses until what was asked for is there: an `up` that fails
 * must not leave its wishes to the next one.
 */
function createRun({ paths, before, isRunning, settings, ports, signal, kept }: RunOptions) {
  const { operatorMetricsUrl, ...addresses } = createAddresses(paths, settings, ports);
  const { operatorMetricsUrl: _, ...unchanged } = before;
  const asked = {
    ...addresses,
    ...(settings.operator && { operatorMetricsUrl }),
    tuningFile: paths.tuningFile,
    profileDir: paths.profiles,
    statusDir: paths.status,
    settings,
  };
  let state: State = {
    ...(isRunning ? before : { ...unchanged, ...asked }),
    launcher: { pid: process.pid, birth: readBirth(process.pid) ?? "" },
  };
  const save = (next: State) => {
    state = next;
    saveState(paths.state, state);
  };
  save(state);

  const launched = (name: PartName, part: Part, since: string) => (id: ProcessId) => {
    const log = logPath(paths, name);
    save(
      withPart(state, name, { pid: id.pid, birth: id.birth, since, log, settings: part.settings }),
    );
    // It was begun before somebody asked to stop.
    if (signal.aborted) signalProcess(id, "SIGTERM");
  };

  async function start(
    name: PartName,
    part: Part,
    { action, because }: Extract<PartAction, { action: "start" | "restart" }>,
  ): Promise<void> {
    const startedAt = performance.now();
    rotateLog(logPath(paths, name));
    await part.start(launched(name, part, new Date().toISOString()));
    const why = because === null ? "" : colours.dim(`  (${because})`);
    const verb = action === "start" ? "started" : "restarted";
    tellStep(name, `${verb} in ${formatMs(performance.now() - startedAt)}${why}`);
  }

  async function carryOutOne(action: PartAction, part: Part | undefined): Promise<void> {
    signal.throwIfAborted();
    const { name } = action;
    if (action.action === "stop" || part === undefined) return;
    if (action.action === "keep") {
      tellStep(name, colours.dim(`already running (process ${state.parts[name]?.pid})`));
      if (name === "service") await waitForRecovery();
      return;
    }
    await start(name, part, action);
  }

  async function waitForRecovery(): Promise<void> {
    const server = state.parts.service as ProcessId;
    await waitUntilReady({
      name: "the service",
      server,
      logPath: logPath(paths, "service"),
      timeoutMs: recoveryDeadlineMs,
      probe: () => probeHttp(`${addresses.url}/readyz`),
    });
  }

  async function prepareCatalogue(given: GivenOptions): Promise<void> {
    const { postgresUrl } = addresses;
    const startedAt = performance.now();
    await migrate(postgresUrl, signal);
    tellStep("schema", `up to date in ${formatMs(performance.now() - startedAt)}`);
    signal.throwIfAborted();
    const progress = createSeedProgress(settings.products);
    const catalogue = await seedWhenEmpty({
      postgresUrl,
      products: settings.products,
      onProgress: progress.show,
    }).finally(progress.close);
    const count = catalogue.products.toLocaleString("en");
    if (catalogue.seeded)
      tellStep("catalogue", `${count} products seeded in ${formatMs(catalogue.seconds * 1000)}`);
    else if (given.products !== undefined && given.products !== catalogue.products)
      tellStep(
        "catalogue",
        `${count} products stay; for another number: ./mestore up --fresh --products ${given.products}`,
      );
    else tellStep("catalogue", colours.dim(`${count} products`));
  }

  return {
    /** All is there: from now on this is what the stack is. */
    complete(): State {
      const { operatorMetricsUrl: __, ...rest } = state;
      save({ ...rest, ...asked });
      return state;
    },
    /** Stops what is to be started anew or not at all, those that depend on others first. */
    async stopChanged(plan: readonly PartAction[]): Promise<void> {
      for (const action of plan.toReversed()) {
        if (action.action !== "stop" && action.action !== "restart") continue;
        const part = state.parts[action.name];
        if (part === undefined) continue;
        await stopPart(action.name, part);
        save(withoutPart(state, action.name));
        if (action.action === "stop") tellStep(action.name, `stopped (${action.because})`);
      }
    },
    async carryOut(
      plan: readonly PartAction[],
      parts: Partial<Record<PartName, Part>>,
      given: GivenOptions,
    ): Promise<void> {
      const isStore = ({ name }: PartAction) => name === "postgres" || name === "valkey";
      const stores = await Promise.allSettled(
        plan.filter(isStore).map((action) => carryOutOne(action, parts[action.name])),
      );
      for (const store of stores) if (store.status === "rejected") throw store.reason as Error;
      for (const action of plan.filter((one) => !isStore(one))) {
        signal.throwIfAborted();
        const begins = action.action === "start" || action.action === "restart";
        if (action.name === "service" && begins) await prepareCatalogue(given);
        await carryOutOne(action, parts[action.name]);
      }
    },
    /** Stops all but what was running before. */
    async undo(): Promise<void> {
      const names = partNames.filter((name) => !kept.has(name));
      await stopParts(paths, ({ name }) => tellStep(name, "stopped again"), {
        names,
        known: state,
      });
    },
  };
}
