import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { repositoryRoot } from "../stack/paths.ts";
import { createGeneratedFiles } from "./generated-files.ts";

/** `bun tools/charts/generate.ts`: writes the generated files of the charts. */
if (import.meta.main)
  for (const { path, text } of await createGeneratedFiles()) {
    const target = join(repositoryRoot, path);
    mkdirSync(dirname(target), { recursive: true });
    await Bun.write(target, text);
    console.log(path);
  }
