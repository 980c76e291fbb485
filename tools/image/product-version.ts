import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { repositoryRoot } from "../stack/paths.ts";

const packageSchema = z.object({ version: z.string() });

/** The version of MeStore, with which its images are tagged: that of the root's package.json. */
export function readProductVersion(): string {
  const text = readFileSync(join(repositoryRoot, "package.json"), "utf8");
  return packageSchema.parse(JSON.parse(text)).version;
}
