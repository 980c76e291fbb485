import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { packLayer } from "../image/layer.ts";
import { createImage, digestOf, packArchive } from "../image/oci.ts";
import { choosePlatform } from "../image/platform.ts";
import { prepareTool } from "../pins/tool.ts";

/** The container that holds a pod's namespaces. */
export const pauseReference = "mestore.dev/pause:1";

/** As upstream's pause image has it. */
const user = { uid: 65_535, gid: 65_535 };

/** Writes the archive of the pause image into a directory: one static program and nothing else. */
export async function ensurePauseArchive(directory: string): Promise<string> {
  const path = join(directory, "pause.tar");
  const platform = choosePlatform(null);
  const layer = await packLayer(
    [
      {
        type: "file",
        path: "pause",
        mode: 0o755,
        content: new Uint8Array(readFileSync(await prepareTool("pause"))),
      },
    ],
    0,
  );
  const image = createImage({
    settings: {
      title: "pause",
      description: "Holds the namespaces of a pod.",
      licenses: "Apache-2.0",
      entrypoint: ["/pause"],
      command: [],
      ports: {},
      volumes: [],
      environment: {},
      workingDirectory: "/",
      stopSignal: "SIGTERM",
      healthCheck: null,
    },
    user,
    platform,
    labels: {},
    created: new Date(0).toISOString(),
    layers: [{ diffId: digestOf(layer), blob: gzipSync(layer), comment: "pause" }],
  });
  writeFileSync(path, await packArchive(image, pauseReference, platform));
  return path;
}
