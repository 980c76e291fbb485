import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { findProgram } from "../stack/find-program.ts";
import { readArchive } from "./archive.ts";
import { imageUser } from "./image-table.ts";

/**
 * A container without an engine, for tests as root: the unpacked layers as the root directory, the
 * user of the image, /proc and /dev, and nothing of this machine's environment. The network is the
 * machine's own.
 */
export interface ImageRoot {
  readonly directory: string;
  /** Starts a program of the image. The process number is the program's own. */
  start(words: readonly string[], env?: Readonly<Record<string, string>>): ImageProcess;
  /** Runs it to its end. */
  run(words: readonly string[], env?: Readonly<Record<string, string>>): Promise<ImageRun>;
  remove(): void;
}

export type ImageProcess = Subprocess<"ignore", "pipe", "pipe">;

export interface ImageRun {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** The mounts end with the namespace, and that with the process. PATH is the image's already. */
const enter = `
  "$1" -t proc proc "$3/proc"
  "$1" --rbind /dev "$3/dev"
  change=$2 root=$3
  shift 3
  exec "$change" --userspec=${imageUser.uid}:${imageUser.gid} --groups= "$root" "$@"`;

/** Unpacks the layers of an archive, the lowest first. */
export async function unpackImage(archive: string): Promise<ImageRoot> {
  const directory = mkdtempSync(join(tmpdir(), "mestore-root-"));
  chmodSync(directory, 0o755);
  for (const { blob } of (await readArchive(archive)).layers) {
    const words = ["tar", "--extract", "--gzip", "--numeric-owner", "--preserve-permissions"];
    const tar = Bun.spawnSync([...words, "--directory", directory], { stdin: blob.slice() });
    if (tar.exitCode !== 0) throw new Error(`tar: ${tar.stderr.toString()}`);
  }
  for (const path of ["proc", "dev"]) mkdirSync(join(directory, path));

  const [unshare, mount, chroot] = ["unshare", "mount", "chroot"].map((name) => {
    const path = findProgram(name);
    if (path === null) throw new Error(`a test of images needs ${name}`);
    return path;
  }) as [string, string, string];
  const namespace = [unshare, "--mount", "--propagation", "private", "/bin/sh", "-euc", enter];
  const start: ImageRoot["start"] = (words, env = {}) =>
    Bun.spawn([...namespace, "enter", mount, chroot, directory, ...words], {
      cwd: "/",
      env: { ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
  return {
    directory,
    start,
    async run(words, env) {
      const child = start(words, env);
      const [out, err, code] = await Promise.all([
        child.stdout.text(),
        child.stderr.text(),
        child.exited,
      ]);
      return { code, out, err };
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}
