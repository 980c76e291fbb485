import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { findFreePort } from "../stack/free-port.ts";
import { createHomePaths, type HomePaths, isRoot } from "../stack/paths.ts";
import { isAlive, readCommandLine } from "../stack/process.ts";
import { waitFor } from "../stack/wait-for.ts";
import { loadState } from "../up/state.ts";
import { type BlockableDirectory, makeBlockableDirectory } from "../up/write-block.fixture.ts";
import { finish, runCli, startCli } from "./launched.ts";

/** `up` and `down` in a home on which nothing can be written any more: no process stays behind. */
setDefaultTimeout(90_000);

let room: string;
let home: string;
let disk: BlockableDirectory;
let paths: HomePaths;

beforeEach(() => {
  room = mkdtempSync(join(tmpdir(), "mestore-full-"));
  home = join(room, "home");
  disk = makeBlockableDirectory(home);
  paths = createHomePaths({ MESTORE_HOME: home });
});

afterEach(async () => {
  disk.unblock();
  await runCli(home, "down");
  disk.remove();
  rmSync(room, { recursive: true, force: true });
  if (isRoot) rmSync(dirname(paths.postgres), { recursive: true, force: true });
});

/** Every process of the machine. Linux need not have `ps`. */
function listProcesses(): number[] {
  const listed = existsSync("/proc/self")
    ? readdirSync("/proc")
    : Bun.spawnSync(["ps", "-A", "-o", "pid="]).stdout.toString().split("\n");
  return listed.map(Number).filter((pid) => Number.isInteger(pid) && pid > 0);
}

/** Processes of this home, whether or not anything was written about them. */
function findSurvivors(): string[] {
  return listProcesses()
    .map((pid) => readCommandLine(pid) ?? "")
    .filter((line) => line.includes(home) || line.includes(dirname(paths.postgres)));
}

async function startArguments(): Promise<string[]> {
  const port = String(await findFreePort());
  return ["up", "--detach", "--products", "50", "--port", port, "--no-operator"];
}

test("down stops everything", async () => {
  expect(await runCli(home, ...(await startArguments()))).toMatchObject({ exitCode: 0 });
  const parts = Object.values(loadState(paths.state).parts);
  expect(parts).toHaveLength(3);
  disk.block();
  const { exitCode, output } = await runCli(home, "down");
  expect(output).toMatch(/postgres +stopped/);
  expect(output).not.toMatch(/^\s+at /m);
  expect(exitCode).toBe(0);
  expect(parts.filter((part) => isAlive(part))).toEqual([]);
});

test("an up that cannot write what it starts stops that again and says why", async () => {
  const up = startCli(home, await startArguments());
  await waitFor(() => existsSync(paths.state), { what: "the state file" });
  disk.block(up.pid);
  const { exitCode, output } = await finish(up);
  expect(exitCode).toBe(1);
  expect(output).toContain(disk.expected);
  expect(output).not.toMatch(/^\s+at /m);
  expect(findSurvivors()).toEqual([]);
  disk.unblock();
  expect(readdirSync(home).filter((name) => name.startsWith("state.json."))).toEqual([]);
  // What could not be deleted then names nobody who lives, and goes with the next command.
  const { output: said } = await runCli(home, "down");
  expect(said).not.toContain("stopped (process");
  expect(existsSync(paths.state)).toBe(false);
});
