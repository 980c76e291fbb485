import {
  afterAll,
  afterEach,
  beforeAll,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { findFreePort } from "../stack/free-port.ts";
import { createHomePaths, isRoot } from "../stack/paths.ts";
import { isAlive, readBirth, signalProcess } from "../stack/process.ts";
import { waitFor } from "../stack/wait-for.ts";
import { loadState, type PartName, type PartRecord, saveState, withoutPart } from "../up/state.ts";
import { finish, runCli, startCli } from "./launched.ts";

/**
 * `up`, `status` and `down` as a person meets them: real processes on real stores, in a home of
 * their own. One home serves all tests, so that the cluster is made once.
 */
setDefaultTimeout(90_000);

let home: string;
let port: number;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "mestore-up-"));
  port = await findFreePort();
});

const seen = new Map<number, PartRecord>();

/** Everything that a test has started must be gone after `down`. */
afterEach(async () => {
  noteParts();
  await runCli(home, "down");
  expect([...seen.values()].filter((part) => isAlive(part))).toEqual([]);
  expect(existsSync(paths().state)).toBe(false);
});

afterAll(() => {
  const { postgres } = paths();
  rmSync(home, { recursive: true, force: true });
  if (isRoot) rmSync(dirname(postgres), { recursive: true, force: true });
});

const paths = () => createHomePaths({ MESTORE_HOME: home });
const parts = () => loadState(paths().state).parts;

function noteParts(): void {
  for (const part of Object.values(parts())) seen.set(part.pid, part);
}

function partOf(name: PartName): PartRecord {
  const part = parts()[name];
  if (part === undefined) throw new Error(`${name} is not in the state file`);
  return part;
}

const up = (...args: string[]) =>
  runCli(home, "up", "--detach", "--port", String(port), "--products", "200", ...args);

