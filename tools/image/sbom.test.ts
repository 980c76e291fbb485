import { describe, expect, test } from "bun:test";
import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import { npmComponent } from "./component.ts";
import { formatSbom } from "./sbom.ts";

const subject = {
  name: "MeStore service",
  version: "0.1.0",
  description: "The marketplace",
  license: "Apache-2.0",
  created: "2026-11-24T12:00:00Z",
};

const components = [
  npmComponent("zod", "4.6.7", "MIT"),
  npmComponent("@scope/either", "1.0.0", "(MIT OR Apache-2.0)"),
  npmComponent("own-words", "1.0.0", "Licence of the author"),
  {
    name: "libc6",
    version: "2.36-9+deb12u14",
    license: null,
    purl: "pkg:deb/debian/libc6@2.36-9%2Bdeb12u14?arch=amd64&distro=debian-12",
  },
];

describe("a bill of materials", () => {
  test("keeps the schema of CycloneDX 1.6", async () => {
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
    expect(await validator.validate(formatSbom(subject, components))).toBeNull();
  });

  test("names what the image holds, and that it depends on it", () => {
    const bom = JSON.parse(formatSbom(subject, components));
    expect(bom.metadata.component).toMatchObject({
      type: "container",
      name: "MeStore service",
      version: "0.1.0",
    });
    expect(bom.components.map(({ purl }: { purl: string }) => purl).toSorted()).toEqual(
      components.map(({ purl }) => purl).toSorted(),
    );
    const own = bom.dependencies.find(({ ref }: { ref: string }) => ref.startsWith("MeStore"));
    expect(own.dependsOn).toHaveLength(components.length);
  });

  test("gives licences as an identifier, an expression or a name", () => {
    const bom = JSON.parse(formatSbom(subject, components));
    const licenses = Object.fromEntries(
      bom.components.map((one: { name: string; licenses?: unknown }) => [one.name, one.licenses]),
    );
    expect(licenses).toEqual({
      zod: [{ license: { id: "MIT" } }],
      "@scope/either": [{ expression: "(MIT OR Apache-2.0)" }],
      "own-words": [{ license: { name: "Licence of the author" } }],
      libc6: undefined,
    });
  });

  test("does not depend on the order in which things were found, nor on the time", () => {
    expect(formatSbom(subject, components.toReversed())).toBe(formatSbom(subject, components));
  });
});
