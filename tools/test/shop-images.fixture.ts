import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestNode } from "../cluster/test-node.ts";
import { buildImage } from "../image/build-image.ts";
import { imageNames } from "../image/image-table.ts";

/** Builds the images of an evaluation and loads them, once a node: several test files share one. */
export async function loadShopImages(node: TestNode): Promise<void> {
  const note = join(node.plan.directory, "shop-images");
  if (existsSync(note)) return;
  const archives = mkdtempSync(join(tmpdir(), "mestore-images-"));
  try {
    for (const name of imageNames) {
      const { archive } = await buildImage(name, { outDir: archives });
      await node.loadImage(archive);
    }
  } finally {
    rmSync(archives, { recursive: true, force: true });
  }
  writeFileSync(note, "");
}
