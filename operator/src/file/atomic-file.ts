import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/**
 * Replaces a file whole: a reader sees the old text or the new one, at every moment and after a
 * crash. The text goes to a temporary file in the same directory, to the disk, and into place.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const directory = dirname(path);
  await mkdir(directory, { recursive: true });
  const draft = join(directory, `.${basename(path)}.${crypto.randomUUID()}.tmp`);
  try {
    const file = await open(draft, "wx", 0o644);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  await syncDirectory(directory);
}

/** Without this a power cut could bring the old name back; some file systems refuse it. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EINVAL") throw error;
  } finally {
    await handle.close();
  }
}

/** Removes the drafts that a process killed in mid-write left beside `path`; gives their number. */
export async function removeDrafts(path: string): Promise<number> {
  const directory = dirname(path);
  const name = basename(path);
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
  const drafts = names.filter((one) => one.startsWith(`.${name}.`) && one.endsWith(".tmp"));
  await Promise.all(drafts.map((draft) => rm(join(directory, draft), { force: true })));
  return drafts.length;
}

/**
 * The text of a file, null where there is none. What is no regular file, is larger than
 * `maximumBytes` or may not be read throws.
 */
export async function readIfPresent(path: string, maximumBytes: number): Promise<string | null> {
  const file = Bun.file(path);
  try {
    const found = await file.stat();
    const { size } = found;
    // A pipe would be waited for, and a directory has no text.
    if (!found.isFile()) throw new Error(`${path} is no regular file`);
    if (size > maximumBytes)
      throw new Error(`${path} has ${size} bytes, more than ${maximumBytes}`);
    return await file.text();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
