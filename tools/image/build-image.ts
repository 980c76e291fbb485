import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PrepareOptions } from "../pins/tool.ts";
import { StackFault } from "../stack/fault.ts";
import { createHomePaths } from "../stack/paths.ts";
import { type ImageArchive, readUsableArchive } from "./archive.ts";
import { createBaseEntries } from "./base-files.ts";
import type { ImageContent } from "./image-content.ts";
import { type ImageName, images, imageUser, referenceOf } from "./image-table.ts";
import { createdAt, labelsOf } from "./labels.ts";
import { type LayerEntry, packLayer } from "./layer.ts";
import { collectLibraries } from "./libraries.ts";
import { createImage, digestOf, type ImageLayer, packArchive, type Platform } from "./oci.ts";
import { choosePlatform, libraryLayouts, type PlatformName } from "./platform.ts";
import { createProgramContent } from "./program-image.ts";
import { readRevision } from "./revision.ts";
import { formatSbom } from "./sbom.ts";
import {
  createPostgresqlContent,
  createPrometheusContent,
  createValkeyContent,
} from "./store-images.ts";

/** Builds an image without a container engine. */

/** What is to be built where; `progress` tells of tools that are built first, `signal` ends it all. */
export interface BuildImageOptions extends PrepareOptions {
  /** Where the archive and its bill of materials go. Default: `images` of MESTORE_HOME, `.mestore`. */
  readonly outDir?: string;
  /** Default: this machine's own, the only one that can be built. */
  readonly platform?: PlatformName;
}

export interface ImageResult {
  /** Path of the OCI archive, `<name>.tar`. The bill of materials is `<name>.sbom.json` beside it. */
  readonly archive: string;
  /** `mestore.dev/<name>:<version>` */
  readonly reference: string;
  /** Of the manifest. The same commit, packages and machine give the same. */
  readonly digest: string;
  /** What a registry keeps and a node fetches: the compressed layers together. */
  readonly bytes: number;
}

/** Level 6 of libdeflate, the library's default: higher ones take twice the time for 0.4 %. */
const gzipLevel = 6;

/**
 * Builds one image. A layer that is in the archive of an earlier build is not compressed again.
 * @throws StackFault UNSUPPORTED_PLATFORM, MISSING_TOOL, INSTALL_FAILED, STEP_FAILED, DISK_FULL or
 * INTERRUPTED, after which the passing directory is gone
 */
export async function buildImage(
  name: ImageName,
  options: BuildImageOptions = {},
): Promise<ImageResult> {
  const { outDir = join(createHomePaths().home, "images"), platform } = options;
  const { signal = new AbortController().signal } = options;
  const target = choosePlatform(platform ?? null);
  const archive = join(outDir, `${name}.tar`);
  const room = mkdtempSync(join(tmpdir(), "mestore-image-"));
  const removeRoom = () => rmSync(room, { recursive: true, force: true });
  // A second Ctrl-C ends the process at once.
  process.on("exit", removeRoom);
  try {
    const [content, revision, before] = await Promise.all([
      createContent(name, target, room, { ...options, signal }),
      readRevision(),
      readUsableArchive(archive),
    ]);
    const settings = images[name];
    const { version } = content;
    const sbom = formatSbom(
      {
        name: settings.title,
        version,
        description: settings.description,
        license: settings.licenses,
        created: createdAt(revision),
      },
      [...content.packageFiles.components, ...content.components],
    );
    const base = await createBase(content, target);
    const volumes = settings.volumes.map((path) => createVolume(path));
    const upper = [...volumes, ...content.entries, createSbomEntry(name, sbom)];
    const layers: ImageLayer[] = [];
    // The packages are as old as they are: a new commit leaves their layer as it was.
    for (const [comment, entries, mtimeSeconds] of [
      [`Debian packages: ${content.packages.join(", ")}`, base, 0],
      [settings.title, upper, revision.committedAtSeconds],
    ] as const) {
      throwIfInterrupted(signal);
      layers.push(compress(await packLayer(entries, mtimeSeconds), comment, before));
    }
    throwIfInterrupted(signal);
    const image = createImage({
      settings,
      user: imageUser,
      platform: target,
      labels: labelsOf(settings, version, revision),
      created: createdAt(revision),
      layers,
    });
    const reference = referenceOf(name, version);
    mkdirSync(outDir, { recursive: true });
    replaceFile(join(outDir, `${name}.sbom.json`), sbom);
    replaceFile(archive, await packArchive(image, reference, target));
    return {
      archive,
      reference,
      digest: image.manifest.descriptor.digest,
      bytes: layers.reduce((sum, { blob }) => sum + blob.length, 0),
    };
  } finally {
    process.off("exit", removeRoom);
    removeRoom();
  }
}

function throwIfInterrupted(signal: AbortSignal): void {
  if (signal.aborted) throw new StackFault("INTERRUPTED", "interrupted");
}

function createContent(
  name: ImageName,
  platform: Platform,
  room: string,
  options: PrepareOptions & { readonly signal: AbortSignal },
): Promise<ImageContent> {
  switch (name) {
    case "postgresql":
      return createPostgresqlContent(platform);
    case "valkey":
      return createValkeyContent(platform, options);
    case "prometheus":
      return createPrometheusContent(platform, options);
    case "service":
    case "operator":
    case "demo":
      return createProgramContent(name, platform, room, options.signal);
  }
}

async function createBase(
  { packages, packageFiles, binaries, ownRoot }: ImageContent,
  platform: Platform,
): Promise<readonly LayerEntry[]> {
  const libraries = await collectLibraries({
    binaries,
    packageRoot: packageFiles.root,
    layout: libraryLayouts[platform.architecture],
    ...(ownRoot === undefined ? {} : { ownRoot }),
  });
  return [...createBaseEntries(packageFiles.root, packages), ...libraries];
}

/** A directory that the process may write to, also where nothing is mounted on it. */
function createVolume(path: string): LayerEntry {
  return { type: "directory", path: path.slice(1), mode: 0o750, owner: imageUser };
}

/** In the image, so that whoever has only the image can ask it; scanners look in this folder. */
function createSbomEntry(name: ImageName, sbom: string): LayerEntry {
  return { type: "file", path: `usr/share/sbom/${name}.cdx.json`, mode: 0o644, content: sbom };
}

function compress(tar: Uint8Array, comment: string, before: ImageArchive | null): ImageLayer {
  const diffId = digestOf(tar);
  const known = before?.layers.find((layer) => layer.diffId === diffId);
  return {
    diffId,
    comment,
    blob: known?.blob ?? Bun.gzipSync(tar.slice(), { level: gzipLevel, library: "libdeflate" }),
  };
}

/** Whoever reads the file meanwhile sees the old one or the new one, never a half. */
function replaceFile(path: string, content: string | Uint8Array): void {
  const partial = `${path}.${process.pid}.partial`;
  writeFileSync(partial, content);
  renameSync(partial, path);
}
