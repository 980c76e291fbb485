import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { LayerEntry } from "./layer.ts";

/**
 * The entry of a file, a link or a directory on the disk, with the modes of a package instead of
 * those that an umask has left.
 */
export function readEntry(source: string, path: string): LayerEntry {
  const stat = lstatSync(source);
  if (stat.isSymbolicLink()) return { type: "symlink", path, target: readlinkSync(source) };
  if (stat.isDirectory()) return { type: "directory", path, mode: 0o755 };
  return {
    type: "file",
    path,
    mode: (stat.mode & 0o100) === 0 ? 0o644 : 0o755,
    content: new Uint8Array(readFileSync(source)),
  };
}

/** Everything under a directory of the disk that `keep` wants, placed under `path`. */
export function readTree(
  directory: string,
  path: string,
  keep: (inside: string) => boolean = () => true,
): readonly LayerEntry[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((inside) => keep(inside))
    .map((inside) => readEntry(join(directory, inside), `${path}/${inside}`));
}
