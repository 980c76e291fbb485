import type { Command } from "commander";

/** Adds `charts [DIR]` to the command line. */
export function registerCharts(program: Command): void {
  program
    .command("charts")
    .argument("[dir]", "where to write them", "dist")
    .summary("package the Helm charts")
    .description(
      "Writes the packaged charts, the stack with its dependencies inside, and crds.yaml, which an " +
        "upgrade applies first. Prints the paths. Uses Helm 4, which is built first where it is not there.",
    )
    .action(async (directory: string) => {
      const { releaseCharts } = await import("../charts/release.ts");
      for (const path of await releaseCharts(directory)) console.log(path);
    });
}
