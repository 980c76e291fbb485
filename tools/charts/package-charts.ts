import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChartName, chartNames, chartPath } from "./chart-folders.ts";
import type { Helm } from "./helm.ts";

/**
 * Packages every chart into `directory`, as `NAME-VERSION.tgz`, and gives their paths. Works offline:
 * the dependencies of mestore-stack are the charts beside it. The checkout is left as it is.
 */
export async function packageCharts(
  helm: Helm,
  directory: string,
): Promise<Readonly<Record<ChartName, string>>> {
  const room = mkdtempSync(join(tmpdir(), "mestore-charts-"));
  try {
    for (const name of chartNames)
      cpSync(chartPath(name), join(room, name), {
        recursive: true,
        // What a person's own `helm dependency build` left there may be older than the charts.
        filter: (path) => path !== join(chartPath(name), "charts"),
      });
    await helm.run(["dependency", "build", join(room, "mestore-stack")]);
    const packaged: [ChartName, string][] = [];
    for (const name of chartNames) {
      const told = await helm.run(["package", join(room, name), "--destination", directory]);
      const path = /saved it to: (.+)$/m.exec(told)?.[1];
      if (path === undefined) throw new Error(`helm package says no path: ${told}`);
      packaged.push([name, path.trim()]);
    }
    return Object.fromEntries(packaged) as Record<ChartName, string>;
  } finally {
    rmSync(room, { recursive: true, force: true });
  }
}

/**
 * Writes `crds.yaml` into `directory` and gives its path: Helm installs the CRDs of a chart once and
 * never changes them, so an upgrade applies this file first.
 */
export function writeCrds(directory: string): string {
  const folder = join(chartPath("mestore-operator"), "crds");
  const texts = readdirSync(folder)
    .filter((name) => name.endsWith(".yaml"))
    .sort()
    .map((name) => readFileSync(join(folder, name), "utf8").trimEnd());
  const path = join(directory, "crds.yaml");
  writeFileSync(path, `${texts.join("\n---\n")}\n`);
  return path;
}
