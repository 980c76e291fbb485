import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/**
 * The password kept in a file beside the data that it opens, made at the first call. It lives as
 * long as that data does, whatever becomes of the state file.
 */
export function loadSecret(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const secret = randomBytes(24).toString("hex");
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  writeFileSync(path, `${secret}\n`, { mode: 0o600 });
  return secret;
}
