import { createHash } from "node:crypto";
import { packTar } from "modern-tar";
import type { ImageSettings } from "./image-table.ts";

/**
 * The documents of the OCI image format, written so that the same content gives the same bytes.
 * @see https://github.com/opencontainers/image-spec
 */

/** What images are built for, in Go's words. */
export interface Platform {
  readonly os: "linux";
  readonly architecture: "amd64" | "arm64";
}

export interface ImageLayer {
  /** Digest of the uncompressed archive. */
  readonly diffId: string;
  /** The archive, compressed by gzip. */
  readonly blob: Uint8Array;
  /** What is in it, for `history`. */
  readonly comment: string;
}

export interface ImageDocument {
  readonly settings: ImageSettings;
  readonly user: { readonly uid: number; readonly gid: number };
  readonly platform: Platform;
  readonly labels: Readonly<Record<string, string>>;
  /** RFC 3339. */
  readonly created: string;
  /** The lowest first. */
  readonly layers: readonly ImageLayer[];
}

/** A blob with what points to it. */
export interface Blob {
  readonly descriptor: Descriptor;
  readonly content: Uint8Array;
}

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const mediaTypes = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  // Every engine and registry takes gzip; zstd, half the work, only the newer ones.
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
} as const;

/** `sha256:…` */
export function digestOf(content: Uint8Array): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}

export interface BuiltImage {
  readonly manifest: Blob;
  readonly config: Blob;
  readonly layers: readonly Blob[];
}

/** The configuration and the manifest of an image. */
export function createImage(document: ImageDocument): BuiltImage {
  const config = createBlob(mediaTypes.config, encode(createConfig(document)));
  const layers = document.layers.map(({ blob }) => createBlob(mediaTypes.layer, blob));
  const manifest = createBlob(
    mediaTypes.manifest,
    encode({
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: config.descriptor,
      layers: layers.map(({ descriptor }) => descriptor),
      annotations: document.labels,
    }),
  );
  return { manifest, config, layers };
}

function createConfig({ settings, user, platform, labels, created, layers }: ImageDocument) {
  const { environment, ports, volumes } = settings;
  const keys = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, {}]));
  return {
    created,
    architecture: platform.architecture,
    os: platform.os,
    config: {
      User: `${user.uid}:${user.gid}`,
      ExposedPorts: keys(Object.values(ports).map((port) => `${port}/tcp`)),
      Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
      Entrypoint: settings.entrypoint,
      Cmd: settings.command,
      Volumes: keys(volumes),
      WorkingDir: settings.workingDirectory,
      Labels: labels,
      StopSignal: settings.stopSignal,
    },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(({ comment }) => ({ created, created_by: "mestore image", comment })),
  };
}

/**
 * The image as one archive: an OCI image layout in a tar, as `ctr images import`, `podman load`,
 * `skopeo copy oci-archive:` and `docker load` (25 and newer) take it.
 */
export async function packArchive(
  { manifest, config, layers }: BuiltImage,
  reference: string,
  platform: Platform,
): Promise<Uint8Array> {
  const index = encode({
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: [
      {
        ...manifest.descriptor,
        platform,
        annotations: {
          // By the first containerd names what it imports, by the second everybody else does.
          "io.containerd.image.name": reference,
          "org.opencontainers.image.ref.name": reference.slice(reference.lastIndexOf(":") + 1),
        },
      },
    ],
  });
  const files: [string, Uint8Array][] = [
    ["oci-layout", encode({ imageLayoutVersion: "1.0.0" })],
    ["index.json", index],
    // Layers of the same bytes are one blob.
    ...new Map(
      [manifest, config, ...layers].map(({ descriptor, content }) => [
        blobPath(descriptor.digest),
        content,
      ]),
    ),
  ];
  return packTar(
    files.map(([name, content]) => ({
      header: { name, size: content.length, mode: 0o644, mtime: new Date(0), uid: 0, gid: 0 },
      body: content,
    })),
  );
}

/** Where a blob lies in an image layout. */
export function blobPath(digest: string): string {
  return `blobs/${digest.replace(":", "/")}`;
}

function createBlob(mediaType: string, content: Uint8Array): Blob {
  return {
    descriptor: { mediaType, digest: digestOf(content), size: content.length },
    content,
  };
}

function encode(document: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(document));
}
