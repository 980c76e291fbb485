import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { prepareHelm } from "./helm.ts";
import { packageCharts, writeCrds } from "./package-charts.ts";

/** `bun tools/charts/release.ts DIRECTORY`: the packaged charts and `crds.yaml`. */
if (import.meta.main) {
  const [target] = process.argv.slice(2);
  if (target === undefined) {
    console.error("usage: bun tools/charts/release.ts DIRECTORY");
    process.exit(2);
  }
  const directory = resolve(target);
  mkdirSync(directory, { recursive: true });
  const room = mkdtempSync(join(tmpdir(), "mestore-helm-"));
  try {
    const helm = await prepareHelm(4, { directory: room });
    const charts = await packageCharts(helm, directory);
    for (const path of [...Object.values(charts), writeCrds(directory)]) console.log(path);
  } finally {
    rmSync(room, { recursive: true, force: true });
  }
}
