import { describe, expect, test } from "bun:test";
import { findPackages } from "./compile-program.ts";
import { npmComponent } from "./component.ts";
import { imageNames, images, imageUser, referenceOf } from "./image-table.ts";
import { createdAt, labelsOf } from "./labels.ts";
import { parseLoaded } from "./libraries.ts";
import { choosePlatform } from "./platform.ts";

describe("the table of images", () => {
  test("has no image that runs as root or leaves what it runs to a shell", () => {
    expect(imageUser.uid).toBeGreaterThan(0);
    for (const name of imageNames) expect(images[name].entrypoint[0]).toStartWith("/");
  });

  test("names references as the charts do", () => {
    expect(referenceOf("postgresql", "18.4")).toBe("mestore.dev/postgresql:18.4");
  });
});

describe("what the loader prints", () => {
  test("gives each library and where it is", () => {
    const output = [
      "\tlinux-vdso.so.1 (0x00007f139e017000)",
      "\tlibc.so.6 => /root/lib/x86_64-linux-gnu/libc.so.6 (0x00007f139de24000)",
      "\t/lib64/ld-linux-x86-64.so.2 => /root/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 (0x00007f)",
      "\tlibtcl8.6.so => not found",
      "",
    ].join("\n");
    expect(parseLoaded(output)).toEqual([
      { name: "libc.so.6", path: "/root/lib/x86_64-linux-gnu/libc.so.6" },
      {
        name: "/lib64/ld-linux-x86-64.so.2",
        path: "/root/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
      },
      { name: "libtcl8.6.so", path: null },
    ]);
  });

  test("of a static program is no library", () => {
    expect(parseLoaded("\tstatically linked\n")).toEqual([]);
  });
});

describe("the packages in a program", () => {
  const input = (bytesInOutput: number) => ({ bytesInOutput });

  test("are those of which code is left, each once", () => {
    const isolated = "node_modules/.bun";
    expect(
      findPackages({
        outputs: {
          "./mestore-service": {
            inputs: {
              "service/src/main.ts": input(10),
              [`${isolated}/zod@4.6.7/node_modules/zod/v4/index.js`]: input(10),
              [`${isolated}/zod@4.6.7/node_modules/zod/v4/core.js`]: input(10),
              [`${isolated}/@hono+zod-openapi@1.6.3/node_modules/@hono/zod-openapi/x.js`]: input(1),
              "node_modules/unused/index.js": input(0),
            },
          },
        },
      }),
    ).toEqual([
      `${isolated}/@hono+zod-openapi@1.6.3/node_modules/@hono/zod-openapi`,
      `${isolated}/zod@4.6.7/node_modules/zod`,
    ]);
  });

  test("have the address that the standard wants", () => {
    expect(npmComponent("@hono/zod-openapi", "1.6.3", "MIT").purl).toBe(
      "pkg:npm/%40hono/zod-openapi@1.6.3",
    );
    expect(npmComponent("zod", "4.6.7", null).purl).toBe("pkg:npm/zod@4.6.7");
  });
});

describe("labels", () => {
  const revision = { commit: "0123abcd", committedAtSeconds: 1_795_540_000 };

  test("say what the image is, of which source, from when", () => {
    expect(labelsOf(images.operator, "0.1.0", revision)).toEqual({
      "org.opencontainers.image.created": createdAt(revision),
      "org.opencontainers.image.description": images.operator.description,
      "org.opencontainers.image.licenses": "Apache-2.0",
      "org.opencontainers.image.revision": "0123abcd",
      "org.opencontainers.image.source": "https://mestore.dev",
      "org.opencontainers.image.title": "MeStore operator",
      "org.opencontainers.image.version": "0.1.0",
    });
    expect(createdAt(revision)).toMatch(/^2026-11-\d\dT\d\d:\d\d:\d\dZ$/);
  });

  test("leave out the revision of a tree that is no clone", () => {
    const labels = labelsOf(images.demo, "0.1.0", { commit: null, committedAtSeconds: 0 });
    expect(labels).not.toContainKey("org.opencontainers.image.revision");
    expect(labels["org.opencontainers.image.created"]).toBe("1970-01-01T00:00:00Z");
  });
});

describe("the platform", () => {
  test("is this machine's own", () => {
    const amd64 = { os: "linux", architecture: "amd64" } as const;
    expect(choosePlatform(null, "linux/x64")).toEqual(amd64);
    expect(choosePlatform("linux/amd64", "linux/x64")).toEqual(amd64);
    expect(choosePlatform(null, "linux/arm64")).toEqual({ os: "linux", architecture: "arm64" });
  });

  test("cannot be another one, and says what builds there", () => {
    expect(() => choosePlatform("linux/arm64", "linux/x64")).toThrow(
      "this machine builds images for linux/amd64 only, not for linux/arm64",
    );
    expect(() => choosePlatform(null, "darwin/arm64")).toThrow("images are built on Linux");
  });
});
