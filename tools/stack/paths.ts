import { createHash } from "node:crypto";
import { accessSync, chmodSync, constants, mkdirSync, realpathSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";

/** The checkout that this file belongs to, symbolic links resolved. */
export const repositoryRoot = realpathSync(resolve(import.meta.dir, "../.."));

/** Whether this process is root, for whom PostgreSQL needs another user and a place that user reaches. */
export const isRoot = process.getuid?.() === 0;

/** Where `up` keeps what it runs, `.mestore/` of the checkout unless `MESTORE_HOME` says otherwise. */
export interface HomePaths {
  readonly home: string;
  readonly state: string;
  readonly lock: string;
  readonly logs: string;
  /** Notes of what was launched, by name of the part. */
  readonly launches: string;
  readonly profiles: string;
  readonly profile: string;
  readonly tuningFile: string;
  readonly status: string;
  /** Data and password of the embedded PostgreSQL. */
  readonly postgres: string;
  readonly valkey: string;
}

const hashOf = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 12);

/**
 * Everything that root keeps outside the checkout: an unprivileged user cannot enter a clone under
 * a 0700 directory such as /root. Named after the checkout, so that two clones never share data.
 */
export const rootRoom = join("/var/lib/mestore", hashOf(repositoryRoot));

/** Makes a directory, and its parents, that every user can pass through whatever the umask. */
export function makeReachableDirectory(directory: string): void {
  const made = mkdirSync(directory, { recursive: true });
  if (made === undefined) return;
  for (let path = directory; path.length >= made.length; path = dirname(path))
    chmodSync(path, 0o755);
}

/** The paths of one home. `MESTORE_HOME` (absolute, or relative to the working directory) moves it. */
export function createHomePaths(
  env: Readonly<Record<string, string | undefined>> = process.env,
): HomePaths {
  const standard = join(repositoryRoot, ".mestore");
  const home = env["MESTORE_HOME"] ? resolve(env["MESTORE_HOME"]) : standard;
  const room = home === standard ? rootRoom : join(rootRoom, "homes", hashOf(home));
  return {
    home,
    state: join(home, "state.json"),
    lock: join(home, "lock"),
    logs: join(home, "logs"),
    launches: join(home, "launches"),
    profiles: join(home, "profiles"),
    profile: join(home, "profiles", "demo-profile.yaml"),
    tuningFile: join(home, "tuning", "tuning.json"),
    status: join(home, "status"),
    postgres: join(isRoot ? room : home, "postgres"),
    valkey: join(home, "valkey"),
  };
}

export function logPath(paths: HomePaths, name: string): string {
  return join(paths.logs, `${name}.log`);
}

export function notePath(paths: HomePaths, name: string): string {
  return join(paths.launches, name);
}

/**
 * `${XDG_CACHE_HOME:-~/.cache}/mestore`, where downloads go. The home directory comes from the
 * user database when HOME is unset; where it cannot be written, the cache is `.mestore/cache`. The
 * launcher decides the same way.
 */
export function cacheDirectory(
  env: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const own = env["XDG_CACHE_HOME"];
  const candidates = [
    own !== undefined && isAbsolute(own) ? own : join(env["HOME"] || userInfo().homedir, ".cache"),
    join(repositoryRoot, ".mestore", "cache"),
  ].map((base) => join(base, "mestore"));
  const writable = candidates.find((directory) => {
    try {
      mkdirSync(directory, { recursive: true });
      accessSync(directory, constants.W_OK);
      return true;
    } catch {
      return false;
    }
  });
  return writable ?? (candidates[0] as string);
}
