import { describe, expect, test } from "bun:test";
import { requestableRoutes } from "./requests.ts";
import { parseWorkloadName, planMix, workloadNames, workloads } from "./workloads.ts";

const sumOf = (shares: Iterable<number>) => [...shares].reduce((a, b) => a + b, 0);

describe("workloads", () => {
  test("have the rates that people read about", () => {
    expect(workloads.demo.requestsPerSecond).toBe(400);
    expect(workloads.light.requestsPerSecond).toBe(200);
    expect(workloads.heavy.requestsPerSecond).toBe(1500);
  });

  test.each(workloadNames)("%s: the shares sum to 1, and the driver can send it", (name) => {
    const { mix } = workloads[name];
    expect(sumOf(Object.values(mix))).toBeCloseTo(1, 12);
    const planned = planMix(mix, requestableRoutes);
    expect(sumOf(Object.values(planned.mix))).toBeCloseTo(1, 12);
  });

  test("what cannot be requested is spread in proportion, and said", () => {
    const planned = planMix(workloads.heavy.mix, ["product", "list"]);
    expect(planned.mix.product).toBeCloseTo(0.55 / 0.8, 12);
    expect(planned.mix.list).toBeCloseTo(0.25 / 0.8, 12);
    expect(planned.redistributed).toEqual(["search", "suggestions", "checkout"]);
    expect(planMix(workloads.demo.mix, ["product", "list"]).redistributed).toEqual([]);
  });

  test("a mix of which nothing can be requested is refused", () => {
    expect(() => planMix({ checkout: 1 }, ["product"])).toThrow("none of checkout");
  });

  test("names", () => {
    expect(parseWorkloadName("demo")).toBe("demo");
    expect(parseWorkloadName("toString")).toBeUndefined();
  });
});
