import { copyFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { StackFault, asStackFault, saysDiskFull } from "./stack/fault.ts";
import { repositoryRoot } from "./stack/paths.ts";
import { takeLock } from "./up/lock.ts";

/**
 * Installs the packages of bun.lock. The launcher runs it when `node_modules` is missing or was made
 * from another lockfile; it must not import a package itself. Several at once do it once.
 */
const lockfile = join(repositoryRoot, "bun.lock");

/** A copy of the lockfile that `node_modules` was made from; the launcher compares it. */
const stamp = join(repositoryRoot, "node_modules", ".installed-lock");

const lockTimeoutMs = 600_000;

function isInstalled(): boolean {
  return existsSync(stamp) && readFileSync(stamp).equals(readFileSync(lockfile));
}

async function install(): Promise<void> {
  const lock = await takeLock(join(repositoryRoot, ".mestore", "install.lock"), lockTimeoutMs, () =>
    console.error("another ./mestore is installing packages; waiting for it"),
  );
  try {
    if (isInstalled()) return;
    console.error("installing packages (once for each bun.lock)");
    const child = Bun.spawn([process.execPath, "install", "--frozen-lockfile"], {
      cwd: repositoryRoot,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [said, complained, exitCode] = await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      child.exited,
    ]);
    if (exitCode !== 0) {
      const text = `${said}\n${complained}`.trim();
      throw new StackFault(
        saysDiskFull(text) ? "DISK_FULL" : "INSTALL_FAILED",
        `bun install failed:\n${text.split("\n").slice(-8).join("\n")}`,
        "Packages come from the npm registry; check the network, then run the same command again.",
      );
    }
    copyFileSync(lockfile, stamp);
  } finally {
    lock.release();
  }
}

try {
  await install();
} catch (error) {
  const fault = asStackFault(error);
  if (fault === null) throw error;
  console.error(`error: ${fault.message}${fault.hint === undefined ? "" : `\n${fault.hint}`}`);
  process.exit(1);
}
