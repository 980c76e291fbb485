import { describe, expect, test } from "bun:test";
import {
  createReadiness,
  decideReadiness,
  isReady,
  type ReadinessInputs,
  type ReadinessReport,
} from "./readiness.ts";

const well: ReadinessInputs = {
  draining: false,
  prepared: true,
  database: "up",
  schemaVersion: 2,
  requiredSchemaVersion: 2,
  cache: "up",
};

describe("decideReadiness", () => {
  test.each<[string, Partial<ReadinessInputs>, ReadinessReport["status"], boolean]>([
    ["all is well", {}, "ready", true],
    ["no shared cache is configured", { cache: "absent" }, "ready", true],
    ["the shared cache is away", { cache: "down" }, "degraded", true],
    ["the database went away", { database: "down" }, "degraded", true],
    ["the schema is ahead of the code", { schemaVersion: 3 }, "ready", true],
    ["the schema is behind", { schemaVersion: 1 }, "schemaBehind", false],
    ["there is no schema", { schemaVersion: 0 }, "schemaBehind", false],
    [
      "the database was never reached",
      { schemaVersion: null, database: "down" },
      "starting",
      false,
    ],
    ["it prepares itself", { prepared: false }, "starting", false],
    [
      "the schema is behind what it would prepare for",
      { prepared: false, schemaVersion: 1 },
      "schemaBehind",
      false,
    ],
    ["it drains", { draining: true }, "draining", false],
    ["it drains without a database", { draining: true, database: "down" }, "draining", false],
  ])("%s", (_, change, status, ready) => {
    const report = decideReadiness({ ...well, ...change });
    expect(report.status).toBe(status);
    expect(isReady(report)).toBe(ready);
  });
});

describe("createReadiness", () => {
  function createBed() {
    const bed = {
      ms: 0,
      asked: 0,
      version: async (): Promise<number> => 2,
      draining: false,
      prepare: async () => {},
    };
    const readiness = createReadiness({
      loadSchemaVersion: () => {
        bed.asked += 1;
        return bed.version();
      },
      requiredSchemaVersion: 2,
      prepare: () => bed.prepare(),
      cacheState: () => "absent",
      isDraining: () => bed.draining,
      monotonicMs: () => bed.ms,
    });
    return { bed, readiness };
  }

  test("asks the database once a second however often it is probed", async () => {
    const { bed, readiness } = createBed();
    for (let probe = 0; probe < 10; probe += 1) await readiness.report();
    expect(bed.asked).toBe(1);
    bed.ms = 1000;
    await readiness.report();
    expect(bed.asked).toBe(2);
  });

  test("asks at every probe while it waits for a start, and is ready at once", async () => {
    const { bed, readiness } = createBed();
    bed.version = () => Promise.reject(new Error("refused"));
    expect((await readiness.report()).status).toBe("starting");
    bed.version = async () => 0;
    expect((await readiness.report()).status).toBe("schemaBehind");
    bed.version = async () => 2;
    expect((await readiness.report()).status).toBe("ready");
  });

  test("prepares once, when the schema fits, and is not ready before that has ended", async () => {
    const { bed, readiness } = createBed();
    const preparing = Promise.withResolvers<void>();
    let begun = 0;
    bed.prepare = () => {
      begun += 1;
      return preparing.promise;
    };
    bed.version = async () => 1;
    expect((await readiness.report()).status).toBe("schemaBehind");
    expect(begun).toBe(0);
    bed.version = async () => 2;
    expect((await readiness.report()).status).toBe("starting");
    bed.ms = 5000;
    expect((await readiness.report()).status).toBe("starting");
    preparing.resolve();
    await preparing.promise;
    expect((await readiness.report()).status).toBe("ready");
    expect(begun).toBe(1);
  });

  test("answers in time when the database does not, and asks no second time meanwhile", async () => {
    const { bed, readiness } = createBed();
    expect((await readiness.report()).status).toBe("ready");
    bed.ms = 5000;
    bed.version = () => new Promise(() => {});
    const reports = await Promise.all([readiness.report(), readiness.report()]);
    expect(reports.map(({ status }) => status)).toEqual(["degraded", "degraded"]);
    expect(bed.asked).toBe(2);
  });

  test("asks nobody while it drains", async () => {
    const { bed, readiness } = createBed();
    bed.draining = true;
    expect((await readiness.report()).status).toBe("draining");
    expect(bed.asked).toBe(0);
  });
});
