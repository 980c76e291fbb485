import { existsSync } from "node:fs";
import { unpackTar } from "modern-tar";
import { z } from "zod";
import { blobPath, digestOf } from "./oci.ts";

/** Reads the archives that `packArchive` writes. */

const descriptor = z.object({ digest: z.string(), size: z.number(), mediaType: z.string() });

const indexSchema = z.object({
  manifests: z.tuple([descriptor.extend({ annotations: z.record(z.string(), z.string()) })]),
});

const manifestSchema = z.object({ config: descriptor, layers: z.array(descriptor) });

const configSchema = z.object({
  created: z.string(),
  config: z.object({
    User: z.string(),
    Entrypoint: z.array(z.string()),
    Cmd: z.array(z.string()),
    Env: z.array(z.string()),
    ExposedPorts: z.record(z.string(), z.object({})),
    Labels: z.record(z.string(), z.string()),
  }),
  rootfs: z.object({ diff_ids: z.array(z.string()) }),
});

export interface ImageArchive {
  readonly reference: string;
  /** Of the manifest, by which engines know the image. */
  readonly digest: string;
  readonly config: z.infer<typeof configSchema>;
  /** The lowest first. */
  readonly layers: readonly ArchivedLayer[];
}

export interface ArchivedLayer {
  readonly diffId: string;
  /** Compressed. */
  readonly blob: Uint8Array;
}

/** Reads an archive. @throws when it is not one of ours, or a blob is not what its digest says */
export async function readArchive(path: string): Promise<ImageArchive> {
  const entries = await unpackTar(Bun.file(path).stream(), { strict: true });
  const files = new Map(entries.map(({ header, data }) => [header.name, data]));
  const read = (name: string): Uint8Array => {
    const content = files.get(name);
    if (content === undefined) throw new Error(`${path} has no ${name}`);
    return content;
  };
  const readBlob = (digest: string): Uint8Array => {
    const content = read(blobPath(digest));
    if (digestOf(content) !== digest) throw new Error(`${path}: ${digest} is damaged`);
    return content;
  };
  const parse = <T>(schema: z.ZodType<T>, content: Uint8Array): T =>
    schema.parse(JSON.parse(new TextDecoder().decode(content)));

  const [{ digest, annotations }] = parse(indexSchema, read("index.json")).manifests;
  const manifest = parse(manifestSchema, readBlob(digest));
  const config = parse(configSchema, readBlob(manifest.config.digest));
  return {
    reference: annotations["io.containerd.image.name"] ?? "",
    digest,
    config,
    layers: manifest.layers.map((layer, place) => ({
      diffId: config.rootfs.diff_ids[place] ?? "",
      blob: readBlob(layer.digest),
    })),
  };
}

/** The same, null where there is none that can be used. */
export async function readUsableArchive(path: string): Promise<ImageArchive | null> {
  if (!existsSync(path)) return null;
  try {
    return await readArchive(path);
  } catch {
    return null;
  }
}
