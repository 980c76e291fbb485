import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/**
 * The password kept in a file beside the data that it opens, made at the first call. It lives as
 * long as that data does, whatever becomes of the state file. The file is put in place whole; an
 * empty one, as a crash of the machine may leave, counts as none.
 */
export function loadSecret(path: string): string {
  return readSecret(path) ?? makeSecret(path);
}

function readSecret(path: string): string | null {
  try {
    return readFileSync(path, "utf8").trim() || null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

function makeSecret(path: string): string {
  const secret = randomBytes(24).toString("hex");
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  const draft = `${path}.${randomBytes(4).toString("hex")}`;
  try {
    writeFileSync(draft, `${secret}\n`, { mode: 0o600, flush: true });
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
  return secret;
}
