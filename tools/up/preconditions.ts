import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import colours from "picocolors";
import { StackFault } from "../stack/fault.ts";
import { findFreePort, type HeldPort, holdPort, isPortFree } from "../stack/free-port.ts";
import { type HomePaths, repositoryRoot } from "../stack/paths.ts";
import { pingRedis } from "../stack/valkey.ts";
import { type Part, type Ports, probePostgres } from "./parts.ts";
import type { PartAction } from "./plan.ts";
import { findPortOwner } from "./port-owner.ts";
import { withoutPassword } from "./settings.ts";
import { type PartName, type PartRecord, partNames, type State, type UpSettings } from "./state.ts";

/** What `up` finds out before it starts anything. */

/**
 * A part keeps its port as long as it can, so that those that know it need no restart. All that are
 * chosen are held until the last one is, so that no two parts are given the same.
 * @param shopPort the port that the shop is asked to listen on, which no other part may take
 */
export async function choosePorts(
  state: State,
  living: State["parts"],
  shopPort: number,
): Promise<Ports> {
  const held: HeldPort[] = [];
  const holdFree = async (): Promise<number> => {
    const free = await holdPort(0);
    if (free === null) throw new Error("no free TCP port on the loopback interface");
    held.push(free);
    return free.port === shopPort ? holdFree() : free.port;
  };
  const choose = async (name: PartName, setting: string): Promise<number> => {
    const recorded = state.parts[name]?.settings[setting];
    if (typeof recorded !== "number") return holdFree();
    if (living[name] !== undefined) return recorded;
    const again = recorded === shopPort ? null : await holdPort(recorded);
    if (again === null) return holdFree();
    held.push(again);
    return again.port;
  };
  try {
    return {
      postgres: await choose("postgres", "port"),
      valkey: await choose("valkey", "port"),
      metrics: await choose("service", "metricsPort"),
      operatorMetrics: await choose("operator", "metricsPort"),
    };
  } finally {
    await Promise.all(held.map((port) => port.release()));
  }
}

export async function findSilent(
  living: State["parts"],
  parts: Partial<Record<PartName, Part>>,
): Promise<ReadonlySet<PartName>> {
  const names = partNames.filter((name) => living[name] !== undefined && parts[name] !== undefined);
  const silent = await Promise.all(
    names.map((name) =>
      (parts[name] as Part).probe().then(
        () => [],
        () => [name],
      ),
    ),
  );
  return new Set(silent.flat());
}

export async function expectOwnStores({ postgres, redis }: UpSettings): Promise<void> {
  const expect = (url: string, kind: string, option: string, probe: Promise<void>) =>
    probe.catch((error: Error) => {
      throw new StackFault(
        "BAD_STORE_URL",
        `no ${kind} answers at ${withoutPassword(url)}: ${error.message}`,
        `Check the address given with ${option}, or leave it out to use the embedded one.`,
      );
    });
  if (postgres !== null)
    await expect(postgres, "PostgreSQL", "--postgres", probePostgres(postgres));
  if (redis !== null) await expect(redis, "Redis or Valkey", "--redis", pingRedis(redis, 2_000));
}

/**
 * Checks the port of the shop before anything is stopped for it, unless the shop that runs may be
 * who holds it: then `expectFreePort` looks again when that one has been stopped.
 * @throws StackFault PORT_TAKEN
 */
export async function expectOtherPortFree(
  plan: readonly PartAction[],
  port: number,
  running: PartRecord | undefined,
): Promise<void> {
  const held = running?.settings["port"];
  if (running === undefined || (held !== undefined && held !== port))
    await expectFreePort(plan, port);
}

/** @throws StackFault PORT_TAKEN when the shop is to be started and somebody has its port */
export async function expectFreePort(plan: readonly PartAction[], port: number): Promise<void> {
  const starts = plan.some(
    ({ name, action }) => name === "service" && (action === "start" || action === "restart"),
  );
  if (!starts || (await isPortFree(port))) return;
  const owner = findPortOwner(port);
  const who =
    owner === null ? "another program" : `process ${owner.pid}: ${colours.bold(owner.command)}`;
  const other = (await isPortFree(port + 1)) ? port + 1 : await findFreePort();
  throw new StackFault(
    "PORT_TAKEN",
    `port ${port} is taken by ${who}`,
    `Stop that, or choose another port: ./mestore up --port ${other}`,
  );
}

/** A person edits the copy; it is made once and never written again. */
export function provideProfile(paths: HomePaths): void {
  if (existsSync(paths.profile)) return;
  mkdirSync(dirname(paths.profile), { recursive: true });
  copyFileSync(join(repositoryRoot, "docs/examples/demo-profile.yaml"), paths.profile);
}
