import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { StackFault } from "../stack/fault.ts";
import { findProgram } from "../stack/find-program.ts";
import { cacheDirectory } from "../stack/paths.ts";
import { putInPlace, workInCache } from "./room.ts";
import { runStep, type StepOptions } from "./run-step.ts";

/** Packages of the Debian or Ubuntu that runs here, unpacked into the cache: nothing is installed. */

const downloadHint =
  "Packages come from the machine's own apt sources; check the network and /etc/apt, then run the same command again.";

function debianDirectory(): string {
  return join(cacheDirectory(), "debian");
}

/** Which release runs here, `debian-12`: what was unpacked for one does not run on another. */
export function debianRelease(osRelease = readOsRelease()): string {
  const value = (name: string) =>
    new RegExp(`^${name}="?([^"\\n]*)"?$`, "m").exec(osRelease)?.[1] || null;
  // Debian's testing and unstable have no number.
  return `${value("ID") ?? "linux"}-${value("VERSION_ID") ?? value("VERSION_CODENAME") ?? "rolling"}`;
}

function readOsRelease(): string {
  try {
    return readFileSync("/etc/os-release", "utf8");
  } catch {
    return "";
  }
}

/** Whether packages can be had here. */
export function hasApt(): boolean {
  return ["apt-get", "apt-cache", "dpkg-deb"].every((name) => findProgram(name) !== null);
}

/**
 * A directory of the cache with the unpacked files of exactly these packages, in the versions that
 * the machine would install now. What they depend on is not in it unless it is named.
 * @throws StackFault MISSING_TOOL where there is no apt, INSTALL_FAILED, DISK_FULL, INTERRUPTED
 */
export async function unpackDebianPackages(
  packages: readonly string[],
  options: StepOptions = {},
): Promise<string> {
  return withApt(
    packages,
    async (apt, room) => {
      const versions = await readVersions(packages, apt);
      const pinned = packages.map((name) => `${name}=${versions.get(name)}`);
      const hash = createHash("sha256").update(pinned.toSorted().join("\n")).digest("hex");
      const name = `${debianRelease()}-${packages[0]}-${hash.slice(0, 12)}`;
      const target = join(debianDirectory(), name);
      if (existsSync(target)) return target;
      const downloads = mkdtempSync(join(room, "downloads-"));
      await apt("apt-get", ["-qq", "download", ...pinned], downloads);
      const finished = join(downloads, "root");
      mkdirSync(finished);
      for (const file of readdirSync(downloads).filter((one) => one.endsWith(".deb")))
        await runStep(
          { words: [findProgram("dpkg-deb") as string, "-x", file, finished], cwd: downloads },
          { what: `dpkg-deb could not unpack ${file}`, hint: downloadHint },
          options,
        );
      putInPlace(finished, target);
      return target;
    },
    options,
  );
}

/**
 * The version of a package that the machine would install now, `2.42.0+ds-5+deb12u1`.
 * @throws StackFault MISSING_TOOL where there is no apt, INSTALL_FAILED where there is no such package
 */
export async function debianPackageVersion(name: string): Promise<string> {
  return withApt([name], async (apt) => (await readVersions([name], apt)).get(name) as string, {});
}

type Apt = (
  program: "apt-get" | "apt-cache",
  args: readonly string[],
  cwd?: string,
) => Promise<string>;

/**
 * Works with the machine's package lists. Where they are missing (a container image has none) or too
 * old for the mirror, with lists of our own in the cache, which need no root.
 */
async function withApt<T>(
  packages: readonly string[],
  work: (apt: Apt, room: string) => Promise<T>,
  options: StepOptions,
): Promise<T> {
  if (!hasApt())
    throw new StackFault(
      "MISSING_TOOL",
      `${packages.join(", ")}: packages can be unpacked on Debian and Ubuntu only, this system has no apt-get`,
    );
  const directory = debianDirectory();
  mkdirSync(directory, { recursive: true });
  return workInCache(directory, async (room) => {
    try {
      return await work(createApt([], options), room);
    } catch (error) {
      if (!(error instanceof StackFault) || error.code !== "INSTALL_FAILED") throw error;
    }
    const apt = createApt(ownLists(), options);
    await apt("apt-get", ["-qq", "update"]);
    return work(apt, room);
  });
}

function ownLists(): string[] {
  const own = join(debianDirectory(), `lists-${debianRelease()}`);
  for (const directory of ["lists/partial", "cache/archives/partial"])
    mkdirSync(join(own, directory), { recursive: true });
  return [`Dir::State::lists=${join(own, "lists")}`, `Dir::Cache=${join(own, "cache")}`];
}

function createApt(settings: readonly string[], options: StepOptions): Apt {
  return (program, args, cwd = "/") =>
    runStep(
      {
        words: [
          findProgram(program) as string,
          // Its own user could not enter the cache of root.
          ...["APT::Sandbox::User=root", ...settings].flatMap((setting) => ["-o", setting]),
          ...args,
        ],
        cwd,
        env: { LC_ALL: "C.UTF-8" },
      },
      { what: `${program} ${args.join(" ")} failed`, hint: downloadHint },
      options,
    );
}

async function readVersions(
  packages: readonly string[],
  apt: Apt,
): Promise<ReadonlyMap<string, string>> {
  const versions = parsePolicy(await apt("apt-cache", ["policy", ...packages]));
  const unknown = packages.filter((name) => !versions.has(name));
  if (unknown.length > 0)
    throw new StackFault(
      "INSTALL_FAILED",
      `the apt sources of this machine have no package ${unknown.join(", ")}`,
      downloadHint,
    );
  return versions;
}

/** Reads `apt-cache policy`: each package with the version that would be installed. */
export function parsePolicy(text: string): ReadonlyMap<string, string> {
  const found = text.matchAll(/^(\S+):\n {2}Installed: .*\n {2}Candidate: (\S+)$/gm);
  return new Map(
    [...found].flatMap(([, name = "", version = ""]) =>
      version === "(none)" ? [] : [[name, version] as const],
    ),
  );
}