describe("up", () => {
  test("starts everything; once more it changes nothing; what was killed comes back", async () => {
    const first = await up("--traffic", "light");
    expect(first).toMatchObject({ exitCode: 0 });
    expect(first.output).toContain("200 products seeded");
    expect(first.output).toContain(`curl -i 'http://127.0.0.1:${port}/api/v1/products?limit=2'`);
    const names = ["postgres", "valkey", "service", "operator", "traffic"];
    expect(Object.keys(parts()).sort()).toEqual([...names].sort());
    expect(statSync(paths().state).mode & 0o777).toBe(0o600);
    const page = await fetch(`http://127.0.0.1:${port}/api/v1/products?limit=2`);
    expect(page.status).toBe(200);
    noteParts();
    const before = parts();

    const second = await up();
    expect(second).toMatchObject({ exitCode: 0 });
    for (const name of names) expect(second.output).toMatch(new RegExp(`${name} +already running`));
    expect(parts()).toEqual(before);

    for (const name of ["postgres", "valkey", "operator"] as const)
      signalProcess(partOf(name), "SIGKILL");
    const third = await up();
    expect(third).toMatchObject({ exitCode: 0 });
    expect(third.output).toMatch(/postgres +started .*had ended/);
    expect(third.output).toMatch(/valkey +started .*had ended/);
    expect(third.output).toMatch(/operator +started .*had ended/);
    expect(third.output).toMatch(/service +already running/);
    expect(third.output).toMatch(/traffic +already running/);
    expect(partOf("service")).toEqual(before.service as PartRecord);
  });

  test("a part that hangs is started anew, and a changed option says what it restarts", async () => {
    expect(await up()).toMatchObject({ exitCode: 0 });
    noteParts();
    signalProcess(partOf("valkey"), "SIGSTOP");
    const hung = await up("--time-scale", "3");
    expect(hung).toMatchObject({ exitCode: 0 });
    expect(hung.output).toMatch(/valkey +restarted .*does not answer/);
    expect(hung.output).toMatch(/operator +restarted .*timeScale 1 -> 3/);
    expect(hung.output).toMatch(/service +already running/);
    noteParts();
    const without = await up("--no-operator");
    expect(without.output).toMatch(/operator +stopped \(no longer asked for\)/);
  });

  test("two at once do not fight: one starts everything, the other finds it running", async () => {
    const results = await Promise.all([up("--no-operator"), up("--no-operator")]);
    expect(results.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    const outputs = results.map(({ output }) => output);
    expect(outputs.filter((text) => text.includes("already running"))).toHaveLength(1);
  });

  test("a taken port names who has it and the way out, and leaves nothing behind", async () => {
    const other = Bun.serve({ port, hostname: "127.0.0.1", fetch: () => new Response() });
    try {
      const { exitCode, output } = await up();
      expect(exitCode).toBe(1);
      expect(output).toContain(`port ${port} is taken by process ${process.pid}`);
      expect(output).toMatch(/\.\/mestore up --port \d+/);
      expect(output).not.toContain("at ");
      expect(existsSync(paths().state)).toBe(false);
    } finally {
      await other.stop(true);
    }
  });

  test("a taken port leaves a running shop alone, and the next `up` as it was", async () => {
    expect(await up("--no-operator")).toMatchObject({ exitCode: 0 });
    noteParts();
    const before = loadState(paths().state);
    const other = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
    try {
      const moved = await runCli(home, "up", "--detach", "--port", String(other.port));
      expect(moved.exitCode).toBe(1);
      expect(moved.output).toContain(`port ${other.port} is taken by process ${process.pid}`);
      expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
      expect(loadState(paths().state)).toEqual(before);
      const again = await runCli(home, "up", "--detach");
      expect(again).toMatchObject({ exitCode: 0 });
      expect(again.output).toMatch(/service +already running/);
    } finally {
      await other.stop(true);
    }
  });

  test("an `up` that fails halfway does not leave its wishes to the next one", async () => {
    expect(await up("--no-operator")).toMatchObject({ exitCode: 0 });
    noteParts();
    const { settings, url } = loadState(paths().state);
    const half = startCli(home, ["up", "--detach", "--port", String(await findFreePort())]);
    await waitFor(() => parts().service === undefined, { what: "the service to be stopped" });
    half.kill("SIGTERM");
    expect((await finish(half)).exitCode).toBe(130);
    expect(loadState(paths().state)).toMatchObject({ settings, url });
    expect(await runCli(home, "up", "--detach")).toMatchObject({ exitCode: 0 });
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
  });

  test("a store of one's own that is not there is named without its password", async () => {
    const nobody = await findFreePort();
    const { exitCode, output } = await up(
      "--postgres",
      `postgres://me:hidden@127.0.0.1:${nobody}/shop`,
    );
    expect(exitCode).toBe(1);
    expect(output).toContain(`no PostgreSQL answers at postgres://me:***@127.0.0.1:${nobody}/shop`);
    expect(output).not.toContain("hidden");
    expect(existsSync(paths().state)).toBe(false);
  });

  test("a store that does not come up shows the end of its log, and nothing is left", async () => {
    const version = join(paths().postgres, "data", "PG_VERSION");
    const good = readFileSync(version);
    writeFileSync(version, "9\n");
    try {
      const { exitCode, output } = await up();
      expect(exitCode).toBe(1);
      expect(output).toContain("PostgreSQL did not come up");
      expect(output).toContain("database files are incompatible with server");
      expect(existsSync(paths().state)).toBe(false);
    } finally {
      writeFileSync(version, good);
    }
  });

  test("an `up` killed halfway leaves nothing that the next one does not know of", async () => {
    const half = startCli(home, ["up", "--detach", "--port", String(port), "--no-operator"]);
    await waitFor(() => parts().valkey, { timeoutMs: 20_000, what: "the first process" });
    half.kill("SIGKILL");
    await half.exited;
    noteParts();
    expect(await up("--no-operator")).toMatchObject({ exitCode: 0 });
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
  });

  test("a process that only the note of its launch knows of is found, by up and by down", async () => {
    expect(await up("--no-operator")).toMatchObject({ exitCode: 0 });
    noteParts();
    const valkey = partOf("valkey");
    saveState(paths().state, withoutPart(loadState(paths().state), "valkey"));
    const again = await up("--no-operator");
    expect(again).toMatchObject({ exitCode: 0 });
    expect(again.output).toMatch(/valkey +restarted .*cut short/);
    expect(isAlive(valkey)).toBe(false);
    noteParts();
    rmSync(paths().state);
    const { output } = await runCli(home, "down");
    expect(output).toMatch(/service +stopped/);
    expect([...seen.values()].filter((part) => isAlive(part))).toEqual([]);
  });

  test("in the foreground it says how it goes, and a closed terminal stops everything", async () => {
    const child = startCli(home, ["up", "--port", String(port)]);
    await waitFor(() => parts().operator, { timeoutMs: 30_000, what: "the operator" });
    noteParts();
    await waitFor(async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok);
    child.kill("SIGHUP");
    const { output } = await finish(child);
    expect([...seen.values()].filter((part) => isAlive(part))).toEqual([]);
    expect(output).toMatch(/stopp(ed|ing)/);
  });

  test("--fresh asks, and where nobody can answer it needs --yes", async () => {
    const asked = await up("--fresh");
    expect(asked.exitCode).toBe(1);
    expect(asked.output).toContain("--yes");
    const profile = paths().profile;
    mkdirSync(dirname(profile), { recursive: true });
    writeFileSync(profile, `${readFileSync(profile, "utf8")}# mine\n`);
    const { output, exitCode } = await up("--fresh", "--yes");
    expect(exitCode).toBe(0);
    expect(output).toContain("200 products seeded");
    expect(readFileSync(profile, "utf8")).toEndWith("# mine\n");
  });
});

describe("status and down", () => {
  test("status shows what it can learn when the service is gone", async () => {
    expect(await up()).toMatchObject({ exitCode: 0 });
    noteParts();
    const good = await runCli(home, "status", "--json");
    expect(good.exitCode).toBe(0);
    expect(JSON.parse(good.output)).toMatchObject({ running: true, problems: [] });
    const service = partOf("service");
    signalProcess(service, "SIGKILL");
    await waitFor(() => !isAlive(service));
    const { exitCode, output } = await runCli(home, "status");
    expect(exitCode).toBe(0);
    expect(output).toMatch(/postgres +running/);
    expect(output).toMatch(/service +ended/);
    expect(output).toContain("service has ended");
    expect(output).toContain("Operator");
  });

  test("a number that was given to another process since is not touched by down", async () => {
    expect(await up("--no-operator")).toMatchObject({ exitCode: 0 });
    noteParts();
    const service = partOf("service");
    signalProcess(service, "SIGKILL");
    await waitFor(() => !isAlive(service));
    const innocent = Bun.spawn(["/bin/sleep", "60"]);
    const text = readFileSync(paths().state, "utf8").replaceAll(
      String(service.pid),
      String(innocent.pid),
    );
    writeFileSync(paths().state, text);
    expect(await runCli(home, "down")).toMatchObject({ exitCode: 0 });
    expect(readBirth(innocent.pid)).not.toBeNull();
    innocent.kill();
  });

  test("with nothing running, status says so with 3 and down with 0", async () => {
    expect(await runCli(home, "status")).toMatchObject({ exitCode: 3 });
    const { exitCode, output } = await runCli(home, "down");
    expect([exitCode, output.trim()]).toEqual([0, "nothing is running"]);
  });
});

describe("wrong usage", () => {
  const wrong = [
    ["up", "--port", "70000"],
    ["up", "--traffic", "stampede"],
    ["up", "--redis", "http://h"],
    ["logs", "nobody"],
    ["rise"],
    [],
  ];
  test.each(wrong.map((args) => [args]))("%p exits with 2 and one clear line", async (args) => {
    const { exitCode, output } = await runCli(home, ...args);
    expect(exitCode).toBe(2);
    expect(output).not.toMatch(/^\s+at /m);
  });
});
