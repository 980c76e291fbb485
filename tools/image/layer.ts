import { posix } from "node:path";
import { packTar, type TarEntry } from "modern-tar";

/** Layers of an image: tar archives that depend on what they hold and on nothing else. */

interface PlacedEntry {
  /** From the root of the image, without a slash at either end. */
  readonly path: string;
  /** Root owns what is not given to somebody. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

export interface FileEntry extends PlacedEntry {
  readonly type: "file";
  readonly mode: number;
  readonly content: Uint8Array | string;
}

export interface DirectoryEntry extends PlacedEntry {
  readonly type: "directory";
  readonly mode: number;
}

export interface LinkEntry extends PlacedEntry {
  readonly type: "symlink";
  readonly target: string;
}

export type LayerEntry = FileEntry | DirectoryEntry | LinkEntry;

const directoryMode = 0o755;

/**
 * The entries in the order of the archive: by path, each directory before what is in it, and the
 * directories that nobody named. @throws RangeError for a path that is named twice or leaves the root
 */
export function arrangeEntries(entries: readonly LayerEntry[]): readonly LayerEntry[] {
  const byPath = new Map<string, LayerEntry>();
  for (const entry of entries) {
    const { path } = entry;
    if (!/[^/]$/.test(path) || posix.normalize(`/${path}`) !== `/${path}`)
      throw new RangeError(`"${path}" is no path inside an image`);
    if (byPath.has(path)) throw new RangeError(`${path} is named twice`);
    byPath.set(path, entry);
  }
  for (const { path } of entries)
    for (let parent = posix.dirname(path); parent !== "."; parent = posix.dirname(parent))
      if (!byPath.has(parent))
        byPath.set(parent, { type: "directory", path: parent, mode: directoryMode });
  return [...byPath.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** The archive of a layer; every entry carries the same time, in seconds since 1970. */
export async function packLayer(
  entries: readonly LayerEntry[],
  mtimeSeconds: number,
): Promise<Uint8Array> {
  return packTar(arrangeEntries(entries).map((entry) => createTarEntry(entry, mtimeSeconds)));
}

function createTarEntry(entry: LayerEntry, mtimeSeconds: number): TarEntry {
  const { uid, gid } = entry.owner ?? { uid: 0, gid: 0 };
  const shared = { mtime: new Date(mtimeSeconds * 1000), uid, gid, uname: "", gname: "" };
  if (entry.type === "directory")
    return {
      header: { ...shared, name: `${entry.path}/`, type: "directory", mode: entry.mode, size: 0 },
    };
  if (entry.type === "symlink")
    return {
      header: {
        ...shared,
        name: entry.path,
        type: "symlink",
        mode: 0o777,
        size: 0,
        linkname: entry.target,
      },
    };
  const content =
    typeof entry.content === "string" ? new TextEncoder().encode(entry.content) : entry.content;
  return {
    header: { ...shared, name: entry.path, type: "file", mode: entry.mode, size: content.length },
    body: content,
  };
}
