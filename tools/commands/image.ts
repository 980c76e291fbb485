import { Argument, type Command, Option } from "commander";
import { type ImageName, imageNames, programNames } from "../image/image-table.ts";
import { type PlatformName, platformNames } from "../image/platform.ts";
import { formatBytes, formatMs, tellStep } from "../terminal.ts";

interface ImageOptions {
  readonly out?: string;
  readonly platform?: PlatformName;
}

/** Adds `image [NAME…]` to the command line. */
export function registerImage(program: Command): void {
  program
    .command("image")
    .summary("build container images without a container engine")
    .description(
      "Writes OCI archives, which ctr, podman, skopeo and docker load, each with its bill of " +
        `materials. The same commit gives the same digest. Without a name: ${programNames.join(", ")}; the others are stores for an evaluation.`,
    )
    .addArgument(new Argument("[name...]", "images to build").choices(imageNames))
    .option("--out <dir>", "where to write them (.mestore/images, or images of MESTORE_HOME)")
    .addOption(
      new Option("--platform <platform>", "this machine's own, or an error").choices(platformNames),
    )
    .action(async (named: readonly ImageName[], { out, platform }: ImageOptions) => {
      const [{ buildImage }, { abortOnSignals }, { createProgress }] = await Promise.all([
        import("../image/build-image.ts"),
        import("../abort-on-signals.ts"),
        import("../checks/progress.ts"),
      ]);
      const surroundings = { progress: createProgress(), signal: abortOnSignals() };
      for (const name of new Set(named.length === 0 ? programNames : named)) {
        const started = performance.now();
        const { archive, reference, digest, bytes } = await buildImage(name, {
          ...surroundings,
          ...(out === undefined ? {} : { outDir: out }),
          ...(platform === undefined ? {} : { platform }),
        });
        tellStep(
          name,
          `${reference}, ${formatBytes(bytes)} compressed, in ${formatMs(performance.now() - started)}`,
        );
        tellStep("", `${digest}\n${" ".repeat(13)}${archive}`);
      }
    });
}
