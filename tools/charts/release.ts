import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { prepareHelm } from "./helm.ts";
import { packageCharts, writeCrds } from "./package-charts.ts";

/**
 * Writes what a release of the charts consists of, the packages and `crds.yaml`, into `directory`, which
 * is made where it is missing. Gives the paths.
 * @throws StackFault where Helm cannot be had
 */
export async function releaseCharts(directory: string): Promise<readonly string[]> {
  const target = resolve(directory);
  mkdirSync(target, { recursive: true });
  const room = mkdtempSync(join(tmpdir(), "mestore-helm-"));
  try {
    const helm = await prepareHelm(4, { directory: room });
    const charts = await packageCharts(helm, target);
    return [...Object.values(charts), writeCrds(target)];
  } finally {
    rmSync(room, { recursive: true, force: true });
  }
}
