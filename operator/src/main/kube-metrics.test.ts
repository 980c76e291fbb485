import { describe, expect, test } from "bun:test";
import {
  parseProfile,
  profileApiVersion,
  profileKind,
} from "@mestore/contract/performance-profile";
import { matchersOf } from "./kube-metrics.ts";

interface Ref {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly name: string;
}

function profileOf(targetRef: Ref, prometheus: object = {}) {
  const parsed = parseProfile({
    ...{ apiVersion: profileApiVersion, kind: profileKind },
    metadata: { name: "storefront", namespace: "shop" },
    spec: { targetRef, metrics: { prometheus: { url: "http://prometheus:9090", ...prometheus } } },
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return parsed.value;
}

/** The pattern of the label `pod`, anchored as Prometheus does. */
function podPattern(targetRef: Ref, readyPods: readonly string[] = []): RegExp {
  const matchers = matchersOf(profileOf(targetRef), readyPods);
  expect(matchers.map(({ name, operator }) => [name, operator])).toEqual([
    ["namespace", "="],
    ["pod", "=~"],
  ]);
  expect(matchers[0]?.value).toBe("shop");
  return new RegExp(`^(?:${matchers[1]?.value})$`);
}

/** As the API server builds the name of a ReplicaSet's pod: k8s.io/apiserver/pkg/storage/names. */
const podOf = (deployment: string, hash: string) => `${deployment}-${hash}-`.slice(0, 58) + "x7k2p";

const longHash = "6f8d9c7b54";

describe("the series of a target are picked out by", () => {
  test("the labels that the profile names, and nothing else", () => {
    const matchers = [
      { name: "job", value: "shop/web" },
      { name: "cluster", value: "eu" },
    ];
    expect(matchersOf(profileOf({ name: "web" }, { matchers }), ["web-1"])).toEqual([
      { name: "job", operator: "=", value: "shop/web" },
      { name: "cluster", operator: "=", value: "eu" },
    ]);
  });

  test("the names of a Deployment's pods, however long its own name and the hash are", () => {
    for (let length = 1; length <= 70; length += 1)
      for (let hashLength = 1; hashLength <= longHash.length; hashLength += 1) {
        const name = "n".repeat(length);
        const pod = podOf(name, longHash.slice(0, hashLength));
        expect([pod, podPattern({ name }).test(pod)]).toEqual([pod, true]);
      }
  });

  test("no names of other pods", () => {
    for (const length of [3, 46, 47, 50, 55, 56, 57]) {
      const name = "n".repeat(length);
      const pattern = podPattern({ name });
      for (const other of [`${name}n`, `x${name}`, `${name}-db`])
        if (other.length <= 57) {
          const pod = podOf(other, longHash);
          expect([pod, pattern.test(pod)]).toEqual([pod, false]);
        }
      expect(pattern.test(`${name}-0`)).toBe(false);
      expect(pattern.test(`${podOf(name, longHash)}y`)).toBe(false);
    }
    expect(podPattern({ name: "web.v1" }).test(podOf("web.v1", longHash))).toBe(true);
    expect(podPattern({ name: "web.v1" }).test(podOf("webxv1", longHash))).toBe(false);
    const cut = `${"n".repeat(40)}.${"n".repeat(12)}`;
    expect(podPattern({ name: cut }).test(podOf(cut, longHash))).toBe(true);
    expect(podPattern({ name: cut }).test(podOf(cut.replace(".", "x"), longHash))).toBe(false);
  });

  test("the ordinals of a StatefulSet", () => {
    const pattern = podPattern({ apiVersion: "apps/v1", kind: "StatefulSet", name: "web" });
    expect(["web-0", "web-12"].every((pod) => pattern.test(pod))).toBe(true);
    expect(["web-db-0", "web-x7k2p", "web-"].some((pod) => pattern.test(pod))).toBe(false);
  });

  describe("what the pods of an unknown kind are called", () => {
    const rollout = { apiVersion: "argoproj.io/v1alpha1", kind: "Rollout", name: "web" };

    test("while none is known, by the name of the target", () => {
      const pattern = podPattern(rollout);
      expect(pattern.test("web-6f8d9c7b54-x7k2p")).toBe(true);
      expect(pattern.test("other-6f8d9c7b54-x7k2p")).toBe(false);
    });

    test("once some are, by theirs", () => {
      const pattern = podPattern(rollout, ["web-aaaa-11111", "web-aaaa-22222", "web-bbbb-33333"]);
      expect(pattern.test("web-aaaa-22222")).toBe(true);
      // One that went within the window.
      expect(pattern.test("web-bbbb-9z9z9")).toBe(true);
      expect(pattern.test("web-db-0")).toBe(false);
    });

    test("where the API server cut the name", () => {
      const pattern = podPattern(rollout, [podOf("n".repeat(60), "aaaa")]);
      expect(pattern.test(`${"n".repeat(58)}00000`)).toBe(true);
      expect(pattern.test(`${"n".repeat(57)}x00000`)).toBe(false);
    });
  });
});
