import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unpackTar } from "modern-tar";
import { readArchive, readUsableArchive } from "./archive.ts";
import { images, imageUser } from "./image-table.ts";
import { packLayer } from "./layer.ts";
import { createImage, digestOf, packArchive } from "./oci.ts";

const platform = { os: "linux", architecture: "amd64" } as const;
const reference = "mestore.dev/service:0.1.0";
let room: string;
let bytes: Uint8Array;
let archive: string;

async function build() {
  const tar = await packLayer([{ type: "file", path: "app/x", mode: 0o755, content: "run" }], 0);
  return createImage({
    settings: images.service,
    user: imageUser,
    platform,
    labels: { "org.opencontainers.image.title": "MeStore service" },
    created: "2026-11-24T12:00:00Z",
    layers: [{ diffId: digestOf(tar), comment: "the program", blob: Bun.gzipSync(tar.slice()) }],
  });
}

beforeAll(async () => {
  room = mkdtempSync(join(tmpdir(), "mestore-oci-"));
  bytes = await packArchive(await build(), reference, platform);
  archive = join(room, "image.tar");
  writeFileSync(archive, bytes);
});

afterAll(() => rmSync(room, { recursive: true, force: true }));

describe("an image archive", () => {
  test("is the same bytes every time", async () => {
    expect(await packArchive(await build(), reference, platform)).toEqual(bytes);
  });

  test("is an image layout: a version, an index, and blobs named by their digests", async () => {
    const files = new Map(
      (await unpackTar(bytes)).map(({ header, data }) => [header.name, data ?? new Uint8Array()]),
    );
    const text = (name: string): string => new TextDecoder().decode(files.get(name));
    expect(text("oci-layout")).toBe('{"imageLayoutVersion":"1.0.0"}');
    const index = JSON.parse(text("index.json"));
    expect(index.manifests).toEqual([
      {
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
        size: expect.any(Number),
        platform,
        annotations: {
          "io.containerd.image.name": reference,
          "org.opencontainers.image.ref.name": "0.1.0",
        },
      },
    ]);
    const blobs = [...files].filter(([name]) => name.startsWith("blobs/sha256/"));
    expect(blobs).toHaveLength(3);
    for (const [name, content] of blobs)
      expect(digestOf(content)).toBe(`sha256:${name.replace("blobs/sha256/", "")}`);
  });

  test("tells what a container runs, and as whom", async () => {
    const { config } = await readArchive(archive);
    expect(config).toMatchObject({
      created: "2026-11-24T12:00:00Z",
      config: {
        User: "65532:65532",
        Entrypoint: ["/app/mestore-service"],
        Cmd: [],
        ExposedPorts: { "8000/tcp": {}, "9464/tcp": {} },
        Labels: { "org.opencontainers.image.title": "MeStore service" },
      },
    });
  });

  test("gives back the layers that it was made of", async () => {
    const read = await readArchive(archive);
    const built = await build();
    expect(read.reference).toBe(reference);
    expect(read.digest).toBe(built.manifest.descriptor.digest);
    expect(read.layers.map(({ blob }) => digestOf(blob))).toEqual(
      built.layers.map(({ descriptor }) => descriptor.digest),
    );
    for (const { diffId, blob } of read.layers)
      expect(digestOf(Bun.gunzipSync(blob.slice()))).toBe(diffId);
  });

  test("that is damaged is not used again", async () => {
    const damaged = join(room, "damaged.tar");
    const layerStart = bytes.findIndex((byte, place) => byte === 0x1f && bytes[place + 1] === 0x8b);
    const copy = bytes.slice();
    copy[layerStart + 20] = (copy[layerStart + 20] ?? 0) ^ 0xff;
    writeFileSync(damaged, copy);
    expect(await readUsableArchive(damaged)).toBeNull();
    expect(await readUsableArchive(join(room, "none.tar"))).toBeNull();
    expect((await readUsableArchive(archive))?.reference).toBe(reference);
  });
});
