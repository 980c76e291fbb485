import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { parseProfiles } from "./explain-file.ts";
import { formatExplained } from "./format.ts";

const example = join(import.meta.dir, "../../docs/examples/demo-profile.yaml");

const profile = (spec: string) => `apiVersion: mestore.dev/v1alpha1
kind: PerformanceProfile
metadata: { name: storefront, namespace: shop }
spec:
  targetRef: { name: mestore }
${spec}`;

function faultsOf(text: string): readonly string[] {
  const parsed = parseProfiles("shop.yaml", text);
  return parsed.ok ? [] : parsed.faults;
}

describe("profiles of a file", () => {
  test("the example is one", async () => {
    const parsed = parseProfiles(example, await Bun.file(example).text());
    expect(parsed.ok && parsed.profiles.map(({ key }) => key)).toEqual(["shop/storefront"]);
  });

  test("a file may hold several", () => {
    const other = profile("").replace("storefront", "checkout");
    const parsed = parseProfiles("shop.yaml", `${profile("")}\n---\n${other}`);
    expect(parsed.ok && parsed.profiles.map(({ key }) => key)).toEqual([
      "shop/storefront",
      "shop/checkout",
    ]);
  });

  test.each([
    [profile("  mod: Auto"), "shop.yaml, shop/storefront: spec.mod: unknown field"],
    [profile("  mode: Off"), "shop.yaml, shop/storefront: spec.mode: must be one of"],
    [
      profile("  cache: { classes: [{ name: product, minTTLSeconds: 1h }] }"),
      "shop.yaml, shop/storefront: spec.cache.classes[0].minTTLSeconds: must be a whole number",
    ],
    [
      profile("  cache: { classes: [{ name: product, minTTLSeconds: 60, maxTTLSeconds: 5 }] }"),
      "spec.cache.classes[0].minTTLSeconds: is above maxTTLSeconds",
    ],
    ["a: [", "line 1"],
    ["", "shop.yaml holds no PerformanceProfile"],
    ["# nothing but a comment\n", "shop.yaml holds no PerformanceProfile"],
  ])("%j is refused with the path of what is wrong", (text, fault) => {
    expect(faultsOf(text).join("\n")).toContain(fault);
  });
});

describe("what is printed", () => {
  test("faults go to the error output, one a line, and end with 1", () => {
    const explained = { ok: false, faults: ["a: wrong", "b: wrong too"] } as const;
    expect(formatExplained(explained, false)).toEqual({
      output: "",
      errors: "a: wrong\nb: wrong too\n",
      exitCode: 1,
    });
    expect(JSON.parse(formatExplained(explained, true).output)).toEqual({
      faults: ["a: wrong", "b: wrong too"],
    });
  });

  test("an observation that was refused is printed, and ends with 1", () => {
    const observation = { ok: false, reason: "MetricsUnreachable", detail: "gone" } as const;
    const explanation = { observation, objectives: [], decisions: [], text: "No move\n" };
    const explained = { ok: true, profiles: [{ key: "shop/storefront", explanation }] } as const;
    expect(formatExplained(explained, false)).toEqual({
      output: "No move\n",
      errors: "",
      exitCode: 1,
    });
    expect(JSON.parse(formatExplained(explained, true).output)).toMatchObject({
      profiles: [{ profile: "shop/storefront", observation: { reason: "MetricsUnreachable" } }],
    });
  });
});
